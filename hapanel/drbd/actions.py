"""What may be done to a replicated resource on one node, judged from what both sides say now.

DRBD judges too, and has the last word. This comes first, with a reason that names the guests and
the copies, and says No where DRBD would say Yes and data would be lost (recorded: 8.4 lets a
Primary be invalidated, and a plain connect in a split brain exits 0 and parts again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from hapanel.drbd import refusals as no
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.copies import current_copies, is_up_to_date, lags
from hapanel.drbd.join import Replication, Side, Sight
from hapanel.drbd.link import End
from hapanel.drbd.split_brain import divergence
from hapanel.kernel.refusal import Refusal
from hapanel.ports.replication import (
    ConnectionState,
    Pause,
    ReplicationState,
    ResourceState,
    Role,
)


class Action(StrEnum):
    """The words of drbdadm; `activate` and `deactivate` are of the volume groups on the resource,
    and `resize` is always refused."""

    CONNECT = "connect"
    DISCONNECT = "disconnect"
    PRIMARY = "primary"
    SECONDARY = "secondary"
    PAUSE_SYNC = "pause-sync"
    RESUME_SYNC = "resume-sync"
    VERIFY = "verify"
    INVALIDATE = "invalidate"
    ADJUST = "adjust"
    DEACTIVATE = "deactivate"
    ACTIVATE = "activate"
    RESIZE = "resize"


LOSES_DATA = frozenset({Action.INVALIDATE})
"""Asked for only with the node's name typed; so is `primary` beside a peer that is not seen."""

