"""Where the prober's parts meet the records: what the follower runs, and what stands in for it.

Both are handed the probe by whoever may open gateways (workers and commands).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hapanel.helpdesk import recent
from hapanel.helpdesk.desk import RecordedDesk
from hapanel.helpdesk.prober import Prober
from hapanel.helpdesk.schedule import Situation, due_at
from hapanel.helpdesk.watch import Change, Subject, Watch
from hapanel.kernel.clock import Clock, RealClock
from hapanel.live.lock import held
from hapanel.ports.probe import Probe

ROUND_LOCK = "probe-round"
# Enough probes, a second apart, to confirm an outage or a return within one round.
PROBES_A_ROUND = 4


async def run(probe: Probe, stop: asyncio.Event) -> None:
    """Probe all services until `stop` is set: the follower's part."""
    await Prober(probe, RecordedDesk()).run(stop)


def probe_round(probe: Probe, clock: Clock | None = None) -> int:
    """One round over the services that are due, for as long as no follower leads.

    Blocks until each verdict stands, a few seconds at most. Coarser than the follower: at most one
    look a second, so it measures no client downtime. Returns how many services were probed; zero
    as well while another round is under way.
    """
    clock = clock or RealClock()
    with held(ROUND_LOCK) as hold:
        if hold is None:
            return 0
        desk = RecordedDesk()
        around = desk.read()
        now = clock.now()
        due = [s for s in around.subjects if _is_due(s, now, is_watched=around.is_watched)]
        watches = [Watch(subject) for subject in due]
        for watch in watches:
            watch.follow(around.moves, now)
        for change in asyncio.run(_settle_all(probe, watches, clock)):
            desk.record(change)
        desk.note_recent({w.subject.pk: look for w in watches if (look := w.last_answered)})
        return len(due)


def _is_due(subject: Subject, now: datetime, *, is_watched: bool) -> bool:
    last = recent.last_probes().get(subject.pk)
    situation = Situation(is_watched=is_watched)
    return due_at(last.at if last else None, situation, subject.verdict.condition) <= now


async def _settle_all(probe: Probe, watches: Sequence[Watch], clock: Clock) -> list[Change]:
    found = await asyncio.gather(*(_settle(probe, watch, clock) for watch in watches))
    return [change for change in found if change]


async def _settle(probe: Probe, watch: Watch, clock: Clock) -> Change | None:
    """Probe until the last probe says what the verdict says."""
    change: Change | None = None
    for _ in range(PROBES_A_ROUND):
        sent = clock.now()
        number = watch.send(sent)
        watch.land(number, await probe(watch.subject.target))
        change = watch.judge(clock.now()) or change
        if watch.is_settled(clock.now()):
            break
        rest = sent + timedelta(seconds=1) - datetime.now(UTC)
        await asyncio.sleep(max(0.0, rest.total_seconds()))
    return change
