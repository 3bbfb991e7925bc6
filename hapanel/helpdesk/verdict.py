"""From probes to what callers notice: up, degraded, down, maintenance, unknown. Pure.

One lost probe is weather. Two in a row, about a second apart, are an outage; it began when the
first of them was sent. A probe that nobody has answered for a while counts before it is given up,
so that a machine that swallows everything is called down within 2 s of the first missed answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from hapanel.ports.probe import Failure

SLOW_MS = 1500.0
OVERDUE_SECONDS = 0.8  # from then on a probe without an answer counts as missed beside a real miss
CONFIRM_SECONDS = 0.9  # between the first and the last miss of an outage
GOOD_TO_RECOVER = 2
POOR_TO_DEGRADE = 3
FLAKY_WINDOW, FLAKY_MISSES = 10, 3
# A live migration stops a guest for well under a second; what lasts longer is an outage.
LIVE_MOVE_GRACE_SECONDS = 4.0
FLAKY, SLOW = "flaky", "slow"


class Condition(StrEnum):
    """The states of a service; the values are those of helpdesk.models.ServiceState."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


class Moving(StrEnum):
    """Whether one of the service's guests is being moved now, and whether it keeps running."""

    NO = "no"
    LIVE = "live"
    STOPPED = "stopped"  # a container's restart, or a guest that is off: a gap is expected


@dataclass(frozen=True, slots=True)
class Look:
    """One probe. `ms` is None while it has no answer, `failure` says why it never got one."""

    sent_at: datetime
    ms: float | None = None
    status: int | None = None
    failure: Failure | None = None

    @property
    def is_pending(self) -> bool:
        return self.ms is None

    @property
    def is_blind(self) -> bool:
        """We ourselves had no network: it says nothing of the service."""
        return self.failure is Failure.NO_NETWORK

    @property
    def is_miss(self) -> bool:
        return self.failure is not None and not self.is_blind

    @property
    def is_answer(self) -> bool:
        return not self.is_pending and self.failure is None

    @property
    def trouble(self) -> str:
        """What is wrong with an answer: `http-503`, `slow`, or blank.

        401 and 403 are answers of a healthy service to somebody who is not signed in.
        """
        if self.status is not None and self.status >= 400 and self.status not in {401, 403}:
            return f"http-{self.status}"
        return SLOW if self.ms is not None and self.ms > SLOW_MS else ""

    @property
    def is_good(self) -> bool:
        return self.is_answer and not self.trouble


@dataclass(frozen=True, slots=True)
class Verdict:
    """What callers notice, since when, and the probes' reason for it (blank when up)."""

    condition: Condition
    since: datetime
    reason: str = ""


def judge(current: Verdict, looks: Sequence[Look], now: datetime, moving: Moving) -> Verdict:
    """The verdict after `looks`, in the order of sending; `current` itself when nothing changed."""
    missed = _missed_run(looks, now)
    if _is_confirmed(missed, now):
        return _broken(current, missed, now, moving)
    answered = [look for look in looks if not look.is_pending]
    if _is_blind(answered):
        return _unless_same(current, Condition.UNKNOWN, answered[-1].sent_at, Failure.NO_NETWORK)
    seen = [look for look in answered if not look.is_blind and look.sent_at >= current.since]
    return _working(current, seen)


def is_settled(current: Verdict, looks: Sequence[Look], now: datetime) -> bool:
    """Whether the last probe says what the verdict says; until then it is asked again soon."""
    if not looks:
        return False
    last = looks[-1]
    if last.is_pending:
        before = is_settled(current, looks[:-1], now) if len(looks) > 1 else True
        return before and (now - last.sent_at).total_seconds() < OVERDUE_SECONDS
    match current.condition:
        case Condition.UP:
            return last.is_good
        case Condition.DOWN:
            return last.is_miss
        case Condition.DEGRADED:
            return bool(last.trouble)
        case _:
            return False


def _missed_run(looks: Sequence[Look], now: datetime) -> list[Look]:
    """The misses at the end, oldest first; a fresh probe on its way neither counts nor ends it."""
    run: list[Look] = []
    for look in reversed(looks):
        if look.is_answer or look.is_blind:
            break
        if look.is_pending and (now - look.sent_at).total_seconds() < OVERDUE_SECONDS:
            continue
        run.append(look)
    return run[::-1]


def _is_confirmed(run: Sequence[Look], now: datetime) -> bool:
    if len(run) < 2 or not any(look.is_miss for look in run):
        return False
    last = now if run[-1].is_pending else run[-1].sent_at
    return (last - run[0].sent_at).total_seconds() >= CONFIRM_SECONDS


def _broken(current: Verdict, run: Sequence[Look], now: datetime, moving: Moving) -> Verdict:
    reason = next(look.failure for look in reversed(run) if look.failure)
    if current.condition is Condition.DOWN:
        return current
    in_gap = current.condition is Condition.MAINTENANCE
    since = current.since if in_gap else run[0].sent_at
    lasted = (now - since).total_seconds()
    if moving is Moving.STOPPED or (moving is Moving.LIVE and lasted < LIVE_MOVE_GRACE_SECONDS):
        return current if in_gap else Verdict(Condition.MAINTENANCE, since, reason)
    return Verdict(Condition.DOWN, since, reason)


def _is_blind(answered: Sequence[Look]) -> bool:
    return len(answered) >= 2 and all(look.is_blind for look in answered[-2:])


def _working(current: Verdict, answered: Sequence[Look]) -> Verdict:
    """Verdicts that rest on answers; without enough of them nothing changes."""
    if not answered or not answered[-1].is_answer:
        return current
    if poor := _poor_since(answered):
        return _unless_same(current, Condition.DEGRADED, poor.sent_at, _reason(answered))
    run = _answers_at_the_end(answered)
    if current.condition is Condition.UP or not run[-1].is_good:
        return current
    needed = 1 if current.condition is Condition.UNKNOWN else GOOD_TO_RECOVER
    if len(run) < needed or not all(look.is_good for look in run[-needed:]):
        return current
    return Verdict(Condition.UP, _first_good(run).sent_at)


def _poor_since(answered: Sequence[Look]) -> Look | None:
    """The first of the answers that make it degraded: slow or wrong ones in a row, or a flicker."""
    row: list[Look] = []
    for look in reversed(answered):
        if look.is_good:
            break
        row.append(look)
    if len(row) >= POOR_TO_DEGRADE:
        return row[-1]
    misses = [look for look in answered[-FLAKY_WINDOW:] if look.is_miss]
    if len(misses) >= FLAKY_MISSES and _is_flicker(answered[-FLAKY_WINDOW:]):
        return misses[0]
    return None


def _is_flicker(window: Sequence[Look]) -> bool:
    """Misses and answers by turns; misses in one piece were an outage that is over."""
    changes = sum(a.is_miss != b.is_miss for a, b in pairwise(window))
    return changes >= 4


def _reason(answered: Sequence[Look]) -> str:
    return answered[-1].trouble or FLAKY


def _answers_at_the_end(answered: Sequence[Look]) -> list[Look]:
    run: list[Look] = []
    for look in reversed(answered):
        if not look.is_answer:
            break
        run.append(look)
    return run[::-1]


def _first_good(run: Sequence[Look]) -> Look:
    first = run[-1]
    for look in reversed(run):
        if not look.is_good:
            break
        first = look
    return first


def _unless_same(current: Verdict, condition: Condition, since: datetime, reason: str) -> Verdict:
    if current.condition is condition:
        return current
    return Verdict(condition, since, reason)
