"""How often a service is probed: rarely while all is quiet, often while it matters. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from hapanel.helpdesk.verdict import Condition, Moving


class Pace(Enum):
    """Seconds from the start of one probe to the start of the next."""

    IDLE = 10.0  # unless HAPANEL_PROBE_SECONDS says otherwise
    BROKEN = 2.0  # nobody looks, but its return is to be noticed
    CLOSE = 1.0
    SERIES = 0.2  # while a guest of it moves: measures what clients miss


@dataclass(frozen=True, slots=True)
class Situation:
    """What is going on around a service right now."""

    moving: Moving = Moving.NO
    is_operated: bool = False  # an operation runs on one of its guests
    is_watched: bool = False  # somebody looks at the status or the services page
    reach_changed: bool = False  # its cluster was lost, found or answered by another node just now
    is_settled: bool = True  # the last probe says what the verdict says


def pace(situation: Situation, condition: Condition) -> Pace:
    """The pace that `situation` asks for; the quickest reason wins."""
    if situation.moving is not Moving.NO:
        return Pace.SERIES
    if situation.is_operated or situation.is_watched or situation.reach_changed:
        return Pace.CLOSE
    if not situation.is_settled:
        return Pace.CLOSE
    return Pace.BROKEN if condition is Condition.DOWN else Pace.IDLE


def due_at(
    last_sent: datetime | None,
    situation: Situation,
    condition: Condition,
    idle_seconds: float = Pace.IDLE.value,
) -> datetime:
    """When the next probe is to be sent; long ago when there was none yet."""
    if last_sent is None:
        return datetime.min.replace(tzinfo=UTC)
    wanted = pace(situation, condition)
    seconds = idle_seconds if wanted is Pace.IDLE else min(wanted.value, idle_seconds)
    return last_sent + timedelta(seconds=seconds)
