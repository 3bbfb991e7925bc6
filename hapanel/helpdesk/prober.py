"""The prober: one asyncio loop that probes every service at the pace its situation asks for.

It runs in the follower. It is handed the probe (what speaks to the network) and the desk (what
reads and writes records), so that its own part is only: when, and what it means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from asgiref.sync import sync_to_async

from hapanel.helpdesk.schedule import Pace
from hapanel.helpdesk.verdict import Look
from hapanel.helpdesk.watch import Change, Move, Subject, Watch
from hapanel.kernel.clock import Clock, RealClock
from hapanel.ports.probe import Failure, Probe, ProbeResult, ProbeTarget

READ_SECONDS = 0.5
RETRY_SECONDS = 2.0
SHAKEN_FOR = timedelta(seconds=30)
# A service that swallows probes has at most this many on their way at the pace of a series.
MOST_ON_THEIR_WAY = 400
LAST_WORDS_SECONDS = 3.0
TICK_WAITING, TICK_IDLE = 0.1, 0.5

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is recorded around the services: read twice a second.

    `operated` holds (cluster id, vmid) of guests under an open operation; `reach` says for each
    cluster id how and through which address it was last seen.
    """

    subjects: tuple[Subject, ...] = ()
    moves: Mapping[int, Move] = field(default_factory=dict)
    operated: frozenset[tuple[int, int]] = frozenset()
    is_watched: bool = False
    reach: Mapping[int, str] = field(default_factory=dict)
    idle_seconds: float = Pace.IDLE.value


class Desk(Protocol):
    """The records behind the prober. Methods block, and raise whatever the database raises."""

    def read(self) -> Surroundings: ...
    def record(self, change: Change) -> None: ...
    def note_recent(self, recent: Mapping[int, Look]) -> None: ...
    def note_downtime(self, operation_id: int, milliseconds: int) -> None: ...


class Prober:
    """Watches over all services until it is stopped."""

    def __init__(self, probe: Probe, desk: Desk, clock: Clock | None = None) -> None:
        self._probe = probe
        self._desk = desk
        self._clock = clock or RealClock()
        self._around = Surroundings()
        self._watches: dict[int, Watch] = {}
        self._shaken: dict[int, datetime] = {}
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._to_write: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._recent: dict[int, Look] = {}
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until `stop` is set. A database that fails is asked again; probing goes on."""
        sides = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._pause(self._round(self._clock.now()))
        finally:
            await self._write_the_rest()
            for task in (*sides, *self._on_their_way):
                task.cancel()
            await asyncio.gather(*sides, *self._on_their_way, return_exceptions=True)

    # -- One round: send, judge, finish -----------------------------------------------------------

    def _round(self, now: datetime) -> float:
        """Do everything that is due; seconds until something may be due again."""
        wait = TICK_IDLE
        for watch in self._watches.values():
            due = self._due_at(watch, now)
            if due <= now and len(self._on_their_way) < MOST_ON_THEIR_WAY:
                self._send(watch, now)
                due = self._due_at(watch, now)
            self._conclude(watch, now)
            wait = min(wait, max(0.005, (due - now).total_seconds()))
            if watch.is_waiting:
                wait = min(wait, TICK_WAITING)
        return wait

    def _due_at(self, watch: Watch, now: datetime) -> datetime:
        subject, around = watch.subject, self._around
        return watch.due_at(
            now,
            operated=any((subject.cluster_id, vmid) in around.operated for vmid in subject.vmids),
            watched=around.is_watched,
            shaken=now < self._shaken.get(subject.cluster_id, now),
            idle_seconds=around.idle_seconds,
        )

    def _send(self, watch: Watch, now: datetime) -> None:
        task = asyncio.create_task(self._one_probe(watch, watch.send(now)))
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)

    async def _one_probe(self, watch: Watch, number: int) -> None:
        watch.land(number, await self._ask(watch.subject.target))
        if look := watch.last_answered:
            self._recent[watch.subject.pk] = look
        self._wake.set()

    async def _ask(self, target: ProbeTarget) -> ProbeResult:
        try:
            return await self._probe(target)
        except Exception:
            # A probe that could not even be sent is our fault and says nothing of the service.
            logger.exception("%s cannot be probed", target.url)
            return ProbeResult(sent_at=self._clock.now(), ms=0, failure=Failure.NO_NETWORK)

    def _conclude(self, watch: Watch, now: datetime) -> None:
        if change := watch.judge(now):
            logger.info("service %s is %s", change.pk, change.verdict.condition)
            self._to_write.put_nowait(partial(self._desk.record, change))
        for series in watch.finished(now):
            milliseconds, pk = series.downtime_ms(), series.move.operation_id
            if milliseconds is not None:
                self._to_write.put_nowait(partial(self._desk.note_downtime, pk, milliseconds))

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    # -- Records ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            around = await _patiently(self._desk.read)
            self._take_in(around, self._clock.now())
            self._wake.set()
            if recent := dict(self._recent):
                self._recent.clear()
                await _patiently(partial(self._desk.note_recent, recent))
            await asyncio.sleep(READ_SECONDS)

    async def _write(self) -> None:
        """One after the other, in the order in which they were said."""
        while True:
            await _patiently(await self._to_write.get())
            self._to_write.task_done()

    async def _write_the_rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._to_write.join(), LAST_WORDS_SECONDS)

    def _take_in(self, around: Surroundings, now: datetime) -> None:
        for cluster_id, reach in around.reach.items():
            if self._around.reach.get(cluster_id, reach) != reach:
                self._shaken[cluster_id] = now + SHAKEN_FOR
        self._around = around
        before, self._watches = self._watches, {}
        for subject in around.subjects:
            watch = before.get(subject.pk)
            if watch is None or watch.subject.target != subject.target:
                watch = Watch(subject)
            watch.subject = subject
            watch.follow(around.moves, now)
            self._watches[subject.pk] = watch


async def _patiently(act: Callable[[], _T]) -> _T:
    """Run blocking `act` in the thread for records, again and again until it does not raise."""
    while True:
        try:
            return await sync_to_async(act)()
        except Exception:
            # Whatever the database or Redis has: the probes go on, and the record follows later.
            logger.exception("the prober cannot reach its records; next try in %s s", RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)
