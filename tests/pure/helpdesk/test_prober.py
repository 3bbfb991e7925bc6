"""The prober's loop with a network and a desk made up here, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hapanel.helpdesk.prober import Prober, Surroundings
from hapanel.helpdesk.verdict import Condition, Look, Moving, Verdict
from hapanel.helpdesk.watch import Change, Move, Subject
from hapanel.ports.probe import Failure, ProbeResult, ProbeTarget
from tests.pure.lab import virtual_time
from tests.pure.lab.virtual_time import EPOCH, LoopClock

SIAKAD = 7
START = datetime.fromtimestamp(EPOCH, UTC)
CLOCK = LoopClock()
Script = list[tuple[float, Callable[[], object] | None]]


@dataclass
class Network:
    """One guest: it answers, refuses, or stands still until `resumed`."""

    refuses: bool = False
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[datetime] = field(default_factory=list)

    async def __call__(self, target: ProbeTarget) -> ProbeResult:
        sent = CLOCK.now()
        self.asked.append(sent)
        if self.refuses:
            return ProbeResult(sent_at=sent, ms=1, failure=Failure.REFUSED)
        await self.resumed.wait()
        ms = (CLOCK.now() - sent).total_seconds() * 1000 + 2
        return ProbeResult(sent_at=sent, ms=ms, status=200)


@dataclass
class MadeUpDesk:
    """Records in memory."""

    around: Surroundings
    changes: list[Change] = field(default_factory=list)
    recent: dict[int, Look] = field(default_factory=dict)
    downtimes: dict[int, int] = field(default_factory=dict)

    def read(self) -> Surroundings:
        return self.around

    def record(self, change: Change) -> None:
        self.changes.append(change)

    def note_recent(self, recent: Mapping[int, Look]) -> None:
        self.recent.update(recent)

    def note_downtime(self, operation_id: int, milliseconds: int) -> None:
        self.downtimes[operation_id] = milliseconds


def siakad() -> Subject:
    up = Verdict(Condition.UP, START - timedelta(hours=1))
    target = ProbeTarget(url="http://127.0.108.100:8080/")
    return Subject(pk=SIAKAD, cluster_id=1, vmids=frozenset({100}), target=target, verdict=up)


def play(network: Network, desk: MadeUpDesk, script: Script) -> None:
    """Run the prober; each act of the script is called after its seconds, then it is stopped."""

    async def run() -> None:
        stop = asyncio.Event()
        prober = asyncio.create_task(Prober(network, desk, CLOCK).run(stop))
        for seconds, act in script:
            await asyncio.sleep(seconds)
            if act is not None:
                act()
        stop.set()
        await prober

    virtual_time.play(run())


def test_an_outage_is_said_within_two_seconds_while_somebody_watches() -> None:
    network, desk = Network(), MadeUpDesk(Surroundings(subjects=(siakad(),), is_watched=True))
    network.resumed.set()
    died: list[datetime] = []

    def die() -> None:
        network.refuses = True
        died.append(CLOCK.now())

    play(network, desk, [(1.3, die), (2.4, None)])
    [change] = desk.changes
    assert change.pk == SIAKAD
    assert change.verdict.condition is Condition.DOWN
    assert change.verdict.since >= died[0]
    assert change.verdict.since - died[0] < timedelta(seconds=1.2)
    assert desk.recent[SIAKAD].failure is Failure.REFUSED


def test_a_service_nobody_watches_is_left_alone_after_its_first_answer() -> None:
    network, desk = Network(), MadeUpDesk(Surroundings(subjects=(siakad(),)))
    network.resumed.set()
    play(network, desk, [(2.0, None)])
    assert len(network.asked) == 1
    assert desk.changes == []


def test_a_migration_s_pause_is_measured_by_its_series() -> None:
    network, subject = Network(), siakad()
    network.resumed.set()
    move = Move(42, 1, 100, Moving.LIVE, START)
    desk = MadeUpDesk(Surroundings(subjects=(subject,), moves={42: move}))

    def end() -> None:
        desk.around = replace(desk.around, moves={})

    pause, resume = network.resumed.clear, network.resumed.set
    script: Script = [(1.5, pause), (0.7, resume), (0.5, end), (3.6, None)]
    play(network, desk, script)
    assert abs(desk.downtimes[42] - 700) < 200
    gaps = [later - earlier for earlier, later in pairwise(network.asked[:8])]
    assert max(gaps) < timedelta(seconds=0.3)


def test_a_desk_that_fails_does_not_stop_the_probes() -> None:
    class Forgetful(MadeUpDesk):
        def note_recent(self, recent: Mapping[int, Look]) -> None:
            raise OSError("the records are gone")

    network = Network()
    network.resumed.set()
    desk = Forgetful(Surroundings(subjects=(siakad(),), is_watched=True))
    play(network, desk, [(2.5, None)])
    assert len(network.asked) >= 2
