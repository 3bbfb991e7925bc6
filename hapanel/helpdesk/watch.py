"""One service under observation: its last probes, its verdict, a migration's series. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hapanel.helpdesk.downtime import client_downtime_ms
from hapanel.helpdesk.schedule import Situation, due_at
from hapanel.helpdesk.verdict import Look, Moving, Verdict, is_settled, judge
from hapanel.ports.probe import ProbeResult, ProbeTarget

# Enough for a verdict at any pace: 12 s of a series, minutes of everything else.
KEPT_LOOKS = 60
# Five a second: more than two hours, and a pause is at the end.
KEPT_IN_SERIES = 40_000
SETTLE = timedelta(seconds=2)
GIVE_UP = timedelta(seconds=30)
# A series that began later than this after its migration may have missed the pause.
LATE_START = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Subject:
    """A service as it is recorded."""

    pk: int
    cluster_id: int
    vmids: frozenset[int]
    target: ProbeTarget
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Move:
    """A migration that runs now."""

    operation_id: int
    cluster_id: int
    vmid: int
    moving: Moving
    started_at: datetime

    def concerns(self, subject: Subject) -> bool:
        return self.cluster_id == subject.cluster_id and self.vmid in subject.vmids


@dataclass(slots=True)
class Series:
    """The probes of one migration; `ended_at` is when the migration was seen to be over."""

    move: Move
    began_at: datetime
    looks: dict[int, Look] = field(default_factory=dict)
    ended_at: datetime | None = None

    def is_finished(self, now: datetime) -> bool:
        """Over, settled and every probe back; or over for so long that we stop waiting."""
        if self.ended_at is None or now - self.ended_at < SETTLE:
            return False
        looks = list(self.looks.values())
        is_back = bool(looks) and looks[-1].is_answer and not any(x.is_pending for x in looks)
        return is_back or now - self.ended_at > GIVE_UP

    def downtime_ms(self) -> int | None:
        """What clients missed; None when that was not measured from the beginning to an end."""
        if self.began_at - self.move.started_at > LATE_START:
            return None
        return client_downtime_ms(list(self.looks.values()))


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict to be recorded; `operation_id` is the migration that ran when it was passed."""

    pk: int
    verdict: Verdict
    operation_id: int | None


class Watch:
    """What the prober remembers of one service."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.verdict = subject.verdict
        self.series: dict[int, Series] = {}
        self._looks: dict[int, Look] = {}
        self._count = 0
        self._last_sent: datetime | None = None
        self._move: Move | None = None

    def send(self, now: datetime) -> int:
        """Note that a probe leaves at `now`; the number is what `land` wants back."""
        self._count += 1
        self._last_sent = now
        self._keep(self._count, Look(now))
        while len(self._looks) > KEPT_LOOKS:
            del self._looks[next(iter(self._looks))]
        return self._count

    def land(self, number: int, result: ProbeResult) -> None:
        """Note what became of probe `number`."""
        look = Look(result.sent_at, result.ms, result.status, result.failure)
        if number in self._looks:
            self._looks[number] = look
        for series in self.series.values():
            if number in series.looks:
                series.looks[number] = look

    def _keep(self, number: int, look: Look) -> None:
        self._looks[number] = look
        for series in self.series.values():
            series.looks[number] = look
            if len(series.looks) > KEPT_IN_SERIES:
                del series.looks[next(iter(series.looks))]

    def follow(self, moves: Mapping[int, Move], now: datetime) -> None:
        """Begin a series for each migration of a guest of this service, end those that are over."""
        mine = {pk: move for pk, move in moves.items() if move.concerns(self.subject)}
        self._move = next(iter(mine.values()), None)
        for pk, move in mine.items():
            if pk not in self.series:
                self.series[pk] = Series(move, now)
        for pk, series in self.series.items():
            if pk not in mine and series.ended_at is None:
                series.ended_at = now

    def finished(self, now: datetime) -> list[Series]:
        """The series that are complete; they are forgotten with this."""
        done = [series for series in self.series.values() if series.is_finished(now)]
        for series in done:
            del self.series[series.move.operation_id]
        return done

    def judge(self, now: datetime) -> Change | None:
        """Pass a verdict; a Change when it differs from the last one in more than its reason."""
        moving = self._move.moving if self._move else Moving.NO
        verdict = judge(self.verdict, list(self._looks.values()), now, moving)
        if verdict == self.verdict:
            return None
        self.verdict = verdict
        operation_id = self._move.operation_id if self._move else None
        return Change(self.subject.pk, verdict, operation_id)

    def due_at(
        self, now: datetime, *, operated: bool, watched: bool, shaken: bool, idle_seconds: float
    ) -> datetime:
        """When the next probe leaves. `shaken`: the cluster's reach changed just now."""
        moving = next((series.move.moving for series in self.series.values()), Moving.NO)
        situation = Situation(
            moving=moving,
            is_operated=operated,
            is_watched=watched,
            reach_changed=shaken,
            is_settled=self.is_settled(now),
        )
        return due_at(self._last_sent, situation, self.verdict.condition, idle_seconds)

    def is_settled(self, now: datetime) -> bool:
        """Whether the last probe says what the verdict says."""
        return is_settled(self.verdict, list(self._looks.values()), now)

    @property
    def is_waiting(self) -> bool:
        """Whether a probe is on its way."""
        return any(look.is_pending for look in self._looks.values())

    @property
    def last_answered(self) -> Look | None:
        """The last probe that came back, whatever it said."""
        back = [look for look in self._looks.values() if not look.is_pending]
        return back[-1] if back else None
