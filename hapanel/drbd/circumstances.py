"""What a judgement needs and DRBD does not tell: configuration, guests, history, migrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hapanel.drbd.load import Load


@dataclass(frozen=True, slots=True)
class GuestOnResource:
    """A guest with a disk on the resource, where it is and whether it runs there. `size`: bytes of
    its disks there; None when not all of them are known."""

    vmid: int
    name: str
    node: str
    running: bool
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.vmid} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything is None or empty as long as it is not known; nothing is concluded from that.

    `dual_primary_configured`: both nodes are meant to be Primary for good (allow-two-primaries with
    become-primary-on both, or the resource carries a shared volume group). `guests` is None when
    nobody knows which guests lie on the resource. `migrating` names guests of the resource that
    migrate live right now. `dual_primary_seconds` is how long both are Primary already,
    `apart_since` when the nodes last saw each other, `loads` what was written and sent lately.
    """

    dual_primary_configured: bool | None = None
    guests: tuple[GuestOnResource, ...] | None = None
    migrating: tuple[str, ...] = ()
    dual_primary_seconds: float | None = None
    last_primary: Mapping[str, datetime] = field(default_factory=dict)
    apart_since: datetime | None = None
    loads: tuple[Load, ...] = ()

    def running_on(self, node: str) -> tuple[GuestOnResource, ...]:
        """The guests of the resource that run on this node."""
        return tuple(one for one in self.guests or () if one.node == node and one.running)

    def guests_on(self, node: str) -> tuple[GuestOnResource, ...]:
        """The guests of the resource whose place is this node, whether they run or not."""
        return tuple(one for one in self.guests or () if one.node == node)
