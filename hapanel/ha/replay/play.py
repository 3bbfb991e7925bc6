"""A case played: the simulator's loop of rounds and commands around the engine's step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from hapanel.ha.engine import actions as act
from hapanel.ha.engine import step as engine
from hapanel.ha.engine.events import Event
from hapanel.ha.engine.world import World
from hapanel.ha.replay.case import first_world
from hapanel.ha.replay.form import CaseForm
from hapanel.ha.replay.story import Delay, SkipRounds, read_command

Played: TypeAlias = tuple[World, list[Event]]

# Commands are entered after every fifth round.
_ROUNDS_PER_LIST = 5


class Player:
    """Plays one case from its beginning."""

    def __init__(self, case: CaseForm) -> None:
        self._case = case
        self._lists = enumerate(case.commands)
        self._command_at = 0.0
        self._skips: Counter[str] = Counter()
        self.world = first_world(case)
        self.events: list[Event] = []

    def play(self) -> Played:
        """The world at the end, and everything that happened. Raises CaseError."""
        listened = 0
        while self.world.round_at < self._case.expected.duration:
            self._round()
            now = self.world.round_at
            if now >= self._case.expected.duration:
                break
            if now >= self._command_at:
                if listened % _ROUNDS_PER_LIST == 0:
                    self._enter_next_list(now)
                listened += 1
        return self.world, self.events

    def _round(self) -> None:
        skipped = frozenset(daemon for daemon, left in self._skips.items() if left > 0)
        self._take(engine.step(self.world, self.world.round_at, skipped=skipped))
        self._skips.subtract(skipped)

    def _take(self, result: tuple[World, Iterable[Event]]) -> None:
        self.world, events = result
        self.events.extend(events)

    def _enter_next_list(self, now: float) -> None:
        number, texts = next(self._lists, (0, []))
        for position, text in enumerate(texts):
            place = f"$.commands[{number}][{position}]"
            command = read_command(self.world, text, place)
            if isinstance(command, Delay):
                self._command_at = now + command.seconds
            elif isinstance(command, SkipRounds):
                self._skips[command.daemon] += command.rounds
            else:
                self._take(act.apply(self.world, now, command))


def play(case: CaseForm) -> Played:
    """Play a case. Raises CaseError."""
    return Player(case).play()
