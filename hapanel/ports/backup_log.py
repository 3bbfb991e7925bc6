"""What the lines of Proxmox's backup and restore logs say.

Facts about the lines: pve-manager VZDump.pm and qemu-server VZDump/QemuServer.pm (backup),
qemu-server's restore of vma archives (`progress`). Containers tell no percent. Lines that are not
known are normal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PERCENT = re.compile(r"^(?:INFO:\s+|progress )(\d{1,3})% \(")
_FAILED = re.compile(r"^ERROR: Backup of VM \d+ failed - (.+)$")
_ERROR = re.compile(r"^(?:ERROR: |TASK ERROR: )(.+)$")


def percent_in(lines: Iterable[str]) -> float | None:
    """How far it is by the last line that tells; None when none does."""
    found = [told for line in lines if (told := _PERCENT.match(line))]
    return min(100.0, float(found[-1][1])) if found else None


def error_in(lines: Iterable[str]) -> str:
    """Why it failed: what is said of the guest itself, else the last error; blank when nothing."""
    errors = []
    for line in lines:
        if told := _FAILED.match(line):
            return told[1]
        if told := _ERROR.match(line):
            errors.append(told[1])
    return errors[-1] if errors else ""
