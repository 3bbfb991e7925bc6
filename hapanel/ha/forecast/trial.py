"""One run of a world in which nodes die: who starts where and when, and who resets itself."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from hapanel.ha.engine import membership
from hapanel.ha.engine.actions import Action, PowerOff, PowerOn, apply
from hapanel.ha.engine.events import (
    CrmChanged,
    Event,
    FenceAcknowledged,
    FenceStarted,
    GuestStarted,
    NodeChanged,
    NoPlace,
    PlaceChosen,
    WatchdogExpired,
)
from hapanel.ha.engine.step import step
from hapanel.ha.engine.words import CrmState, NodeState, ServiceState
from hapanel.ha.engine.world import World
from hapanel.ha.forecast.daemons import NOW

_CHUNK = 10.0
# Enough for a queue of many guests. One guest alone is back long before, or never.
LONGEST = 540.0
LONGEST_FOR_ONE = 300.0
_RETURN_AT = 300.0
_AFTER_RETURN = 240.0
_AT_AN_END = frozenset({ServiceState.ERROR, ServiceState.STOPPED, ServiceState.FREEZE})


class Start(msgspec.Struct, frozen=True):
    """A guest was started on `node`, so many seconds after the failure."""

    node: str
    at: float


class Trial:
    """What became of a world; all times in seconds since the failure, or since the return."""

    def __init__(self, world: World, fail: Collection[str], watched: Collection[str]) -> None:
        self.world = world
        self.fail = tuple(sorted(fail))
        self.watched = frozenset(watched)
        self.starts: dict[str, Start] = {}
        self.resets: dict[str, float] = {}
        self.choices: dict[str, PlaceChosen | NoPlace] = {}
        self.unknown_at: float | None = None
        self.fence_at: float | None = None
        self.lock_at: float | None = None
        self.new_master: tuple[str, float] | None = None
        self._zero = NOW

    def die(self, longest: float = LONGEST) -> Trial:
        """Let the nodes die and run until nothing more comes of it, or for `longest` seconds."""
        self._enter(*(PowerOff(node) for node in self.fail))
        until = NOW
        while until < NOW + longest and not self._is_over():
            until += _CHUNK
            self._run(until)
        return self

    def come_back(self) -> Trial:
        """Let those that reset boot, and then the dead nodes return; times count from there."""
        self._run(NOW + _RETURN_AT / 2)
        self._enter(*(PowerOn(node) for node in sorted(self.resets)))
        self._zero = NOW + _RETURN_AT
        self._run(self._zero)
        self._enter(*(PowerOn(node) for node in self.fail))
        self.starts = {}
        self._run(self._zero + _AFTER_RETURN)
        return self

    @property
    def is_quorate(self) -> bool:
        """Whether a quorate part is left at the end."""
        w = self.world
        return membership.members(w.profile, w.machines.values(), w.qdevice, w.now).is_quorate

    def _enter(self, *actions: Action) -> None:
        self.world, events = apply(self.world, self.world.now, *actions)
        self._note(events)

    def _run(self, until: float) -> None:
        if until > self.world.now:
            self.world, events = step(self.world, until)
            self._note(events)

    def _is_over(self) -> bool:
        world = self.world
        if world.now - NOW <= world.profile.qdevice_gap[1] + _CHUNK:
            return False
        if world.disarm is not None:
            return True
        if not self.is_quorate:
            return all(
                (lrm.watchdog is None) for node, lrm in world.lrms.items() if node not in self.fail
            )
        has_manager = any(crm.state is CrmState.MASTER for crm in world.crms.values())
        if world.services and not has_manager:
            return False
        return all(self._is_settled(sid) for sid in self.watched)

    def _is_settled(self, sid: str) -> bool:
        if sid in self.starts or isinstance(self.choices.get(sid), NoPlace):
            return True
        service = self.world.services[sid]
        if service.state is ServiceState.STARTED and service.is_running:
            return service.node not in self.fail
        return service.state in _AT_AN_END

    def _note(self, events: Collection[Event]) -> None:
        for event in events:
            at = event.at - self._zero
            match event:
                case GuestStarted():
                    self.starts.setdefault(event.sid, Start(event.node, at))
                case WatchdogExpired():
                    self.resets.setdefault(event.node, at)
                case PlaceChosen() | NoPlace():
                    self.choices[event.sid] = event
                case _:
                    self._note_stage(event, at)

    def _note_stage(self, event: Event, at: float) -> None:
        match event:
            case NodeChanged(new=NodeState.UNKNOWN, old=NodeState.ONLINE, node=node):
                if node in self.fail and self.unknown_at is None:
                    self.unknown_at = at
            case FenceStarted():
                self.fence_at = at if self.fence_at is None else self.fence_at
            case FenceAcknowledged():
                self.lock_at = at if self.lock_at is None else self.lock_at
            case CrmChanged(new=CrmState.MASTER, node=node):
                if self.new_master is None:
                    self.new_master = (node, at)
            case _:
                pass
