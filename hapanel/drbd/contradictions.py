"""Where the sides of a resource do not say the same.

The sides are asked one after the other, so a contradiction may be a change between two answers: it
is named, and weighs when it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hapanel.drbd.link import End, Link
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    ReplicationState,
    ResourceState,
    Role,
)


class Subject(StrEnum):
    """What two sides disagree about."""

    CONNECTION = "connection"
    ROLE = "role"
    DISK = "disk"
    REPLICATION = "replication"
    SIZE = "size"
    VOLUMES = "volumes"
    PROTOCOL = "protocol"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two nodes and what each says; `volume` is None where it is about the whole resource."""

    subject: Subject
    first: str
    first_says: str
    second: str
    second_says: str
    volume: int | None = None


_COUNTERPARTS: Mapping[ReplicationState, ReplicationState] = {
    ReplicationState.ESTABLISHED: ReplicationState.ESTABLISHED,
    ReplicationState.SYNC_SOURCE: ReplicationState.SYNC_TARGET,
    ReplicationState.PAUSED_SYNC_S: ReplicationState.PAUSED_SYNC_T,
    ReplicationState.VERIFY_S: ReplicationState.VERIFY_T,
    ReplicationState.AHEAD: ReplicationState.BEHIND,
}
_PAIRED = {**_COUNTERPARTS, **{theirs: mine for mine, theirs in _COUNTERPARTS.items()}}


def contradictions(
    resource: str, sides: Sequence[tuple[str, ResourceState | None]], links: Iterable[Link]
) -> tuple[Contradiction, ...]:
    """Everything in which the seen sides disagree; `sides` are nodes with their states."""
    found = [*_not_up_everywhere(resource, sides)]
    for link in links:
        if len(link.ends) == 2:
            for look in _LOOKS:
                found += look(link.ends[0], link.ends[1])
    return tuple(found)


def _not_up_everywhere(
    resource: str, sides: Sequence[tuple[str, ResourceState | None]]
) -> Iterator[Contradiction]:
    up = next((node for node, state in sides if state is not None), None)
    for node, state in sides:
        if state is None and up is not None:
            yield Contradiction(Subject.UP, up, resource, node, "-")


def _connection(first: End, second: End) -> Iterator[Contradiction]:
    mine, theirs = first.peer.connection_state, second.peer.connection_state
    if (mine is ConnectionState.CONNECTED) != (theirs is ConnectionState.CONNECTED):
        yield Contradiction(Subject.CONNECTION, first.node, mine, second.node, theirs)


def _role(first: End, second: End) -> Iterator[Contradiction]:
    for teller, other in ((first, second), (second, first)):
        said, own = teller.peer.role, other.state.role
        if Role.UNKNOWN not in (said, own) and said is not own:
            yield Contradiction(Subject.ROLE, teller.node, said, other.node, own)


def _volumes(first: End, second: End) -> Iterator[Contradiction]:
    mine, theirs = (
        ",".join(str(one.number) for one in end.state.volumes) for end in (first, second)
    )
    if mine != theirs:
        yield Contradiction(Subject.VOLUMES, first.node, mine or "-", second.node, theirs or "-")


def _sizes(first: End, second: End) -> Iterator[Contradiction]:
    for one in first.state.volumes:
        other = second.state.volume(one.number)
        if other and one.size and other.size and one.size != other.size:
            yield Contradiction(
                Subject.SIZE, first.node, str(one.size), second.node, str(other.size), one.number
            )


def _disks(first: End, second: End) -> Iterator[Contradiction]:
    unsure = (DiskState.DUNKNOWN, DiskState.UNKNOWN)
    for teller, other in ((first, second), (second, first)):
        if teller.peer.connection_state is not ConnectionState.CONNECTED:
            continue
        for said in teller.peer.volumes:
            own = other.state.volume(said.number)
            if own is None or said.disk_state is own.disk_state:
                continue
            if said.disk_state not in unsure and own.disk_state not in unsure:
                words = (teller.node, said.disk_state, other.node, own.disk_state)
                yield Contradiction(Subject.DISK, *words, volume=said.number)


def _replication(first: End, second: End) -> Iterator[Contradiction]:
    for mine in first.peer.volumes:
        theirs = second.peer.volume(mine.number)
        expected = _PAIRED.get(mine.replication_state)
        if theirs is None or expected in (None, theirs.replication_state):
            continue
        if theirs.replication_state in _PAIRED:
            words = (first.node, mine.replication_state, second.node, theirs.replication_state)
            yield Contradiction(Subject.REPLICATION, *words, volume=mine.number)


def _protocol(first: End, second: End) -> Iterator[Contradiction]:
    mine, theirs = first.peer.protocol, second.peer.protocol
    if mine and theirs and mine != theirs:
        yield Contradiction(Subject.PROTOCOL, first.node, mine, second.node, theirs)


_LOOKS: tuple[Callable[[End, End], Iterator[Contradiction]], ...] = (
    _connection,
    _role,
    _volumes,
    _sizes,
    _disks,
    _replication,
    _protocol,
)
