"""The verbs of ./panel: what each one sets up, and what it then becomes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hapanel.bootstrap.debian import ensure_programs
from hapanel.bootstrap.environment import DEVELOPMENT_LOCK, RUNTIME_LOCK, Environment
from hapanel.bootstrap.quality import run_checks
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from hapanel.supervisor.options import read_options
from hapanel.supervisor.panel_programs import base_environment

ROOT = Path(__file__).resolve().parents[2]
HELP_WORDS = {"-h", "--help", "help"}
HELP = """usage: ./panel VERB ...

  demo      the panel with a lab cluster, on this machine only; --help shows its options
  up, stop  the panel on the configured database, without the lab; stop also ends a demo
  manage    Django's manage.py; `manage --demo ...` speaks to the demo's database
  ctl       hurt and heal the demo's lab: ctl status, ctl crash slave, ctl power-on slave
            (`ctl --var DIR` and `manage --demo --var DIR`: the demo that keeps to DIR)
  test      every test, real browser included; further words go to pytest
  check     style, types, floors, migrations, translations
  bench     the benchmarks
  setup     only make .venv (--dev: with the tools for test, check and bench)

Everything is kept in .venv and var/ of this folder. docs/operations.md tells more.
"""
CTL_HELP = """usage: ./panel ctl [--var DIR] ACTION ...

  status                                  the lab's whole truth, as JSON
  crash NODE, power-on NODE               a black hole, and back
  cut, heal NODE NODE                     the replication link; --network cluster|replication|all
  slow-link NODE NODE MBIT                the same networks, slower
  api NODE ok|refuse|hang|drop-answer     how the node's API fails

--var DIR is the folder that ./panel demo was given. docs/lab.md lists every action.
"""

NO_DEMO = refusal_kind(
    "setup-no-demo",
    gettext_noop("No demo has been started in this folder."),
    gettext_noop("Start one with ./panel demo."),
)


def setup(words: list[str]) -> int:
    """Make the environment and nothing else."""
    _environment(DEVELOPMENT_LOCK if words == ["--dev"] else RUNTIME_LOCK)
    return 0


def supervise(verb: str, words: list[str]) -> int:
    """Become the supervisor; its options are read before the set-up, which may take a while."""
    read_options(ROOT, [verb, *words])
    python = _environment(RUNTIME_LOCK)
    return _become(python, ["-m", "hapanel.supervisor", verb, *words])


def manage(words: list[str]) -> int:
    """Become manage.py, with the demo's settings when the first word is --demo."""
    environ = base_environment(ROOT)
    if words[:1] == ["--demo"]:
        demo, words = _which_demo(words[1:])
        environ = _of_the_demo(environ, demo)
    return _become(_environment(RUNTIME_LOCK), ["manage.py", *words], environ)


def ctl(words: list[str]) -> int:
    """Become the lab's control command, pointed at the demo's lab."""
    demo, words = _which_demo(words)
    if not words or words[0] in HELP_WORDS:
        sys.stdout.write(CTL_HELP)
        return 0
    ready = _read_demo(demo, "lab-ready.json")
    where = ["--url", ready["control_url"], "--token", ready["control_token"]]
    python = _environment(RUNTIME_LOCK)
    return _become(python, ["-m", "hapanel.lab", "ctl", *where, *words])


def test(words: list[str]) -> int:
    """Become pytest."""
    ensure_programs("chromium", "xgettext")
    return _become(_environment(DEVELOPMENT_LOCK), ["-m", "pytest", *words])


def check(words: list[str]) -> int:
    """Run every check."""
    if words:
        raise SystemExit("./panel check takes no further words")
    ensure_programs("xgettext")
    _environment(DEVELOPMENT_LOCK)
    return run_checks(ROOT, base_environment(ROOT))


def bench(words: list[str]) -> int:
    """Become the benchmarks."""
    ensure_programs("chromium")
    return _become(_environment(DEVELOPMENT_LOCK), ["-m", "bench", *words])


@dataclass(frozen=True, slots=True)
class _Supervised:
    """A verb that the supervisor carries out."""

    verb: str

    def __call__(self, words: list[str]) -> int:
        return supervise(self.verb, words)


VERBS: dict[str, Callable[[list[str]], int]] = {
    "demo": _Supervised("demo"),
    "up": _Supervised("up"),
    "stop": _Supervised("stop"),
    "manage": manage,
    "ctl": ctl,
    "test": test,
    "check": check,
    "bench": bench,
    "setup": setup,
}


def run(words: list[str]) -> int:
    """Carry out one command line; the exit code."""
    if not words or words[0] in HELP_WORDS:
        sys.stdout.write(HELP)
        return 0
    verb = VERBS.get(words[0])
    if verb is None:
        sys.stderr.write(f"./panel knows no {words[0]!r}.\n\n{HELP}")
        return 2
    try:
        return verb(words[1:])
    except Refused as refused:
        for refusal in refused.refusals:
            sys.stderr.write(f"{refusal.because()}\n{refusal.remedy()}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; start it again and it goes on.\n")
        return 130


def _environment(lock: str) -> Path:
    environment = Environment(ROOT)
    environment.ensure(lock)
    return environment.python


def _which_demo(words: list[str]) -> tuple[Path, list[str]]:
    """The folder that the demo keeps to, and the words without --var."""
    if words[:1] == ["--var"] and len(words) > 1:
        return Path(words[1]).expanduser().resolve() / "demo", words[2:]
    return ROOT / "var" / "demo", words


def _of_the_demo(environ: dict[str, str], demo: Path) -> dict[str, str]:
    """The demo's settings in place of what is set for the real panel, a token at hand apart."""
    others = {
        name: value
        for name, value in environ.items()
        if not name.startswith("HAPANEL_") or name == "HAPANEL_TOKEN_SECRET"
    }
    return others | _read_demo(demo, "environment.json")


def _become(python: Path, words: list[str], environ: dict[str, str] | None = None) -> int:
    """Replace this process, so that signals and exit codes need nobody to pass them on."""
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(python, [str(python), *words], environ or base_environment(ROOT))  # noqa: S606 - no shell is wanted


def _read_demo(demo: Path, name: str) -> dict[str, str]:
    try:
        facts = json.loads((demo / name).read_text())
    except (OSError, ValueError) as error:
        raise Refused(NO_DEMO()) from error
    return facts if isinstance(facts, dict) else {}
