"""What is to be said of each node's own part: its disk, role, quorum and whether it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hapanel.drbd import sentences
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.contradictions import Subject
from hapanel.drbd.findings import Evidence, Fact, Finding
from hapanel.drbd.join import Replication, Sight
from hapanel.drbd.load import Load
from hapanel.kernel.units import format_bytes
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Peer,
    ReplicationState,
    ResourceState,
    Role,
)

_NO_DISK = frozenset(
    {DiskState.DISKLESS, DiskState.FAILED, DiskState.DETACHING, DiskState.ATTACHING}
)
_NOT_WHOLE = frozenset({DiskState.INCONSISTENT})
# From this share of the link on, writes wait for it more often than not.
_LINK_SHARE = 0.9


def judge_sides(replication: Replication, circumstances: Circumstances) -> Iterator[Finding]:
    """The findings of every node of the resource, and of all of them together."""
    yield from _unseen(replication)
    for side in replication.sides:
        if side.now is not None:
            yield from _own(replication, side.node, side.now, circumstances)
    yield from _not_up(replication)
    yield from _no_current_copy(replication)
    yield from _thin_link(replication, circumstances)
    yield from _contradictions(replication)


def _unseen(replication: Replication) -> Iterator[Finding]:
    unseen = replication.unseen
    if unseen or not replication.sides:
        yield sentences.NOT_OBSERVED(
            *(one.node for one in unseen),
            evidence=tuple(
                Evidence(one.node, Fact.AGE, one.age_seconds)
                for one in unseen
                if one.age_seconds is not None
            ),
            resource=replication.resource,
            nodes=", ".join(one.node for one in unseen) or "-",
        )


def _not_up(replication: Replication) -> Iterator[Finding]:
    resource = replication.resource
    down = [one for one in replication.sides if one.sight is Sight.CURRENT and one.state is None]
    unsure = [one.node for one in down if not one.complete]
    if unsure:
        yield sentences.NOT_OBSERVED(*unsure, resource=resource, nodes=", ".join(unsure))
    elif len(down) == len(replication.sides) and down:
        yield sentences.NOT_UP_ANYWHERE(*(one.node for one in down), resource=resource)
    else:
        for one in down:
            yield sentences.NOT_UP(one.node, resource=resource, node=one.node)


def _own(
    replication: Replication, node: str, state: ResourceState, circumstances: Circumstances
) -> Iterator[Finding]:
    names: dict[str, Any] = {"resource": replication.resource, "node": node}
    disks = {one.disk_state for one in state.volumes if not one.client}
    rows = tuple(
        Evidence(node, Fact.DISK, one.disk_state.value, one.number) for one in state.volumes
    )
    if state.role is Role.PRIMARY and disks & _NOT_WHOLE:
        yield sentences.INCONSISTENT_PRIMARY(node, evidence=rows, **names)
    for disk in sorted(disks & _NO_DISK):
        yield sentences.DISKLESS(node, evidence=rows, disk=disk.value, **names)
    if any(one.quorum is False for one in state.volumes):
        is_primary = state.role is Role.PRIMARY
        kind = sentences.PRIMARY_WITHOUT_QUORUM if is_primary else sentences.WITHOUT_QUORUM
        yield kind(node, **names)
    if state.suspended:
        reasons = ", ".join(one.value for one in state.suspended)
        yield sentences.IO_SUSPENDED(node, reasons=reasons, **names)
    for peer in state.peers:
        if any(one.replication_state is ReplicationState.AHEAD for one in peer.volumes):
            loads = [one for one in circumstances.loads if one.node == node]
            measured = tuple(row for load in loads for row in _figures(load))
            yield sentences.PEER_BEHIND(node, evidence=measured, **names)
    yield from _words(names, node, state)


def _words(names: dict[str, Any], node: str, state: ResourceState) -> Iterator[Finding]:
    """Words that nobody knows, and states that were not told: never green."""
    found = [
        *state.unknown_words.values(),
        *(word for one in state.volumes for word in one.unknown_words.values()),
        *(word for peer in state.peers for word in peer.unknown_words.values()),
        *(
            word
            for peer in state.peers
            for one in peer.volumes
            for word in one.unknown_words.values()
        ),
    ]
    untold = [
        "role" if state.role is Role.UNKNOWN else "",
        "disk" if any(one.disk_state is DiskState.UNKNOWN for one in state.volumes) else "",
        "connection"
        if any(one.connection_state is ConnectionState.UNKNOWN for one in state.peers)
        else "",
        "" if state.volumes else "volumes",
        "replication" if any(_lacks_volumes(state, one) for one in state.peers) else "",
    ]
    words = found or [f"{one}: ?" for one in untold if one]
    if words:
        rows = tuple(Evidence(node, Fact.WORD, one) for one in words)
        yield sentences.NOT_UNDERSTOOD(node, evidence=rows, words=", ".join(words), **names)


def _lacks_volumes(state: ResourceState, peer: Peer) -> bool:
    """Whether a standing link does not tell of every volume, as in an answer that was cut."""
    told = {one.number for one in peer.volumes}
    mine = {one.number for one in state.volumes}
    return peer.connection_state is ConnectionState.CONNECTED and bool(mine - told)


def _no_current_copy(replication: Replication) -> Iterator[Finding]:
    """Only when every side was seen: the good copy may be on the one that was not."""
    states = [(side.node, side.now) for side in replication.sides]
    told = {
        node: disk
        for node, state in states
        if state is not None
        for disk in [one.disk_state for one in state.volumes]
        if disk is not DiskState.UP_TO_DATE
    }
    seen = [state for _, state in states if state is not None]
    if len(seen) < len(states) or not seen or len(told) < len(states):
        return
    yield sentences.NO_CURRENT_COPY(
        *told,
        resource=replication.resource,
        disks=", ".join(f"{node} {disk.value}" for node, disk in told.items()),
    )


def _thin_link(replication: Replication, circumstances: Circumstances) -> Iterator[Finding]:
    """Only where the link was seen full: what it could carry otherwise nobody knows."""
    for load in circumstances.loads:
        link = load.link_rate
        if link and load.write_rate >= link * _LINK_SHARE:
            yield sentences.LINK_TOO_THIN(
                load.node,
                evidence=_figures(load),
                resource=replication.resource,
                written=format_bytes(load.write_rate),
                link=format_bytes(link),
            )


def _figures(load: Load) -> tuple[Evidence, ...]:
    return (
        Evidence(load.node, Fact.WRITE_RATE, round(load.write_rate)),
        Evidence(load.node, Fact.SENT_RATE, round(load.sent_rate)),
        Evidence(load.node, Fact.LINK_FULL, f"{load.full} / {load.looks}"),
        Evidence(load.node, Fact.MEASURED_OVER, load.seconds),
    )


def _contradictions(replication: Replication) -> Iterator[Finding]:
    for one in replication.contradictions:
        if one.subject is not Subject.UP:  # said as not-up
            yield sentences.CONTRADICTION(
                one.first,
                one.second,
                resource=replication.resource,
                first=one.first,
                second=one.second,
                first_says=_says(one.subject, one.first_says),
                second_says=_says(one.subject, one.second_says),
            )


def _says(subject: Subject, text: str) -> str:
    return format_bytes(int(text)) if subject is Subject.SIZE else text
