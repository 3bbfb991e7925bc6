"""Giving a world time: a script that unfolds at once, or a clock that it keeps up with.

Nothing here sleeps. Whoever runs a world on a real clock asks how long it may wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from hapanel.ha.engine.actions import Action, apply
from hapanel.ha.engine.events import Event
from hapanel.ha.engine.step import next_due, step
from hapanel.ha.engine.world import World
from hapanel.kernel.clock import Clock

Events: TypeAlias = tuple[Event, ...]
Script: TypeAlias = Iterable[tuple[float, Action]]


def unfold(world: World, until: float, script: Script = ()) -> tuple[World, Events]:
    """Move a world to `until`, entering each action of `script` at its second.

    Lockstep worlds take actions in between rounds: at the end of the round that is under way.
    """
    events: list[Event] = []
    for at, action in sorted(script, key=lambda line: line[0]):
        world, happened = step(world, at)
        events.extend(happened)
        world, happened = apply(world, at, action)
        events.extend(happened)
    world, happened = step(world, until)
    return world, (*events, *happened)


class Living:
    """A world that keeps up with a clock, `speed` times as fast.

    The clock may be the machine's own or a virtual one; the world's second 0 is the moment at
    which it began to live, or `world.now` was then.
    """

    def __init__(self, world: World, clock: Clock, speed: float = 1.0) -> None:
        self.world = world
        self._clock = clock
        self._speed = speed
        self._begun_at = clock.now()
        self._offset = world.now

    def seconds(self) -> float:
        """The world's time."""
        return self._offset + self._speed * (self._clock.now() - self._begun_at).total_seconds()

    def catch_up(self) -> Events:
        """Do what is due by now."""
        self.world, events = step(self.world, self.seconds())
        return events

    def enter(self, *actions: Action) -> Events:
        """Do what is due by now, then let `actions` happen."""
        before = self.catch_up()
        self.world, after = apply(self.world, self.seconds(), *actions)
        return before + after

    def may_wait(self) -> float:
        """How many seconds of the clock pass before there is something to do again."""
        return max(0.0, (next_due(self.world) - self.seconds()) / self._speed)

    def moment(self, seconds: float) -> datetime:
        """When on the clock it is that second of the world."""
        return self._begun_at + timedelta(seconds=(seconds - self._offset) / self._speed)
