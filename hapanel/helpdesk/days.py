"""The history of a service, day by day: what the bars of the status page show. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Protocol

DAYS = 90
DAYS_ON_A_PHONE = 30
# Worse is shorter as well as another colour: shape and height (of 10) of each state.
_BARS = {
    "up": ("ok", 10.0),
    "maintenance": ("maint", 8.5),
    "degraded": ("warn", 6.0),
    "down": ("danger", 4.5),
    "": ("off", 3.0),
}
_WORST = ("down", "degraded", "maintenance")


class Outage(Protocol):
    """What counts of a helpdesk.models.ServiceOutage."""

    @property
    def state(self) -> str: ...
    @property
    def began_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Day:
    """One day: its worst state (`up` when nothing was noticed, blank before the service was known)
    and how many seconds it did not answer."""

    date: date
    state: str
    down_seconds: float


@dataclass(frozen=True, slots=True)
class History:
    """The last days of a service, oldest first, and what they come to."""

    days: tuple[Day, ...]
    outages: int
    down_seconds: float

    @property
    def drawing(self) -> dict[str, str]:
        """The bars of all days as SVG paths by shape, in a box of DAYS x 10."""
        return drawn(self.days)

    @property
    def short_drawing(self) -> dict[str, str]:
        """The last 30 days, in a box of 30 x 10: what fits on a phone."""
        return drawn(self.days[-DAYS_ON_A_PHONE:])


def history(
    outages: Sequence[Outage], known_since: datetime, now: datetime, zone: tzinfo
) -> History:
    """The last `DAYS` days in the reader's time zone. Only what was down counts as an outage."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    known = known_since.astimezone(zone).date()
    days = tuple(_day(first + timedelta(days=n), outages, known, now, zone) for n in range(DAYS))
    down = [o for o in outages if o.state == "down"]
    return History(days, len(down), sum(day.down_seconds for day in days))


def drawn(days: Iterable[Day]) -> dict[str, str]:
    """One path for each shape: 90 single elements for each service would weigh down the page."""
    paths: dict[str, str] = defaultdict(str)
    for place, day in enumerate(days):
        shape, height = _BARS[day.state]
        paths[shape] += f"M{place}.1 10v-{height:g}h.8v{height:g}z"
    return dict(paths)


def _day(day: date, outages: Iterable[Outage], known: date, now: datetime, zone: tzinfo) -> Day:
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    touching = [o for o in outages if o.began_at < end and (o.ended_at or now) > start]
    states = {outage.state for outage in touching}
    worst = next((state for state in _WORST if state in states), "up" if day >= known else "")
    seconds = sum(
        (min(o.ended_at or now, end) - max(o.began_at, start)).total_seconds()
        for o in touching
        if o.state == "down"
    )
    return Day(day, worst, seconds)
