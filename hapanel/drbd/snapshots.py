"""Snapshots that the split-brain assistant took below a resource, and whether one may go.

They are known by their names (see `hapanel.drbd.backing`): what others took is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from hapanel.drbd import refusals as no
from hapanel.drbd.join import Replication, Sight
from hapanel.drbd.orders import COPY_PREFIX, remove_copy
from hapanel.drbd.recovery import is_whole
from hapanel.kernel.refusal import Refusal, gettext_noop, refusal_kind
from hapanel.ports.node_shell import LvmReport, LvmVolume

NOT_OURS = refusal_kind(
    "snapshot-not-ours",
    gettext_noop("%(snapshot)s is no snapshot that the assistant took of %(resource)s."),
    gettext_noop("Name one of those on the replication page; others are removed on the node."),
    status=422,
    field="snapshot",
)
GONE = refusal_kind(
    "snapshot-gone",
    gettext_noop("%(node)s has no snapshot %(snapshot)s."),
    gettext_noop("Nothing has to be done, if it was to be removed."),
)
STILL_NEEDED = refusal_kind(
    "snapshot-still-needed",
    gettext_noop(
        "%(resource)s is not UpToDate and connected on both sides: the snapshot on %(node)s may be "
        "the only way back to what that side had written."
    ),
    gettext_noop("Wait until the recovery is over, or type %(node)s to remove it all the same."),
    status=422,
    field="confirm",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot: its group and name, its size in bytes and how much of it is used (0 to 100;
    full, it is worth nothing any more), and when it was taken; None is not told."""

    node: str
    group: str
    name: str
    origin: str
    size: int
    filled: float | None
    taken_at: datetime | None
    is_lost: bool

    @property
    def path(self) -> str:
        """As LVM names it."""
        return f"{self.group}/{self.name}"

    @property
    def removal(self) -> str:
        """The order that removes it."""
        return remove_copy(self.group, self.name)


def is_of_assistant(resource: str, name: str) -> bool:
    """Whether the assistant calls its snapshots of the resource so: volume and operation behind."""
    return bool(re.fullmatch(rf"{COPY_PREFIX}{re.escape(resource)}-[0-9]+-[0-9]+", name))


def snapshots_of(resource: str, node: str, report: LvmReport) -> tuple[Snapshot, ...]:
    """The assistant's snapshots of the resource among the node's volumes, the oldest first."""
    found = [_snapshot(node, one) for one in report.volumes if is_of_assistant(resource, one.lv)]
    return tuple(sorted(found, key=lambda one: (one.name.split("-")[-1].zfill(12), one.name)))


def _snapshot(node: str, volume: LvmVolume) -> Snapshot:
    return Snapshot(
        node=node,
        group=volume.vg,
        name=volume.lv,
        origin=volume.origin,
        size=volume.size,
        filled=volume.filled,
        taken_at=volume.made_at,
        is_lost=volume.is_lost,
    )


def may_be_needed(replication: Replication) -> bool:
    """Whether one may be the only way back: until both sides are seen whole and connected."""
    return not is_whole(replication)


def refusals_of_removal(
    path: str,
    node: str,
    replication: Replication,
    snapshots: Iterable[Snapshot],
    *,
    confirm: str = "",
) -> tuple[Refusal, ...]:
    """Why the snapshot `path` (GROUP/NAME) on the node is not removed now; empty: it may go."""
    resource = replication.resource
    side = replication.side(node)
    if side is None:
        nodes = ", ".join(one.node for one in replication.sides)
        return (no.NOT_A_NODE(resource=resource, node=node or "-", nodes=nodes),)
    if not is_of_assistant(resource, path.partition("/")[2]):
        return (NOT_OURS(snapshot=path[:160] or "-", resource=resource),)
    if side.sight is not Sight.CURRENT:
        return (no.NODE_NOT_SEEN(node=node, reason=side.unseen_because or "-"),)
    if not any(one.path == path for one in snapshots):
        return (GONE(node=node, snapshot=path),)
    if may_be_needed(replication) and confirm.strip() != node:
        return (STILL_NEEDED(resource=resource, node=node),)
    return ()
