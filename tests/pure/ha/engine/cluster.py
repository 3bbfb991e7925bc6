"""Clusters for the stories: built, switched on, and settled before anything happens to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeVar

from hapanel.ha.engine.actions import Action, PowerOn, StartCrm, StopCrm
from hapanel.ha.engine.environment import Script, unfold
from hapanel.ha.engine.events import (
    Event,
    GuestStarted,
    NodeChanged,
    ServiceChanged,
    WatchdogExpired,
)
from hapanel.ha.engine.options import Options
from hapanel.ha.engine.profile import REAL, Profile
from hapanel.ha.engine.rules import NodeAffinity, ResourceAffinity, Rule
from hapanel.ha.engine.world import Guest, Machine, QDevice, World

SETTLED = 120.0
E = TypeVar("E", bound=Event)


def cluster(
    nodes: Sequence[str],
    guests: Iterable[Guest],
    *,
    profile: Profile = REAL,
    qdevice: QDevice | None = None,
    rules: tuple[Rule, ...] = (),
    options: Options = Options(),  # noqa: B008 an immutable value
    settled: float = SETTLED,
) -> World:
    """A cluster whose nodes went on one after the other, and whose guests run, at `settled`."""
    world = World(
        profile=profile,
        options=options,
        machines={name: Machine(name=name, node_id=i) for i, name in enumerate(nodes, start=1)},
        guests={guest.sid: guest for guest in guests},
        rules=rules,
        qdevice=qdevice,
    )
    world, _ = unfold(world, settled, [(float(i), PowerOn(name)) for i, name in enumerate(nodes)])
    return world


@cache
def pair(
    *guests: Guest,
    names: tuple[str, str] = ("north", "south"),
    seat: str = "north",
    qdevice: bool = False,
) -> World:
    """Two nodes at rest; `seat` has the CRM master. The first of `names` has the lower node id."""
    world = cluster(names, guests, qdevice=QDevice() if qdevice else None)
    if world.master != seat:
        other = names[names.index(seat) - 1]
        script: Script = [(SETTLED + 20, StopCrm(other)), (SETTLED + 45, StartCrm(other))]
        world, _ = unfold(world, SETTLED + 100, script)
    assert world.master == seat
    return world


def story(world: World, seconds: float, *script: tuple[float, Action]) -> tuple[World, Tale]:
    """What becomes of `world` in so many seconds, its script counted from now."""
    begun = world.now
    lines = [(begun + at, action) for at, action in script]
    world, events = unfold(world, begun + seconds, lines)
    return world, Tale(begun, events)


class Tale:
    """The events of a story, asked for by what they are about; times count from its beginning."""

    def __init__(self, begun: float, events: Iterable[Event]) -> None:
        self._begun = begun
        self.events = list(events)

    def path(self, sid: str) -> list[str]:
        """The states a service went through."""
        return [e.new.value for e in self.events if isinstance(e, ServiceChanged) and e.sid == sid]

    def when(self, sid: str, state: str) -> float:
        """The second at which a service first came into a state."""
        return next(
            e.at - self._begun
            for e in self.events
            if isinstance(e, ServiceChanged) and e.sid == sid and e.new == state
        )

    def starts(self, sid: str) -> list[tuple[str, float]]:
        """Where and when a guest was started."""
        return [
            (e.node, e.at - self._begun)
            for e in self.events
            if isinstance(e, GuestStarted) and e.sid == sid
        ]

    def node_states(self, node: str) -> list[tuple[str, float]]:
        """What the master took a node for, and when."""
        return [
            (e.new.value, e.at - self._begun)
            for e in self.events
            if isinstance(e, NodeChanged) and e.node == node
        ]

    def resets(self) -> list[tuple[str, float]]:
        """The nodes that their watchdog reset, and when."""
        return [(e.node, e.at - self._begun) for e in self.events if isinstance(e, WatchdogExpired)]

    def of(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def vm(number: int, node: str, **fields: object) -> Guest:
    """An HA virtual machine."""
    return Guest(sid=f"vm:{number}", node=node, **fields)  # type: ignore[arg-type]


def ct(number: int, node: str, **fields: object) -> Guest:
    """An HA container."""
    return Guest(sid=f"ct:{number}", node=node, **fields)  # type: ignore[arg-type]


def apart(*sids: str) -> ResourceAffinity:
    """A rule that keeps guests on different nodes."""
    return ResourceAffinity(id="apart", resources=frozenset(sids), positive=False)


def together(*sids: str) -> ResourceAffinity:
    """A rule that keeps guests on one node."""
    return ResourceAffinity(id="together", resources=frozenset(sids), positive=True)


def only_on(nodes: dict[str, int], *sids: str) -> NodeAffinity:
    """A strict node affinity rule."""
    return NodeAffinity(id="only", resources=frozenset(sids), nodes=nodes, strict=True)
