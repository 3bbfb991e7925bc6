"""The bars of the last days, in the reader's own days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hapanel.helpdesk.days import DAYS, history

WIB = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 15:00 in Palembang


@dataclass
class Outage:
    state: str
    began_at: datetime
    ended_at: datetime | None


def test_an_outage_over_midnight_counts_on_both_days() -> None:
    midnight = datetime(2026, 11, 22, 0, 0, tzinfo=WIB)
    over = Outage("down", midnight - timedelta(minutes=5), midnight + timedelta(minutes=10))
    past = history([over], NOW - timedelta(days=30), NOW, WIB)
    assert [day.down_seconds for day in past.days[-3:]] == [300, 600, 0]
    assert [day.state for day in past.days[-3:]] == ["down", "down", "up"]
    assert (past.outages, past.down_seconds) == (1, 900)


def test_days_before_the_service_was_known_are_blank() -> None:
    past = history([], NOW - timedelta(days=2), NOW, WIB)
    assert len(past.days) == DAYS
    assert [day.state for day in past.days[-4:]] == ["", "up", "up", "up"]


def test_worse_days_are_drawn_shorter() -> None:
    down = Outage("down", NOW - timedelta(hours=1), None)
    past = history([down], NOW - timedelta(days=1), NOW, WIB)
    assert past.short_drawing["danger"] == "M29.1 10v-4.5h.8v4.5z"
    assert past.short_drawing["ok"] == "M28.1 10v-10h.8v10z"
    assert past.short_drawing["off"].count("M") == 28


def test_an_outage_that_goes_on_counts_until_now() -> None:
    past = history([Outage("down", NOW - timedelta(hours=1), None)], NOW, NOW, WIB)
    assert past.days[-1].down_seconds == 3600


def test_slow_answers_and_planned_moves_are_no_outages() -> None:
    slow = Outage("degraded", NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    moved = Outage("maintenance", NOW - timedelta(hours=1), NOW)
    past = history([slow, moved], NOW, NOW, WIB)
    assert (past.outages, past.down_seconds) == (0, 0)
    assert past.days[-1].state == "degraded"
