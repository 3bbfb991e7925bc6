"""What came of an action, read from the state of the node that it was taken on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hapanel.drbd.actions import Action, is_paused_here, work_of
from hapanel.drbd.copies import is_up_to_date
from hapanel.ports.replication import (
    ConnectionState,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Role,
)


class Standing(StrEnum):
    """How far an action is: a sync or verify works, it is reached, it waits, or nothing of it."""

    WORKING = "working"
    REACHED = "reached"
    WAITING = "waiting"
    NOT_YET = "not_yet"


STARTS_WORK = frozenset(
    {Action.CONNECT, Action.RESUME_SYNC, Action.VERIFY, Action.INVALIDATE, Action.ADJUST}
)
"""What starts a sync or verify that is followed to its end."""

_VERIFYING = (ReplicationState.VERIFY_S, ReplicationState.VERIFY_T)


@dataclass(frozen=True, slots=True)
class Figures:
    """A running sync or verify: percent, bytes a second, seconds; None is not told."""

    word: str
    is_held: bool
    is_verify: bool
    percent: float | None
    rate: int | None
    eta_seconds: float | None
    left: int | None


def standing(action: Action, state: ResourceState | None) -> Standing:
    """How far `action` is by this state; None stands for a resource that is not up."""
    if state is None:
        return Standing.NOT_YET
    if action in STARTS_WORK and work_of(state) is not None:
        return Standing.WORKING
    return _REACHED[action](state)


def figures(state: ResourceState) -> Figures | None:
    """What runs on this side, by the slowest of its volumes; None while it rests."""
    word = work_of(state)
    if word is None:
        return None
    moving = [one for peer in state.peers for one in peer.volumes if one.percent is not None]
    slowest = min(moving, key=_percent, default=None)
    states = {one.replication_state for peer in state.peers for one in peer.volumes}
    return Figures(
        word=word,
        is_held=any(one.paused for peer in state.peers for one in peer.volumes),
        is_verify=bool(states & set(_VERIFYING)),
        percent=slowest.percent if slowest else None,
        rate=round(slowest.rate) if slowest and slowest.rate is not None else None,
        eta_seconds=slowest.eta_seconds if slowest else None,
        left=slowest.left if slowest else None,
    )


def differing(state: ResourceState) -> int:
    """Bytes that this side counts as different from its peers."""
    return sum(one.out_of_sync or 0 for peer in state.peers for one in peer.volumes)


def _percent(volume: PeerVolume) -> float:
    return volume.percent or 0.0


def _links(state: ResourceState) -> set[ConnectionState]:
    return {peer.connection_state for peer in state.peers}


def _connected(state: ResourceState) -> Standing:
    links = _links(state)
    if links == {ConnectionState.CONNECTED}:
        return Standing.REACHED
    return Standing.NOT_YET if ConnectionState.STANDALONE in links else Standing.WAITING


def _when(reached: bool) -> Standing:
    return Standing.REACHED if reached else Standing.NOT_YET


_REACHED: dict[Action, Callable[[ResourceState], Standing]] = {
    Action.CONNECT: _connected,
    Action.DISCONNECT: lambda state: _when(_links(state) <= {ConnectionState.STANDALONE}),
    Action.PRIMARY: lambda state: _when(state.role is Role.PRIMARY),
    Action.SECONDARY: lambda state: _when(state.role is Role.SECONDARY),
    Action.PAUSE_SYNC: lambda state: _when(is_paused_here(state)),
    Action.RESUME_SYNC: lambda state: _when(not is_paused_here(state)),
    Action.VERIFY: lambda state: _connected(state),
    Action.INVALIDATE: lambda state: _when(is_up_to_date(state)),
    Action.ADJUST: lambda _state: Standing.REACHED,
}
