"""Which texts for people there are, and which of them a language lacks.

Texts are collected with gettext's xgettext, as Django's makemessages does it, but into a folder of
our own: a check must not touch the checkout.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

ROOMS = ("hapanel", "nodes", "vms")
# Their texts are for engineers at a shell, or stand in the recorded words of Proxmox.
UNTRANSLATED = ("hapanel/lab/",)
KEYWORDS = (
    "gettext_noop",
    "gettext_lazy",
    "ngettext_lazy:1,2",
    "pgettext:1c,2",
    "npgettext:1c,2,3",
    "pgettext_lazy:1c,2",
    "npgettext_lazy:1c,2,3",
)
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +.\d]*[a-zA-Z]|%%")

NO_GETTEXT = refusal_kind(
    "gettext-missing",
    gettext_noop("The program xgettext is not there, so texts cannot be collected."),
    gettext_noop("Install it (Debian: apt-get install gettext)."),
)
TEXTS_UNREADABLE = refusal_kind(
    "texts-unreadable",
    gettext_noop("xgettext cannot read the texts: %(said)s"),
    gettext_noop("Correct the place that it names."),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with the translation of one text."""

    place: str
    text: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.text[:100]!r}"


def collect(root: Path) -> polib.POFile:
    """Every text for people in Python files and templates. Raises Refused."""
    program = shutil.which("xgettext")
    if program is None:
        raise Refused(NO_GETTEXT())
    with tempfile.TemporaryDirectory(prefix="hapanel-texts-") as folder:
        made = Path(folder)
        files = [*_python_files(root), *_templates(root, made)]
        (made / "files").write_text("\n".join(files) + "\n")
        keywords = [f"--keyword={word}" for word in KEYWORDS]
        command = [program, "--language=Python", "--from-code=UTF-8", "--files-from=files"]
        where = [f"--directory={root}", "--directory=.", "--output=all.pot", "--no-wrap"]
        done = subprocess.run(
            [*command, *where, *keywords, "--force-po"],
            cwd=made,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(TEXTS_UNREADABLE(said=done.stderr.strip()))
        return polib.pofile(str(made / "all.pot"))


def _python_files(root: Path) -> Iterator[str]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(UNTRANSLATED) and "/migrations/" not in name:
                yield name


def _templates(root: Path, made: Path) -> Iterator[str]:
    """Templates turned into something that xgettext takes for Python."""
    for path in sorted((root / "templates").rglob("*.html")):
        name = path.relative_to(root).as_posix()
        target = made / f"{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(templatize(path.read_text(), origin=name))
        yield f"{name}.py"


def new_catalogue() -> polib.POFile:
    """An empty catalogue of a language without plural forms, as Indonesian is."""
    made = polib.POFile(wrapwidth=0)
    made.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": "id",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    return made


def bring_up_to_date(catalogue: polib.POFile, texts: polib.POFile, file: Path) -> None:
    """Add new texts without a translation, drop those that are gone, and save it.

    Lines of code are left out of the places, so that a catalogue changes only when texts do.
    """
    catalogue.merge(texts)
    for entry in [entry for entry in catalogue if entry.obsolete]:
        catalogue.remove(entry)
    for entry in catalogue:
        places = {
            place.removesuffix(".py") if ".html" in place else place
            for place, _line in entry.occurrences
        }
        entry.occurrences = [(place, "") for place in sorted(places)]
        if entry.msgid_plural:  # xgettext prepares a form more than the language has
            entry.msgstr_plural = {0: entry.msgstr_plural.get(0, "")}
    file.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(file))


def faults(texts: polib.POFile, catalogue: polib.POFile) -> Iterator[Fault]:
    """What `catalogue` lacks of `texts`, and where its placeholders differ."""
    known = {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}
    for text in texts:
        place = ":".join(str(part) for part in next(iter(text.occurrences), ("?", "")))
        place = place.replace(".html.py", ".html")
        found = known.get((text.msgctxt, text.msgid))
        what = "not there" if found is None else _what_is_wrong(text, found)
        if what:
            yield Fault(place, text.msgid, what)


def _what_is_wrong(text: polib.POEntry, found: polib.POEntry) -> str:
    forms = list(found.msgstr_plural.values()) if text.msgid_plural else [found.msgstr]
    if found.fuzzy:
        return "marked as fuzzy"
    if not forms or not all(form.strip() for form in forms):
        return "not translated"
    wanted = placeholders(text.msgid) | placeholders(text.msgid_plural or "")
    for form in forms:
        strange = placeholders(form) - wanted
        lost = wanted - placeholders(form)
        if strange or (lost and not text.msgid_plural):
            names = ", ".join(sorted(strange | lost))
            return f"placeholders differ ({names})"
    return ""


def placeholders(text: str) -> set[str]:
    """The names in `%(name)s`; `%%` is none."""
    return {match[1] for match in PLACEHOLDER.finditer(text) if match[1]}
