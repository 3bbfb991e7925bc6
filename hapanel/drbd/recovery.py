"""The way out of a split brain as a list of steps: what is sent where, and when a step is done.

Every step is told by the state that it leaves, so a step whose answer was lost, or whose worker
died, is looked at before anybody sends it again, and a way that was left half-way is taken up where
it stands. The order is DRBD's own (recorded): it refuses `secondary` while a volume group on it is
active, and `connect --discard-my-data` on a Primary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hapanel.drbd import orders
from hapanel.drbd.actions import work_of
from hapanel.drbd.backing import Copy
from hapanel.drbd.copies import is_up_to_date
from hapanel.drbd.join import Replication
from hapanel.drbd.progress import differing
from hapanel.ports.node_shell import LvmReport
from hapanel.ports.replication import ConnectionState, ResourceState, Role


class Act(StrEnum):
    """What a step does."""

    COPY = "copy"
    DISCONNECT = "disconnect"
    DEACTIVATE = "deactivate"
    SECONDARY = "secondary"
    DISCARD = "discard"
    CONNECT = "connect"
    SYNC = "sync"
    PRIMARY = "primary"
    ACTIVATE = "activate"
    # Of guests, through Proxmox (`hapanel.drbd.rescue`).
    STOP = "stop"
    BACKUP = "backup"
    MOVE = "move"
    RESTORE = "restore"
    START = "start"


OF_GUESTS = frozenset({Act.STOP, Act.BACKUP, Act.MOVE, Act.RESTORE, Act.START})
"""What is done with guests; `about` holds the vmid. The others are told to nodes over ssh."""

OF_LVM = frozenset({Act.COPY, Act.DEACTIVATE, Act.ACTIVATE})
"""Whether these are done is read from the node's volume groups."""


@dataclass(frozen=True, slots=True)
class RecoveryStep:
    """One step: the node, the line that is sent to it (empty where only waiting helps; of a guest
    the command that does the same at a console), and the volume group, snapshot or guest (vmid)
    that it is about."""

    act: Act
    node: str
    line: str = ""
    about: str = ""

    def as_record(self) -> dict[str, str]:
        """The step as plain values."""
        return {
            "act": self.act.value,
            "node": self.node,
            "line": self.line,
            "about": self.about,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> RecoveryStep:
        """The inverse of `as_record`. Raises KeyError or ValueError when it is none."""
        return cls(Act(record["act"]), record["node"], record["line"], record["about"])


@dataclass(frozen=True, slots=True)
class GuestSteps:
    """What is done with the victim's guests: before anything is given up, while the resync runs,
    and once the victim has its role and its groups again."""

    before: tuple[RecoveryStep, ...] = ()
    meanwhile: tuple[RecoveryStep, ...] = ()
    afterwards: tuple[RecoveryStep, ...] = ()


def steps_of(
    replication: Replication,
    victim: str,
    survivor: str,
    *,
    copies: tuple[Copy, ...] = (),
    groups: tuple[str, ...] = (),
    active: tuple[str, ...] = (),
    is_dual: bool | None = None,
) -> tuple[RecoveryStep, ...]:
    """The steps from the state as it is now. `groups` lie on the resource, `active` are those with
    active volumes on the victim. Both sides have to be up and seen. Where the configuration says
    that both sides are not meant to be Primary (`is_dual` False), the victim stays Secondary: DRBD
    would refuse it."""
    steps = tuple(_steps(replication, victim, survivor, copies, groups, active))
    if is_dual is False:
        return tuple(step for step in steps if step.act not in (Act.PRIMARY, Act.ACTIVATE))
    return steps


def with_guests(steps: tuple[RecoveryStep, ...], guests: GuestSteps) -> tuple[RecoveryStep, ...]:
    """The same steps with those of the victim's guests in their places."""
    sync = next(n for n, step in enumerate(steps) if step.act is Act.SYNC)
    return (*guests.before, *steps[:sync], *guests.meanwhile, *steps[sync:], *guests.afterwards)


def _steps(
    replication: Replication,
    victim: str,
    survivor: str,
    copies: tuple[Copy, ...],
    groups: tuple[str, ...],
    active: tuple[str, ...],
) -> Iterator[RecoveryStep]:
    name = replication.resource
    mine = _now(replication, victim)
    is_primary = mine is not None and mine.role is Role.PRIMARY
    for copy in copies:
        yield RecoveryStep(Act.COPY, victim, copy.line, f"{copy.group}/{copy.name}")
    if mine is not None and links_of(mine) != {ConnectionState.STANDALONE}:
        yield RecoveryStep(Act.DISCONNECT, victim, orders.drbdadm("disconnect", name))
    if is_primary:
        for group in groups:
            line = orders.activate(group, on=False)
            yield RecoveryStep(Act.DEACTIVATE, victim, line, group)
        yield RecoveryStep(Act.SECONDARY, victim, orders.drbdadm("secondary", name))
    yield RecoveryStep(Act.DISCARD, victim, orders.discard_my_data(name))
    yield RecoveryStep(Act.CONNECT, survivor, orders.drbdadm("connect", name))
    yield RecoveryStep(Act.SYNC, victim)
    if is_primary:
        yield RecoveryStep(Act.PRIMARY, victim, orders.drbdadm("primary", name))
        for group in active:
            yield RecoveryStep(Act.ACTIVATE, victim, orders.activate(group, on=True), group)


def is_done(step: RecoveryStep, replication: Replication, lvm: LvmReport) -> bool:
    """Whether the state shows what the step is for, a step that is told to a node. `lvm` is that
    node's, and read only for the steps of OF_LVM. False while the node is not seen."""
    state = _now(replication, step.node)
    if state is None:
        return False
    match step.act:
        case Act.COPY:
            return any(f"{one.vg}/{one.lv}" == step.about for one in lvm.volumes)
        case Act.DEACTIVATE:
            return not any(one.vg == step.about and one.active for one in lvm.volumes)
        case Act.ACTIVATE:
            mine = [one for one in lvm.volumes if one.vg == step.about]
            return bool(mine) and all(one.active for one in mine)
        case Act.DISCONNECT:
            return links_of(state) == {ConnectionState.STANDALONE}
        case Act.SECONDARY:
            return state.role is Role.SECONDARY
        case Act.PRIMARY:
            return state.role is Role.PRIMARY
        case Act.DISCARD | Act.CONNECT:
            return ConnectionState.STANDALONE not in links_of(state)
        case Act.SYNC:
            return is_whole(replication)
        case _:
            return False


def is_whole(replication: Replication) -> bool:
    """Whether all sides are seen, connected, UpToDate, at rest, and count no difference."""
    states = [side.now for side in replication.sides]
    return bool(states) and all(state is not None and _rests(state) for state in states)


def _rests(state: ResourceState) -> bool:
    linked = links_of(state) == {ConnectionState.CONNECTED}
    return linked and is_up_to_date(state) and work_of(state) is None and not differing(state)


def links_of(state: ResourceState) -> set[ConnectionState]:
    """What this side says of its links; a side without one stands alone."""
    return {peer.connection_state for peer in state.peers} or {ConnectionState.STANDALONE}


def _now(replication: Replication, node: str) -> ResourceState | None:
    side = replication.side(node)
    return side.now if side is not None else None
