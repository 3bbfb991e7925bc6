"""Which copies are current: what can be said of it from the sides that were seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hapanel.drbd.decode.generations import Relation, relation
from hapanel.drbd.join import Replication, Sight
from hapanel.drbd.link import End, Link
from hapanel.ports.replication import DiskState, ResourceState, Role, Volume


class How(StrEnum):
    """How a copy is behind: it lacks writes, it was never whole, or nobody can tell."""

    OLDER = "older"
    INCOMPLETE = "incomplete"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class Lag:
    """The copy of `node` is behind that of `newer`."""

    node: str
    newer: str
    how: How


def current_copies(replication: Replication) -> tuple[str, ...]:
    """The nodes whose copies are certainly current; empty when that is not known."""
    whole = [
        side.node for side in replication.sides if side.now is not None and is_up_to_date(side.now)
    ]
    behind = {lag.node for lag in lags(replication)}
    found = tuple(node for node in whole if node not in behind)
    primaries = tuple(node for node in found if _is_primary(replication, node))
    if primaries:
        connected = {
            node
            for link in replication.links
            if link.is_connected and {link.first, link.second} & set(primaries)
            for node in (link.first, link.second)
        }
        return tuple(node for node in found if node in primaries or node in connected)
    return found


def is_up_to_date(state: ResourceState) -> bool:
    """Whether every volume of this side is; False for a side without volumes."""
    disks = {one.disk_state for one in state.volumes}
    return disks == {DiskState.UP_TO_DATE}


def lags(replication: Replication) -> tuple[Lag, ...]:
    """Every copy that is behind another one, or may be since its peer is not seen."""
    found: list[Lag] = []
    for link in replication.links:
        if not link.is_connected:
            found += _lags_of(replication, link)
    return tuple(found)


def _lags_of(replication: Replication, link: Link) -> Iterator[Lag]:
    if link.is_seen_whole:
        first, second = link.ends
        for older, newer in ((first, second), (second, first)):
            how = _lag(older, newer)
            if how is not None:
                yield Lag(older.node, newer.node, how)
    elif len(link.ends) == 1:
        (end,) = link.ends
        other = link.second if end.node == link.first else link.first
        disks = {one.disk_state for one in end.state.volumes}
        if DiskState.OUTDATED in disks:
            yield Lag(end.node, other, How.OLDER)
        elif DiskState.UP_TO_DATE in disks and _may_be_behind(replication, end, other):
            yield Lag(end.node, other, How.PERHAPS)


def _may_be_behind(replication: Replication, end: End, other: str) -> bool:
    """Whether the unseen peer may have gone on: not when this side did, or knows it as worse."""
    side = replication.side(other)
    unseen = side is not None and side.sight is not Sight.CURRENT
    worse = {DiskState.OUTDATED, DiskState.INCONSISTENT, DiskState.DISKLESS}
    seen = {one.disk_state for one in end.peer.volumes}
    return unseen and end.state.role is not Role.PRIMARY and not (seen and seen <= worse)


def _lag(older: End, newer: End) -> How | None:
    """How one end's copy is behind the other's; None when nothing shows it."""
    for mine in older.state.volumes:
        theirs = newer.state.volume(mine.number)
        if theirs is None or theirs.disk_state is not DiskState.UP_TO_DATE:
            continue
        if mine.disk_state is DiskState.INCONSISTENT:
            return How.INCOMPLETE
        if mine.disk_state is DiskState.OUTDATED or _lacks_writes(older, newer, mine):
            return How.OLDER
    return None


def _lacks_writes(older: End, newer: End, mine: Volume) -> bool:
    """Whether ids, or what the other side alone has written, show an UpToDate copy to be old."""
    my_view, their_view = older.peer.volume(mine.number), newer.peer.volume(mine.number)
    if mine.disk_state is not DiskState.UP_TO_DATE or my_view is None or their_view is None:
        return False
    known = relation(my_view.generations, their_view.generations)
    if known is not Relation.UNKNOWN:
        return known is Relation.SECOND_NEWER
    written = bool(their_view.out_of_sync) and my_view.out_of_sync == 0
    return written and older.state.role is not Role.PRIMARY


def _is_primary(replication: Replication, node: str) -> bool:
    side = replication.side(node)
    return side is not None and side.now is not None and side.now.role is Role.PRIMARY
