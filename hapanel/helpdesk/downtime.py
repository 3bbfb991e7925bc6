"""What a migration cost the clients, from the series of probes taken while it ran. Pure.

A probe that meets a paused guest is not lost: the guest answers it when the pause ends. So the end
of a pause is known to a few milliseconds; its beginning lies between the last prompt answer and the
first probe that had to wait, at most one interval of the series.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hapanel.helpdesk.verdict import Look

# An answer is late when it took this many milliseconds longer than usual, and clearly longer than
# the answers of this very service scatter.
LEAST_LATE_MS = 15.0
SCATTER_TIMES = 4.0
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without answers, in milliseconds.

    seen_ms: from the first late probe until the first answer. unseen_before_ms: how much earlier it
    may have begun. unseen_after_ms: how much earlier it may have ended; zero when a waiting probe
    was answered, which tells the end exactly.
    """

    began_at: datetime
    seen_ms: float
    unseen_before_ms: float
    unseen_after_ms: float

    @property
    def estimate_ms(self) -> int:
        """The middle of what is possible; a short pause that was met at all, was met half-way."""
        before = min(self.unseen_before_ms, self.seen_ms) / 2
        return round(max(0.0, self.seen_ms + before - self.unseen_after_ms / 2))


def client_downtime_ms(series: Sequence[Look]) -> int | None:
    """The longest time in one piece that a client was without an answer; 0 when no probe noticed.

    `series` is in the order of sending. None when it does not begin and end with an answer.
    """
    done = [look for look in series if not look.is_pending and not look.is_blind]
    if not done or not done[0].is_answer or not done[-1].is_answer:
        return None
    return max((gap.estimate_ms for gap in gaps(done)), default=0)


def gaps(done: Sequence[Look]) -> Iterator[Gap]:
    """Every stretch of missed or late answers, in order."""
    took = [look.ms for look in done if look.is_answer and look.ms is not None]
    usual = statistics.median(took)
    # The median of what differs: a long pause in the series does not widen it.
    scatter = statistics.median([abs(ms - usual) for ms in took])
    late_ms = usual + max(LEAST_LATE_MS, SCATTER_TIMES * scatter)
    stretch = _Stretch(usual, late_ms, done[0].sent_at)
    for look in done:
        if stretch.late and look.sent_at >= stretch.first_answer:
            yield stretch.close(stretch.first_answer, sharp=True)
        if stretch.is_late(look):
            stretch.late.append(look)
        else:
            if stretch.late:
                yield stretch.close_by(look)
            stretch.answered_at = stretch.answer_of(look)
    if stretch.late:
        yield stretch.close(stretch.first_answer, sharp=True)


@dataclass(slots=True)
class _Stretch:
    """Late probes in a row. `answered_at`: when the guest was last known to answer."""

    usual_ms: float
    late_ms: float
    answered_at: datetime
    late: list[Look] = field(default_factory=list)

    def is_late(self, look: Look) -> bool:
        if not look.is_answer or look.ms is None:
            return True
        return look.ms > self.late_ms

    def answer_of(self, look: Look) -> datetime:
        """When the guest began to answer `look`: the usual time before the answer arrived."""
        return look.sent_at + timedelta(milliseconds=max(0.0, (look.ms or 0.0) - self.usual_ms))

    @property
    def first_answer(self) -> datetime:
        answers = [self.answer_of(look) for look in self.late if look.is_answer]
        return min(answers, default=FAR)

    def close_by(self, prompt: Look) -> Gap:
        """The gap that a prompt answer ends: when others still waited, they tell when, too."""
        first, own = self.first_answer, self.answer_of(prompt)
        if first - own <= timedelta(milliseconds=self.late_ms):
            return self.close(min(first, own), sharp=True)
        return self.close(prompt.sent_at, sharp=False)

    def close(self, end: datetime, *, sharp: bool) -> Gap:
        """The gap that ends at `end`, which was seen exactly when `sharp`."""
        first, last = self.late[0], self.late[-1]
        gap = Gap(
            began_at=first.sent_at,
            seen_ms=_ms(first.sent_at, end),
            unseen_before_ms=max(0.0, _ms(self.answered_at, first.sent_at)),
            unseen_after_ms=0.0 if sharp else max(0.0, _ms(last.sent_at, end)),
        )
        self.late, self.answered_at = [], end
        return gap


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
