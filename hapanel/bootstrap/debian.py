"""What only apt can bring: a browser for the browser tests, gettext for the translators' check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

PACKAGE_OF = {"chromium": "chromium", "msgfmt": "gettext", "xgettext": "gettext"}
APT_LISTS = Path("/var/lib/apt/lists")

PROGRAM_MISSING = refusal_kind(
    "setup-program-missing",
    gettext_noop("Missing on this machine: %(programs)s; this user may not install them."),
    gettext_noop("Run: %(command)s. Then start ./panel again."),
)
APT_FAILED = refusal_kind(
    "setup-apt-failed",
    gettext_noop("apt-get could not install %(packages)s."),
    gettext_noop("Mend what it names above, or run yourself: %(command)s."),
)


def ensure_programs(*programs: str) -> None:
    """Have each of `programs` on PATH, by apt-get when this user may. Raises Refused."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    packages = sorted({PACKAGE_OF[program] for program in missing})
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    command = f"sudo apt-get update && sudo {' '.join(install)}"
    prefix = _privilege()
    if prefix is None:
        raise Refused(PROGRAM_MISSING(programs=", ".join(missing), command=command))
    sys.stderr.write(f"Installing {', '.join(packages)} by apt-get\n")
    if not any(APT_LISTS.glob("*_Packages*")):
        _run([*prefix, "apt-get", "update"])
    # Lists that are present may be too old to name files that still exist: then once again.
    if not _run([*prefix, *install]):
        _run([*prefix, "apt-get", "update"])
        if not _run([*prefix, *install]):
            raise Refused(APT_FAILED(packages=" ".join(packages), command=command))


def _privilege() -> list[str] | None:
    """What to put before a command so that it runs as root; None when that is not possible."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _run(["sudo", "--non-interactive", "true"]):
        return ["sudo", "--non-interactive"]
    return None


def _run(command: list[str]) -> bool:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if quiet.returncode != 0 and "apt-get" in command:
        sys.stderr.write(quiet.stdout[-2000:] + quiet.stderr[-2000:])
    return quiet.returncode == 0
