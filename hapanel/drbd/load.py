"""How fast is written, and what the link takes, from DRBD's own counters in several looks. Pure.

DRBD counts bytes since the device came up: `written` to the own disk, `sent` to and `received`
from a peer; what a node received it also wrote, and the rest are its guests' writes. Nothing tells
what a link could carry. It shows only when the link is full: `congested`, or Ahead, in most looks;
then what is sent is what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from hapanel.drbd.join import Replication
from hapanel.ports.datacenter import Struct
from hapanel.ports.replication import (
    ConnectionState,
    NodeStatus,
    Peer,
    ReplicationState,
    ResourceState,
)

WINDOW, STEP = timedelta(seconds=60), timedelta(seconds=4)
SHORTEST_SECONDS = 8.0
# A send buffer that is full now and then is how a busy link works.
FULL_SHARE, FEWEST_LOOKS = 0.5, 4


class LinkCount(Struct, frozen=True, kw_only=True):
    """Bytes over the link to one peer, and whether it was full when it was looked at."""

    sent: int
    received: int
    is_full: bool = False


class Count(Struct, frozen=True, kw_only=True):
    """What a node counted of one resource; links by the peer's name, empty where none is told."""

    written: int
    links: Mapping[str, LinkCount] = msgspec.field(default_factory=dict)


class Look(Struct, frozen=True, kw_only=True):
    """A node's counters at one moment, by resource."""

    at: datetime
    counts: Mapping[str, Count] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """One node's writing to a resource and the link to one peer, over the last `seconds`.

    Rates are bytes a second. `full` of `looks` found the link full; `peer` is empty where DRBD does
    not name it.
    """

    node: str
    peer: str
    seconds: float
    write_rate: float
    sent_rate: float
    looks: int
    full: int

    @property
    def link_rate(self) -> float | None:
        """What the link takes; None as long as it was not full, since then nobody knows."""
        if self.looks < FEWEST_LOOKS or self.full < self.looks * FULL_SHARE:
            return None
        return self.sent_rate


def look_of(status: NodeStatus, at: datetime) -> Look:
    """The counters of an answer; a resource that does not tell all of them is left out."""
    counts = {one.name: count for one in status.resources if (count := _count(one)) is not None}
    return Look(at=at, counts=counts)


def _count(state: ResourceState) -> Count | None:
    written = [one.written for one in state.volumes]
    links = {peer.name or "": _link(peer) for peer in state.peers}
    known = [one for one in written if one is not None]
    told = {name: link for name, link in links.items() if link is not None}
    if not known or len(known) < len(written) or len(told) < len(state.peers):
        return None
    return Count(written=sum(known), links=told)


def _link(peer: Peer) -> LinkCount | None:
    sent = [one.sent for one in peer.volumes if one.sent is not None]
    received = [one.received for one in peer.volumes if one.received is not None]
    if not peer.volumes or len(sent) < len(peer.volumes) or len(received) < len(peer.volumes):
        return None
    ahead = any(one.replication_state is ReplicationState.AHEAD for one in peer.volumes)
    stands = peer.connection_state is ConnectionState.CONNECTED
    is_full = stands and (bool(peer.congested) or ahead)
    return LinkCount(sent=sum(sent), received=sum(received), is_full=is_full)


def with_look(looks: Sequence[Look], new: Look) -> tuple[Look, ...]:
    """The looks of the last minute with a new one; of those close together only one is kept."""
    kept = [one for one in looks if new.at - WINDOW <= one.at <= new.at]
    if len(kept) > 1 and kept[-1].at - kept[-2].at < STEP:
        kept.pop()
    return (*kept, new)


def loads_of(resource: str, node: str, looks: Sequence[Look]) -> tuple[Load, ...]:
    """The node's load on each link of the resource; empty until two looks are far enough apart."""
    mine = [(one.at, one.counts[resource]) for one in looks if resource in one.counts]
    mine = mine[_began_anew(mine) :]
    if len(mine) < 2:
        return ()
    (began, first), (ended, last) = mine[0], mine[-1]
    seconds = (ended - began).total_seconds()
    if seconds < SHORTEST_SECONDS:
        return ()
    got = sum(link.received - first.links[peer].received for peer, link in last.links.items())
    own = max(0, last.written - first.written - got)
    return tuple(
        Load(
            node=node,
            peer=peer,
            seconds=seconds,
            write_rate=own / seconds,
            sent_rate=(link.sent - first.links[peer].sent) / seconds,
            looks=len(mine),
            full=sum(count.links[peer].is_full for _at, count in mine),
        )
        for peer, link in last.links.items()
    )


def _began_anew(mine: Sequence[tuple[datetime, Count]]) -> int:
    """Where the counters last began from zero, or the links became others."""
    start = 0
    for place, ((_, before), (_, after)) in enumerate(pairwise(mine), start=1):
        if (
            before.links.keys() != after.links.keys()
            or after.written < before.written
            or any(
                after.links[peer].sent < link.sent or after.links[peer].received < link.received
                for peer, link in before.links.items()
            )
        ):
            start = place
    return start


def peer_of(load: Load, replication: Replication) -> str:
    """Who the load's peer is; 8.4 names none, and then it is the other end of the only link."""
    ends = [link for link in replication.links if load.node in (link.first, link.second)]
    if load.peer or len(ends) != 1:
        return load.peer
    return ends[0].second if ends[0].first == load.node else ends[0].first
