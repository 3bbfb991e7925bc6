"""What this machine is, as far as it can tell from inside: its network cards and its SMBIOS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys/class")
PROC = Path("/proc")
NO_CARD = "00:00:00:00:00:00"


@dataclass(frozen=True, slots=True)
class OwnMachine:
    """`macs` in capitals, `uuid` in small letters as Proxmox's smbios1 has it, None: not told."""

    macs: frozenset[str]
    uuid: str | None
    is_virtual: bool

    def is_guest_with(self, macs: Iterable[str], uuid: str | None) -> bool:
        """Whether a guest with these network cards and this SMBIOS UUID is this machine."""
        return bool(self.macs & set(macs)) or (uuid is not None and uuid == self.uuid)


def look_around(sys: Path = SYS, proc: Path = PROC) -> OwnMachine:
    """The machine that this program runs on.

    Only root may read the SMBIOS UUID, and a Docker container has cards of its own: then a panel in
    a container inside a guest is not recognised unless it runs as root.
    """
    cards = {_text(file).upper() for file in sys.glob("net/*/address")}
    uuid = _text(sys / "dmi/id/product_uuid").lower()
    return OwnMachine(
        macs=frozenset(cards - {"", NO_CARD}),
        uuid=uuid or None,
        is_virtual=_has_hypervisor(proc) or _is_container(proc),
    )


def _has_hypervisor(proc: Path) -> bool:
    """x86 tells it as a CPU flag; elsewhere nothing rules a hypervisor out."""
    flags = [line for line in _text(proc / "cpuinfo").splitlines() if line.startswith("flags")]
    return not flags or "hypervisor" in flags[0].split()


def _is_container(proc: Path) -> bool:
    markers = "container=" in _text(proc / "1/environ").replace("\0", "\n")
    return markers or Path("/run/systemd/container").exists() or Path("/.dockerenv").exists()


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
