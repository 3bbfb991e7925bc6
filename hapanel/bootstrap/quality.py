"""`./panel check`: every check that needs no running panel, each named with its time."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("hapanel", "nodes", "vms", "tests", "bench")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it is called and the command that ends with 0 when all is well."""

    name: str
    command: tuple[str, ...]


def checks(root: Path) -> list[Check]:
    """The checks of this checkout, cheapest first."""
    tools = root / ".venv" / "bin"
    python = str(tools / "python")
    manage = (python, str(root / "manage.py"))
    sources = tuple(name for name in SOURCES if (root / name).is_dir())
    return [
        Check("style", (str(tools / "ruff"), "check", ".", "panel")),
        Check("format", (str(tools / "ruff"), "format", "--check", ".", "panel")),
        Check("floors", (str(tools / "lint-imports"),)),
        Check("migrations", (*manage, "makemigrations", "--check", "--dry-run")),
        Check("translations", (*manage, "check_translations")),
        Check("types", (str(tools / "mypy"), *sources, "panel")),
    ]


def run_checks(root: Path, environ: dict[str, str]) -> int:
    """Run all of them, whatever fails; 0 when every one passed, else 1."""
    failed: list[str] = []
    for check in checks(root):
        started = time.monotonic()
        outcome = subprocess.run(
            check.command,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        verdict = "ok" if outcome.returncode == 0 else "FAILED"
        sys.stdout.write(f"{check.name:14} {verdict:7} {time.monotonic() - started:5.1f} s\n")
        if outcome.returncode != 0:
            failed.append(check.name)
            sys.stdout.write(outcome.stdout + outcome.stderr)
        sys.stdout.flush()
    if failed:
        sys.stdout.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0
