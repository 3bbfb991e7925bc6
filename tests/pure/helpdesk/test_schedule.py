"""When a service is probed again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hapanel.helpdesk.schedule import Situation, due_at
from hapanel.helpdesk.verdict import Condition, Moving
from hapanel.kernel.clock import VirtualClock


@pytest.mark.parametrize(
    ("situation", "condition", "seconds"),
    [
        (Situation(), Condition.UP, 10),
        (Situation(), Condition.DOWN, 2),
        (Situation(is_watched=True), Condition.UP, 1),
        (Situation(is_operated=True), Condition.UP, 1),
        (Situation(is_settled=False), Condition.UP, 1),
        (Situation(reach_changed=True), Condition.UP, 1),
        (Situation(moving=Moving.LIVE), Condition.UP, 0.2),
        (Situation(moving=Moving.STOPPED, is_watched=True), Condition.DOWN, 0.2),
    ],
)
def test_the_quickest_reason_sets_the_pace(
    situation: Situation, condition: Condition, seconds: float
) -> None:
    now = VirtualClock().now()
    assert due_at(now, situation, condition) - now == timedelta(seconds=seconds)


def test_the_idle_pace_can_be_set_and_nothing_is_rarer() -> None:
    now = VirtualClock().now()
    assert due_at(now, Situation(), Condition.UP, 30) - now == timedelta(seconds=30)
    assert due_at(now, Situation(), Condition.DOWN, 1) - now == timedelta(seconds=1)


def test_a_service_that_was_never_probed_is_due_at_once() -> None:
    assert due_at(None, Situation(), Condition.UNKNOWN) < VirtualClock().now()
