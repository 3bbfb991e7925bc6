"""What is to be said of each link: syncs, verifies, lost connections, divergence, two Primaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hapanel.drbd import sentences
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.copies import How, current_copies, lags
from hapanel.drbd.decode.assemble import PAUSED, SYNCING, VERIFYING
from hapanel.drbd.findings import Evidence, Fact, Finding, FindingKind
from hapanel.drbd.join import Replication, Side, Sight
from hapanel.drbd.link import End, Link
from hapanel.drbd.split_brain import divergence, evidence_of
from hapanel.kernel.units import format_bytes
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Pause,
    PeerVolume,
    ReplicationState,
    Role,
)

_TARGETS = frozenset(
    {
        ReplicationState.SYNC_TARGET,
        ReplicationState.PAUSED_SYNC_T,
        ReplicationState.WF_BITMAP_T,
        ReplicationState.WF_SYNC_UUID,
        ReplicationState.STARTING_SYNC_T,
    }
)
_SOURCES = frozenset(
    {
        ReplicationState.SYNC_SOURCE,
        ReplicationState.PAUSED_SYNC_S,
        ReplicationState.WF_BITMAP_S,
        ReplicationState.STARTING_SYNC_S,
    }
)


def judge_links(replication: Replication, circumstances: Circumstances) -> Iterator[Finding]:
    """The findings of every link of the resource."""
    for link in replication.links:
        apart = divergence(link, circumstances)
        if apart is not None:
            kind = sentences.SPLIT_BRAIN if apart.refused else sentences.DIVERGING
            yield kind(
                link.first,
                link.second,
                evidence=evidence_of(apart),
                **_names(replication, link),
            )
        elif not _is_whole(replication, link):
            yield from _apart(replication, link, circumstances)
        yield from _both_primary(replication, link, circumstances)
        yield from _work(replication, link)
    yield from _behind(replication, circumstances)
    if len(replication.sides) == 1 and (side := replication.sides[0]).now is not None:
        yield sentences.ALONE(side.node, resource=replication.resource, node=side.node)


def _names(replication: Replication, link: Link) -> dict[str, Any]:
    return {"resource": replication.resource, "first": link.first, "second": link.second}


def _is_whole(replication: Replication, link: Link) -> bool:
    """Whether nothing that was seen of the link says that it is down, or is not there at all."""
    if link.ends:
        return ConnectionState.CONNECTED in link.states
    sides = (replication.side(link.first), replication.side(link.second))
    return not all(side is not None and side.now is not None for side in sides)


def _apart(replication: Replication, link: Link, circumstances: Circumstances) -> Iterator[Finding]:
    evidence = (*_link_evidence(link), *_apart_since(link.first, circumstances))
    gave_up = [
        end.node for end in link.ends if end.peer.connection_state is ConnectionState.STANDALONE
    ]
    if gave_up:
        yield sentences.GAVE_UP(
            *gave_up,
            evidence=evidence,
            resource=replication.resource,
            nodes=", ".join(gave_up),
        )
    current = [node for node in current_copies(replication) if node in (link.first, link.second)]
    down = [side.node for side in _seen_sides(replication, link) if side.state is None]
    kind = sentences.DEGRADED if current else sentences.DEGRADED_UNSURE
    if gave_up or down:
        kind = replace(kind, remedy=sentences.CONNECT_AGAIN if gave_up else sentences.BRING_UP)
    yield kind(
        link.first,
        link.second,
        evidence=evidence,
        **_names(replication, link),
        current=", ".join(current),
        apart=", ".join(gave_up or down),
    )


def _seen_sides(replication: Replication, link: Link) -> Iterator[Side]:
    for node in (link.first, link.second):
        side = replication.side(node)
        if side is not None and side.sight is Sight.CURRENT:
            yield side


def _link_evidence(link: Link) -> Iterator[Evidence]:
    for end in link.ends:
        yield Evidence(end.node, Fact.CONNECTION, end.peer.connection_state.value)
        for seen in end.peer.volumes:
            if seen.out_of_sync is not None:
                yield Evidence(end.node, Fact.OUT_OF_SYNC, seen.out_of_sync, seen.number)


_LAGS: Mapping[How, FindingKind] = {
    How.OLDER: sentences.OUTDATED,
    How.INCOMPLETE: sentences.INCOMPLETE,
    How.PERHAPS: sentences.MAYBE_OUTDATED,
}


def _last_primary(node: str, circumstances: Circumstances) -> Iterator[Evidence]:
    when = circumstances.last_primary.get(node)
    if when is not None:
        yield Evidence(node, Fact.LAST_PRIMARY, when.isoformat())


def _apart_since(node: str, circumstances: Circumstances) -> Iterator[Evidence]:
    if circumstances.apart_since is not None:
        yield Evidence(node, Fact.APART_SINCE, circumstances.apart_since.isoformat())


def _behind(replication: Replication, circumstances: Circumstances) -> Iterator[Finding]:
    for lag in dict.fromkeys(lags(replication)):
        kind = _LAGS[lag.how]
        yield kind(
            lag.node,
            evidence=(
                *_last_primary(lag.newer, circumstances),
                *_apart_since(lag.node, circumstances),
            ),
            resource=replication.resource,
            node=lag.node,
            newer=lag.newer,
        )


def _both_primary(
    replication: Replication, link: Link, circumstances: Circumstances
) -> Iterator[Finding]:
    if not link.is_connected or not _are_primary(link):
        return
    params = _names(replication, link)
    nodes = (link.first, link.second)
    age = circumstances.dual_primary_seconds
    rows = () if age is None else (Evidence(link.first, Fact.BOTH_PRIMARY, age),)
    if circumstances.dual_primary_configured:
        yield sentences.DUAL_PRIMARY_CONFIGURED(*nodes, **params)
    elif circumstances.migrating:
        guests = ", ".join(circumstances.migrating)
        yield sentences.DUAL_PRIMARY_TEMPORARY(*nodes, evidence=rows, guests=guests, **params)
    elif circumstances.dual_primary_configured is None:
        yield sentences.DUAL_PRIMARY(*nodes, **params)
    else:
        yield sentences.DUAL_PRIMARY_UNEXPLAINED(*nodes, evidence=rows, **params)


def _are_primary(link: Link) -> bool:
    """Whether each node of the link is Primary, by its own word or else by its peer's."""
    told = {end.node: end.state.role for end in link.ends}
    for end in link.ends:
        other = link.second if end.node == link.first else link.first
        told.setdefault(other, end.peer.role)
    return len(told) == 2 and set(told.values()) == {Role.PRIMARY}


