"""The field's own names: guest ids, UPIDs, HA service ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

CLUSTER_NAME = re.compile(r"^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$")
MIN_VMID, MAX_VMID = 100, 999_999_999

# PVE's own expression takes 8 or 9 hex digits for pstart (over 497 days of uptime it needs 9).
_UPID = re.compile(
    r"^UPID:(?P<node>[a-zA-Z0-9-]+):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9}):"
    r"(?P<start>[0-9A-Fa-f]{8}):(?P<type>[^:\s/]+):(?P<id>[^:\s/]*):(?P<user>[^:\s/]+):$"
)


class GuestType(StrEnum):
    """The two kinds of guests of Proxmox VE 9, with the words of its API."""

    QEMU = "qemu"
    LXC = "lxc"

    @property
    def ha_prefix(self) -> str:
        """The first half of an HA service id: vm or ct."""
        return "vm" if self is GuestType.QEMU else "ct"

    @property
    def migrate_task(self) -> str:
        """The type of the worker that really moves such a guest."""
        return "qmigrate" if self is GuestType.QEMU else "vzmigrate"


@dataclass(frozen=True, slots=True)
class Upid:
    """A Proxmox task id, taken apart. `raw` is the text as Proxmox gave it."""

    raw: str
    node: str
    type: str
    id: str
    user: str
    started_at: datetime

    @classmethod
    def parse(cls, text: str) -> Upid:
        """Read `UPID:node:pid:pstart:starttime:type:id:user:`; ValueError when it is none."""
        match = _UPID.fullmatch(text)
        if match is None:
            raise ValueError(f"not a UPID: {text[:120]!r}")
        started = datetime.fromtimestamp(int(match["start"], 16), UTC)
        return cls(text, match["node"], match["type"], match["id"], match["user"], started)


def service_id(guest_type: GuestType, vmid: int) -> str:
    """The HA manager's name of a guest, such as vm:100 or ct:101."""
    return f"{guest_type.ha_prefix}:{vmid}"


def vmid_of(sid: str) -> int | None:
    """The guest id in an HA service id; None when the resource is no guest."""
    prefix, _, number = sid.partition(":")
    return int(number) if prefix in {"vm", "ct"} and number.isdigit() else None
