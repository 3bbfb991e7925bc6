"""When a repeated verify is due, in zones whose clocks change and in months of every length."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from hapanel.drbd.verify_times import Every, Rhythm, Weekday, due_after, due_until

JAKARTA, BERLIN = ZoneInfo("Asia/Jakarta"), ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 30)


def rhythm(
    every: Every = Every.WEEK,
    weekday: Weekday = Weekday.SUN,
    at: time = time(3),
    begins: date = MONDAY,
) -> Rhythm:
    return Rhythm(every, weekday, at, begins)


def dues(told: Rhythm, after: datetime, zone: ZoneInfo, count: int) -> list[str]:
    found = []
    for _ in range(count):
        after = due_after(told, after, zone)
        found.append(after.astimezone(zone).isoformat(timespec="minutes"))
    return found


def test_every_week_keeps_the_day_and_the_hour_of_its_zone() -> None:
    after = datetime(2026, 11, 30, 1, tzinfo=UTC)
    assert due_after(rhythm(), after, JAKARTA) == datetime(2026, 12, 5, 20, tzinfo=UTC)
    assert dues(rhythm(), after, JAKARTA, 3) == [
        "2026-12-06T03:00+07:00", "2026-12-13T03:00+07:00", "2026-12-20T03:00+07:00",
    ]  # fmt: skip


def test_the_very_moment_is_not_after_itself() -> None:
    due = datetime(2026, 12, 5, 20, tzinfo=UTC)
    assert due_after(rhythm(), due - timedelta(microseconds=1), JAKARTA) == due
    assert due_after(rhythm(), due, JAKARTA) == due + timedelta(days=7)


def test_today_counts_when_its_hour_is_still_to_come() -> None:
    today = rhythm(weekday=Weekday.MON, at=time(9))
    before, behind = (datetime(2026, 11, 30, hour, tzinfo=UTC) for hour in (1, 3))
    assert dues(today, before, JAKARTA, 1) == ["2026-11-30T09:00+07:00"]
    assert dues(today, behind, JAKARTA, 1) == ["2026-12-07T09:00+07:00"]


@pytest.mark.parametrize(("every", "days"), [(Every.TWO_WEEKS, 14), (Every.FOUR_WEEKS, 28)])
def test_weeks_are_counted_from_the_first_such_day(every: Every, days: int) -> None:
    found = dues(rhythm(every), datetime(2026, 11, 30, tzinfo=UTC), JAKARTA, 3)
    first = date(2026, 12, 6)
    assert [date.fromisoformat(one[:10]) for one in found] == [
        first + timedelta(days=days * n) for n in range(3)
    ]


def test_weeks_are_counted_alike_wherever_one_asks_from() -> None:
    told = rhythm(Every.TWO_WEEKS)
    assert dues(told, datetime(2026, 12, 10, tzinfo=UTC), JAKARTA, 1) == ["2026-12-20T03:00+07:00"]


def test_a_month_means_its_first_such_day_whatever_its_length() -> None:
    found = dues(rhythm(Every.MONTH), datetime(2026, 12, 31, tzinfo=UTC), JAKARTA, 5)
    assert [one[:10] for one in found] == [
        "2027-01-03", "2027-02-07", "2027-03-07", "2027-04-04", "2027-05-02",
    ]  # fmt: skip


def test_a_first_day_on_the_first_of_a_month_and_on_the_seventh() -> None:
    monday = rhythm(Every.MONTH, Weekday.MON)
    assert dues(monday, datetime(2027, 1, 31, tzinfo=UTC), JAKARTA, 1)[0][:10] == "2027-02-01"
    sunday = rhythm(Every.MONTH)
    assert dues(sunday, datetime(2027, 2, 1, tzinfo=UTC), JAKARTA, 1)[0][:10] == "2027-02-07"


def test_a_leap_day_is_a_day() -> None:
    tuesday = rhythm(weekday=Weekday.TUE)
    assert dues(tuesday, datetime(2028, 2, 28, tzinfo=UTC), JAKARTA, 2) == [
        "2028-02-29T03:00+07:00", "2028-03-07T03:00+07:00",
    ]  # fmt: skip


def test_nothing_is_due_before_it_begins() -> None:
    later = rhythm(begins=date(2027, 3, 1))
    assert dues(later, datetime(2026, 11, 30, tzinfo=UTC), JAKARTA, 1)[0][:10] == "2027-03-07"


def test_the_hour_stays_when_the_clocks_change() -> None:
    found = dues(rhythm(), datetime(2027, 3, 20, tzinfo=UTC), BERLIN, 2)
    assert found == ["2027-03-21T03:00+01:00", "2027-03-28T03:00+02:00"]


def test_an_hour_that_the_clocks_jump_over_comes_an_hour_later_and_once() -> None:
    found = dues(rhythm(at=time(2, 30)), datetime(2027, 3, 27, tzinfo=UTC), BERLIN, 2)
    assert found == ["2027-03-28T03:30+02:00", "2027-04-04T02:30+02:00"]


def test_an_hour_that_the_clocks_tell_twice_is_due_the_first_time_and_once() -> None:
    told = rhythm(at=time(2, 30))
    found = dues(told, datetime(2026, 10, 20, tzinfo=UTC), BERLIN, 1)
    assert found == ["2026-12-06T02:30+01:00"]  # it begins on 30 November
    begun = rhythm(at=time(2, 30), begins=date(2026, 10, 1))
    assert dues(begun, datetime(2026, 10, 20, tzinfo=UTC), BERLIN, 2) == [
        "2026-10-25T02:30+02:00", "2026-11-01T02:30+01:00",
    ]  # fmt: skip


def test_after_a_long_time_the_past_ones_are_told_and_the_next() -> None:
    first = datetime(2026, 12, 5, 20, tzinfo=UTC)
    past, following = due_until(rhythm(), first, first + timedelta(days=22), JAKARTA)
    assert past == tuple(first + timedelta(days=7 * n) for n in range(4))
    assert following == first + timedelta(days=28)


def test_before_the_first_nothing_is_past() -> None:
    first = datetime(2026, 12, 5, 20, tzinfo=UTC)
    assert due_until(rhythm(), first, first - timedelta(1), JAKARTA) == ((), first)
