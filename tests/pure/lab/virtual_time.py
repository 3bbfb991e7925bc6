"""An event loop whose time is computed: hours pass in milliseconds, always the same way."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = 1_795_000_000.0


class _Selector(selectors.SelectSelector):
    """Waits by moving the loop's clock instead of the machine's."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.passed += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio on a clock of its own that starts at 0."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.passed = 0.0
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds since the loop began."""
        return self.passed

    def run_in_executor(
        self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do it at once: a thread would take real time, and virtual hours would pass meanwhile."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


class LoopClock:
    """The virtual loop's time as a moment; fulfils hapanel.kernel.clock.Clock."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(EPOCH + asyncio.get_running_loop().time(), UTC)


def play(story: Coroutine[Any, Any, T]) -> T:
    """Runs a story in virtual time; whatever it left running is cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)
