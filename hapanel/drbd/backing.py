"""What lies below a resource on a node, and whether a snapshot can be taken there.

Only a logical volume below DRBD has one. A snapshot inside the volume group on DRBD would lie on
the very copy that is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.understanding import understood
from hapanel.drbd.orders import COPY_PREFIX, take_copy
from hapanel.kernel.refusal import Refusal, gettext_noop, refusal_kind
from hapanel.ports.node_shell import LvmReport

NO_VOLUME_BELOW = refusal_kind(
    "copy-no-volume-below",
    gettext_noop(
        "%(resource)s lies on %(device)s on %(node)s, which is no logical volume: no snapshot can "
        "be taken below DRBD, and one inside its volume group would be thrown away with it."
    ),
    gettext_noop("Copy what is worth keeping by hand first, or say that you go on without a copy."),
    status=422,
    field="without_copy",
)
NO_ROOM = refusal_kind(
    "copy-no-room",
    gettext_noop(
        "A snapshot of %(device)s needs %(needed)s bytes, and %(group)s on %(node)s has %(free)s."
    ),
    gettext_noop("Make room in that group, or say that you go on without a copy."),
    status=422,
    field="without_copy",
)

EXTENT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """A snapshot to be taken: its group and name, and the order for it."""

    group: str
    name: str
    line: str


@dataclass(frozen=True, slots=True)
class Copies:
    """The snapshots that keep a side's data, or why there are none."""

    copies: tuple[Copy, ...] = ()
    refusal: Refusal | None = None


def backing_devices(texts: Iterable[str], resource: str, node: str) -> tuple[str, ...]:
    """The disks below `resource` on `node`, as its files name them; empty: not known."""
    for text in texts:
        for found in understood(read(Source("", text))).distinct:
            if found.name != resource:
                continue
            for host in found.hosts:
                if node in host.names:
                    disks = (volume.disk for volume in host.volumes)
                    return tuple(one.arguments[0].text for one in disks if one and one.arguments)
    return ()


def copies_of(
    resource: str,
    node: str,
    devices: Sequence[str],
    report: LvmReport,
    *,
    changing: int,
    label: str,
) -> Copies:
    """The snapshots of `devices` in the node's `report`.

    changing: the bytes that the resync will write at most; a snapshot that is too small for them is
    lost in the middle, so it gets half as much again. label: what their names end with.
    """
    names = {"resource": resource, "node": node}
    if not devices:
        return Copies(refusal=NO_VOLUME_BELOW(**names, device="?"))
    known = {f"/dev/{one.vg}/{one.lv}": one for one in report.volumes}
    free = {one.vg: one.free for one in report.groups}
    taken = []
    for number, device in enumerate(devices):
        volume = known.get(device)
        if volume is None:
            return Copies(refusal=NO_VOLUME_BELOW(**names, device=device))
        needed = min(_in_extents(changing * 3 // 2 + 16 * EXTENT), _in_extents(volume.size))
        left = free.get(volume.vg, 0)
        if needed > left:
            sizes = {"needed": needed, "free": left, "group": volume.vg}
            return Copies(refusal=NO_ROOM(node=node, device=device, **sizes))
        free[volume.vg] = left - needed
        name = f"{COPY_PREFIX}{resource}-{number}-{label}"
        taken.append(Copy(volume.vg, name, take_copy(device, name, needed)))
    return Copies(tuple(taken))


def _in_extents(size: int) -> int:
    return -(-size // EXTENT) * EXTENT
