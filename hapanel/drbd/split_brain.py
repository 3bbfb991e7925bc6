"""Whether two copies went separate ways, and the evidence for it, side by side.

DRBD decides by its data generation ids when the two sides meet. Before that, and where the ids were
not read, what each side counts as out of sync says what was written there while the link was down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hapanel.drbd.circumstances import Circumstances, GuestOnResource
from hapanel.drbd.decode.generations import Relation, relation
from hapanel.drbd.findings import Evidence, Fact
from hapanel.drbd.link import End, Link
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Generations,
    PeerVolume,
    Role,
    Volume,
)


class Sign(StrEnum):
    """Why two copies are held to have diverged; the first two are DRBD's own judgement."""

    GENERATIONS = "generations"
    HELPER = "helper"
    BOTH_CHANGED = "both-changed"
    BOTH_PRIMARY = "both-primary"


@dataclass(frozen=True, slots=True)
class CopyEvidence:
    """What is known of one side's copy of one volume. None is not known, `guests` included.

    `last_primary` is of a side that was Primary and is not any more.
    """

    node: str
    volume: int
    role: Role
    disk_state: DiskState
    connection_state: ConnectionState
    out_of_sync: int | None
    generations: Generations | None
    last_primary: datetime | None
    guests: tuple[GuestOnResource, ...] | None


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two sides whose copies went separate ways.

    `refused` says that DRBD has met it and dropped the link: a split brain. Before, it is only to
    come. `copies` holds the first side's evidence and the second's, a pair a volume.
    """

    first: str
    second: str
    signs: tuple[Sign, ...]
    refused: bool
    copies: tuple[tuple[CopyEvidence, CopyEvidence], ...]

    @property
    def is_certain(self) -> bool:
        """Whether DRBD itself says so, by its ids or by having called its helper."""
        return bool({Sign.GENERATIONS, Sign.HELPER} & set(self.signs))

    def changed(self, node: str) -> int | None:
        """Bytes changed on this side alone since the link was lost; None when not known."""
        told = [copy.out_of_sync for pair in self.copies for copy in pair if copy.node == node]
        known = [one for one in told if one is not None]
        return sum(known) if told and len(known) == len(told) else None

    def role(self, node: str) -> Role:
        """What this side is now."""
        return next(
            (one.role for pair in self.copies for one in pair if one.node == node), Role.UNKNOWN
        )


def divergence(link: Link, circumstances: Circumstances) -> Divergence | None:
    """The divergence on a link of which both ends were seen; None when there is none."""
    if not link.is_seen_whole or ConnectionState.CONNECTED in link.states:
        return None
    first, second = link.ends
    pairs = [_pair(first, second, number) for number in link.numbers()]
    signs = tuple(dict.fromkeys(_signs(first, second, pairs)))
    if not signs:
        return None
    alone = link.states.count(ConnectionState.STANDALONE)
    only_roles = signs == (Sign.BOTH_PRIMARY,)
    return Divergence(
        first=first.node,
        second=second.node,
        signs=signs,
        # Both Primary with one side disconnected by hand has not been met by DRBD yet.
        refused=alone == 2 or (alone == 1 and not only_roles),
        copies=tuple(
            (_copy(first, number, circumstances), _copy(second, number, circumstances))
            for number in link.numbers()
        ),
    )


@dataclass(frozen=True, slots=True)
class _Half:
    """One end's copy of a volume, and what it says of the other."""

    volume: Volume | None
    seen: PeerVolume | None
    connection: ConnectionState

    @property
    def changed(self) -> int:
        """Bytes written here alone, of a copy that is whole; an unfinished sync is no change."""
        whole = self.volume and self.volume.disk_state in _WHOLE
        return (self.seen.out_of_sync or 0) if whole and self.seen else 0

    @property
    def generations(self) -> Generations | None:
        return self.seen.generations if self.seen else None


_WHOLE = (DiskState.UP_TO_DATE, DiskState.CONSISTENT, DiskState.OUTDATED)


def _pair(first: End, second: End, number: int) -> tuple[_Half, _Half]:
    halves = (_Half(*end.volume(number), end.peer.connection_state) for end in (first, second))
    one, other = halves
    return one, other


def _signs(first: End, second: End, pairs: list[tuple[_Half, _Half]]) -> Iterator[Sign]:
    relations = [relation(one.generations, other.generations) for one, other in pairs]
    if Relation.DIVERGED in relations:
        yield Sign.GENERATIONS
    if first.state.split_brain_called or second.state.split_brain_called:
        yield Sign.HELPER
    for (one, other), known in zip(pairs, relations, strict=True):
        if known in (Relation.UNKNOWN, Relation.DIVERGED) and _both_changed(one, other):
            yield Sign.BOTH_CHANGED
    if first.state.role is second.state.role is Role.PRIMARY:
        yield Sign.BOTH_PRIMARY


def _both_changed(one: _Half, other: _Half) -> bool:
    """Whether each side wrote for itself. Equal figures may also be what a verify had found, which
    both sides keep: they count only when neither side tries to connect any more."""
    if not (one.changed and other.changed):
        return False
    both_alone = one.connection is other.connection is ConnectionState.STANDALONE
    return one.changed != other.changed or both_alone


def _copy(end: End, number: int, circumstances: Circumstances) -> CopyEvidence:
    volume, seen = end.volume(number)
    guests = circumstances.guests
    return CopyEvidence(
        node=end.node,
        volume=number,
        role=end.state.role,
        disk_state=volume.disk_state if volume else DiskState.UNKNOWN,
        connection_state=end.peer.connection_state,
        out_of_sync=seen.out_of_sync if seen else None,
        generations=seen.generations if seen else None,
        last_primary=None
        if end.state.role is Role.PRIMARY
        else circumstances.last_primary.get(end.node),
        guests=None if guests is None else tuple(one for one in guests if one.node == end.node),
    )


def evidence_of(found: Divergence) -> tuple[Evidence, ...]:
    """The same facts as rows, only those that are known."""
    return tuple(row for pair in found.copies for copy in pair for row in _rows(copy))


def _rows(copy: CopyEvidence) -> Iterator[Evidence]:
    values: tuple[tuple[Fact, str | int | None], ...] = (
        (Fact.ROLE, copy.role.value),
        (Fact.DISK, copy.disk_state.value),
        (Fact.CONNECTION, copy.connection_state.value),
        (Fact.OUT_OF_SYNC, copy.out_of_sync),
        (Fact.GENERATION, copy.generations.current if copy.generations else None),
        (Fact.LAST_PRIMARY, copy.last_primary.isoformat() if copy.last_primary else None),
        (Fact.GUESTS, ", ".join(map(str, copy.guests)) if copy.guests else None),
    )
    for fact, value in values:
        if value is not None:
            yield Evidence(copy.node, fact, value, copy.volume)
