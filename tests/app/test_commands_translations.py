"""The check that every text for people is translated."""

from __future__ import annotations

import shutil
from pathlib import Path

import polib
import pytest

from hapanel.commands.translations import (
    bring_up_to_date,
    collect,
    faults,
    new_catalogue,
    placeholders,
)

needs_gettext = pytest.mark.skipif(not shutil.which("xgettext"), reason="gettext is not installed")


def catalogue(*entries: polib.POEntry) -> polib.POFile:
    made = polib.POFile()
    made.extend(entries)
    return made


TEXTS = catalogue(
    polib.POEntry(msgid="%(guest)s is locked.", occurrences=[("a.py", "1")]),
    polib.POEntry(msgid="%(n)s guest", msgid_plural="%(n)s guests", occurrences=[("b.py", "2")]),
)


def what(*entries: polib.POEntry) -> list[str]:
    return [fault.what for fault in faults(TEXTS, catalogue(*entries))]


GUESTS = polib.POEntry(
    msgid="%(n)s guest", msgid_plural="%(n)s guests", msgstr_plural={0: "%(n)s tamu"}
)
LOCKED = polib.POEntry(msgid="%(guest)s is locked.", msgstr="%(guest)s terkunci.")


def test_a_whole_translation_has_no_fault() -> None:
    assert what(LOCKED, GUESTS) == []


def test_what_is_missing_empty_fuzzy_or_different_is_told() -> None:
    assert what(GUESTS) == ["not there"]
    assert what(polib.POEntry(msgid=LOCKED.msgid, msgstr=" "), GUESTS) == ["not translated"]
    fuzzy = polib.POEntry(msgid=LOCKED.msgid, msgstr=LOCKED.msgstr, flags=["fuzzy"])
    assert what(fuzzy, GUESTS) == ["marked as fuzzy"]
    other = polib.POEntry(msgid=LOCKED.msgid, msgstr="%(gast)s terkunci.")
    assert what(other, GUESTS) == ["placeholders differ (gast, guest)"]
    assert what(LOCKED, polib.POEntry(msgid=GUESTS.msgid, msgstr_plural={0: ""})) == [
        "not translated"
    ]


def test_a_percent_sign_is_no_placeholder() -> None:
    assert placeholders("100 %% of %(name)s, %(size)d") == {"name", "size"}


def test_a_catalogue_is_brought_up_to_date_without_losing_a_translation(tmp_path: Path) -> None:
    file = tmp_path / "id" / "django.po"
    made = new_catalogue()
    made.append(polib.POEntry(msgid=LOCKED.msgid, msgstr=LOCKED.msgstr))
    made.append(polib.POEntry(msgid="gone", msgstr="hilang"))
    bring_up_to_date(made, TEXTS, file)
    found = polib.pofile(str(file))
    assert [entry.msgid for entry in found] == [entry.msgid for entry in TEXTS]
    assert found[0].msgstr == LOCKED.msgstr
    assert found[1].msgstr_plural == {0: ""}


@needs_gettext
def test_texts_are_found_in_code_and_in_templates(tmp_path: Path) -> None:
    (tmp_path / "hapanel").mkdir()
    (tmp_path / "hapanel" / "one.py").write_text('gettext_noop("from code")\n_("short")\n')
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        "{% load i18n %}{% blocktranslate trimmed %}\n  from a page\n{% endblocktranslate %}"
    )
    found = {entry.msgid: entry.occurrences[0] for entry in collect(tmp_path)}
    assert set(found) == {"from code", "short", "from a page"}
    assert found["from a page"][0].startswith("templates/page.html")
