"""When a verify that is repeated is due: a day of the week and an hour, in one time zone.

Whole weeks are counted in days, not in seconds, so that the hour stays what it is when the clocks
change. Pure: the zone and the present time come in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

_DAYS_OF_THE_FIRST_WEEK = 7


class Every(StrEnum):
    """How often. A month means its first such day, as administrators write it in their crontabs."""

    WEEK = "week"
    TWO_WEEKS = "two-weeks"
    FOUR_WEEKS = "four-weeks"
    MONTH = "month"


class Weekday(StrEnum):
    """The days in Proxmox's short names, in their order from Monday on."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_ORDER = tuple(Weekday)
_WEEKS = {Every.WEEK: 1, Every.TWO_WEEKS: 2, Every.FOUR_WEEKS: 4}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`every` so often on `weekday` at `at`, by the clock of a time zone that is named elsewhere.

    Nothing is due before the day `begins`; several weeks are counted from its week on.
    """

    every: Every
    weekday: Weekday
    at: time
    begins: date

    def falls_on(self, day: date) -> bool:
        """Whether `day` is one of its days."""
        if day < self.begins or _ORDER[day.weekday()] is not self.weekday:
            return False
        if self.every is Every.MONTH:
            return day.day <= _DAYS_OF_THE_FIRST_WEEK
        return (day - self.begins).days // 7 % _WEEKS[self.every] == 0


def due_after(rhythm: Rhythm, moment: datetime, zone: tzinfo) -> datetime:
    """The first due time later than `moment`, in UTC."""
    # An hour that is jumped over at midnight comes on the day after its own.
    yesterday = moment.astimezone(zone).date() - timedelta(days=1)
    day = max(yesterday, rhythm.begins)
    while True:
        if rhythm.falls_on(day):
            due = _moment(day, rhythm.at, zone)
            if due > moment:
                return due
        day += timedelta(days=1)


def due_until(
    rhythm: Rhythm, first: datetime, now: datetime, zone: tzinfo
) -> tuple[tuple[datetime, ...], datetime]:
    """The due times from `first`, which is one, until `now`, and the one that follows them."""
    past = tuple(_up_to(rhythm, first, now, zone))
    return past, due_after(rhythm, past[-1], zone) if past else first


def _up_to(rhythm: Rhythm, first: datetime, now: datetime, zone: tzinfo) -> Iterator[datetime]:
    due = first
    while due <= now:
        yield due
        due = due_after(rhythm, due, zone)


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """The hour on that day. One that the clocks jump over comes as much later as they jump; of one
    that they tell twice the first is meant."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