def _work(replication: Replication, link: Link) -> Iterator[Finding]:
    """What is done on a link that stands, volume by volume; the word of one end is enough."""
    for number in link.numbers():
        told = [(end, seen) for end in link.ends if (seen := end.peer.volume(number)) is not None]
        sync = _sync(replication, link, told)
        if sync is not None:
            yield sync
        elif link.is_connected:
            yield from _comparison(replication, link, told)


def _sync(
    replication: Replication, link: Link, told: list[tuple[End, PeerVolume]]
) -> Finding | None:
    running = [one for one in told if one[1].replication_state in _SOURCES | _TARGETS]
    if not running:
        return _held(replication, told) if link.is_connected else None
    end, seen = running[0]
    other = link.second if end.node == link.first else link.first
    is_target = seen.replication_state in _TARGETS
    source, target = (other, end.node) if is_target else (end.node, other)
    paused = any(one.replication_state in PAUSED for _, one in running)
    left = max((one.out_of_sync or 0 for _, one in running), default=0)
    going = sentences.SYNCING if left else sentences.SYNC_BEGINS
    kind = sentences.SYNC_PAUSED if paused else going
    return kind(
        source,
        target,
        evidence=tuple(
            Evidence(one.node, Fact.REPLICATION, volume.replication_state.value, volume.number)
            for one, volume in running
        ),
        resource=replication.resource,
        source=source,
        target=target,
        size=format_bytes(left),
        holders=_holders(link, told) or "-",
    )


def _held(replication: Replication, told: list[tuple[End, PeerVolume]]) -> Finding | None:
    """A pause that outlived its sync: the next one would not start."""
    holders = [end.node for end, seen in told if Pause.USER in seen.paused]
    if not holders:
        return None
    return sentences.SYNC_HELD(*holders, resource=replication.resource, holders=", ".join(holders))


def _holders(link: Link, told: list[tuple[End, PeerVolume]]) -> str:
    holders = {end.node for end, seen in told if Pause.USER in seen.paused}
    for end, seen in told:
        if Pause.PEER in seen.paused:
            holders.add(link.second if end.node == link.first else link.first)
    return ", ".join(sorted(holders))


def _comparison(
    replication: Replication, link: Link, told: list[tuple[End, PeerVolume]]
) -> Iterator[Finding]:
    """A running verify, and what one has found: whole copies on a whole link that differ."""
    params = _names(replication, link)
    states = {seen.replication_state for _, seen in told}
    if states & VERIFYING:
        yield sentences.VERIFYING(link.first, link.second, **params)
    if states & (SYNCING | {ReplicationState.AHEAD, ReplicationState.BEHIND}):
        return
    disks = {seen.disk_state for _, seen in told}
    for end, seen in told:
        mine = end.state.volume(seen.number)
        disks.add(mine.disk_state if mine else DiskState.UNKNOWN)
    found = max((seen.out_of_sync or 0 for _, seen in told), default=0)
    if found and disks == {DiskState.UP_TO_DATE}:
        yield sentences.VERIFY_DIFFERENCES(
            link.first, link.second, size=format_bytes(found), **params
        )