_RESTING = frozenset({ReplicationState.OFF, ReplicationState.ESTABLISHED, ReplicationState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Scene:
    """One resource on the node that is acted on. `groups` are the volume groups that lie on it,
    `active_groups` those with active volumes there; None is not known, and DRBD itself decides."""

    node: str
    replication: Replication
    circumstances: Circumstances
    groups: tuple[str, ...] = ()
    active_groups: tuple[str, ...] | None = None

    @property
    def resource(self) -> str:
        return self.replication.resource

    @property
    def side(self) -> Side | None:
        return self.replication.side(self.node)

    @property
    def names(self) -> dict[str, str]:
        return {"resource": self.resource, "node": self.node}

    def ends(self) -> tuple[End, ...]:
        """This node's ends of its links."""
        return tuple(
            end for link in self.replication.links for end in link.ends if end.node == self.node
        )

    def others(self) -> tuple[Side, ...]:
        """The other sides."""
        return tuple(one for one in self.replication.sides if one.node != self.node)


def refusals_of(action: Action, scene: Scene, *, confirm: str = "") -> tuple[Refusal, ...]:
    """Why `action` is refused now; empty when nothing speaks against it."""
    if action is Action.RESIZE:
        return (no.RESIZE(resource=scene.resource),)
    side = scene.side
    if side is None:
        nodes = ", ".join(one.node for one in scene.replication.sides)
        return (no.NOT_A_NODE(**scene.names, nodes=nodes),)
    if side.sight is not Sight.CURRENT:
        return (no.NODE_NOT_SEEN(node=scene.node, reason=side.unseen_because or "-"),)
    if side.state is None:
        return () if action is Action.ADJUST else (no.NOT_UP_HERE(**scene.names),)
    found = tuple(_JUDGES[action](scene, side.state))
    if not found and needs_name(action, scene) and confirm.strip() != scene.node:
        return (_unconfirmed(action, scene),)
    return found


def needs_name(action: Action, scene: Scene) -> bool:
    """Whether the node's name has to be typed, because data may be lost."""
    return action in LOSES_DATA or (action is Action.PRIMARY and _unseen(scene) is not None)


def _unconfirmed(action: Action, scene: Scene) -> Refusal:
    unseen = _unseen(scene)
    if action is Action.PRIMARY and unseen is not None:
        return no.PEER_NOT_SEEN(**scene.names, peer=unseen.node)
    return no.NAME_NOT_TYPED(node=scene.node)


def _unseen(scene: Scene) -> Side | None:
    """A side that may be Primary without anybody here knowing."""
    if all(_is_connected(end) for end in scene.ends()):
        return None
    return next((one for one in scene.others() if one.sight is not Sight.CURRENT), None)


def _is_connected(end: End) -> bool:
    return end.peer.connection_state is ConnectionState.CONNECTED


def work_of(state: ResourceState) -> str | None:
    """What a sync or verify on this side is called; None while all rests."""
    found = (one.replication_state for peer in state.peers for one in peer.volumes)
    return next((one.value for one in found if one not in _RESTING), None)


def is_paused_here(state: ResourceState) -> bool:
    """Whether somebody holds a sync on this node."""
    return any(Pause.USER in one.paused for peer in state.peers for one in peer.volumes)


def _connect(scene: Scene, _state: ResourceState) -> Iterator[Refusal]:
    ends = scene.ends()
    if ends and all(_is_connected(end) for end in ends):
        yield no.IS_SO(**scene.names, state=ConnectionState.CONNECTED.value)
    for link in scene.replication.links:
        if scene.node in (link.first, link.second):
            parted = divergence(link, scene.circumstances)
            if parted is not None and parted.refused:
                yield no.SPLITS_AGAIN(resource=scene.resource)


def _disconnect(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    ends = scene.ends()
    if ends and all(end.peer.connection_state is ConnectionState.STANDALONE for end in ends):
        yield no.IS_SO(**scene.names, state=ConnectionState.STANDALONE.value)
    for other in scene.others() if state.role is Role.PRIMARY else ():
        if other.now is not None and other.now.role is Role.PRIMARY and _linked(scene, other):
            yield no.BOTH_PRIMARY(**scene.names, peer=other.node)


def _primary(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    if state.role is Role.PRIMARY:
        yield no.IS_SO(**scene.names, state=Role.PRIMARY.value)
        return
    if not is_up_to_date(state):
        worst = ", ".join(sorted({one.disk_state.value for one in state.volumes}))
        yield no.OLD_DATA(**scene.names, state=worst or "-")
    elif any(
        lag.node == scene.node and _is_sure(scene, lag.newer) for lag in lags(scene.replication)
    ):
        yield no.OLD_DATA(**scene.names, state="UpToDate, but older than its peer's")
    for other in scene.others():
        if other.now is not None and other.now.role is Role.PRIMARY and not _linked(scene, other):
            yield no.WOULD_SPLIT(**scene.names, peer=other.node)


def _is_sure(scene: Scene, newer: str) -> bool:
    side = scene.replication.side(newer)
    return side is not None and side.now is not None


def _linked(scene: Scene, other: Side) -> bool:
    return any(
        link.is_connected and {link.first, link.second} == {scene.node, other.node}
        for link in scene.replication.links
    )


def _secondary(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    if state.role is Role.SECONDARY:
        yield no.IS_SO(**scene.names, state=Role.SECONDARY.value)
        return
    running = scene.circumstances.running_on(scene.node)
    if running:
        yield no.GUESTS_RUN(**scene.names, guests=", ".join(map(str, running)))
    elif scene.active_groups:
        yield no.GROUP_ACTIVE(**scene.names, group=scene.active_groups[0])


def _verify(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    yield from _needs_rest(scene, state)


def _needs_rest(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    busy = work_of(state)
    if busy:
        yield no.AT_WORK(**scene.names, state=busy)
    elif not any(_is_connected(end) for end in scene.ends()):
        states = {end.peer.connection_state.value for end in scene.ends()}
        yield no.NOT_LINKED(**scene.names, state=", ".join(sorted(states)) or "-")


def _invalidate(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    if state.role is Role.PRIMARY:
        yield no.PRIMARY_HERE(**scene.names)
        return
    current = [node for node in current_copies(scene.replication) if node != scene.node]
    sides = (scene.replication.side(node) for node in current)
    if not any(side is not None and _linked(scene, side) for side in sides):
        yield no.ONLY_CURRENT(**scene.names)
    else:
        yield from _needs_rest(scene, state)


def _pause(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    if is_paused_here(state):
        yield no.IS_SO(**scene.names, state="PausedSync")
    elif work_of(state) is None:
        yield no.NO_SYNC(**scene.names)


def _resume(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    if not is_paused_here(state):
        yield no.IS_SO(**scene.names, state=work_of(state) or ReplicationState.ESTABLISHED.value)


def _adjust(_scene: Scene, _state: ResourceState) -> Iterator[Refusal]:
    yield from ()


def _deactivate(scene: Scene, _state: ResourceState) -> Iterator[Refusal]:
    yield from _needs_groups(scene)
    running = scene.circumstances.running_on(scene.node)
    if running:
        yield no.GUESTS_RUN(**scene.names, guests=", ".join(map(str, running)))
    elif scene.groups and scene.active_groups == ():
        yield no.IS_SO(**scene.names, state=", ".join(scene.groups))


def _activate(scene: Scene, state: ResourceState) -> Iterator[Refusal]:
    yield from _needs_groups(scene)
    if state.role is not Role.PRIMARY:
        yield no.NOT_PRIMARY(**scene.names)
    elif scene.groups and scene.active_groups == scene.groups:
        yield no.IS_SO(**scene.names, state=", ".join(scene.groups))


def _needs_groups(scene: Scene) -> Iterator[Refusal]:
    if not scene.groups:
        yield no.NO_GROUP(resource=scene.resource)


_JUDGES: dict[Action, Callable[[Scene, ResourceState], Iterator[Refusal]]] = {
    Action.CONNECT: _connect,
    Action.DISCONNECT: _disconnect,
    Action.PRIMARY: _primary,
    Action.SECONDARY: _secondary,
    Action.VERIFY: _verify,
    Action.INVALIDATE: _invalidate,
    Action.PAUSE_SYNC: _pause,
    Action.RESUME_SYNC: _resume,
    Action.ADJUST: _adjust,
    Action.DEACTIVATE: _deactivate,
    Action.ACTIVATE: _activate,
}
