"""The tables of legal moves: complete, and without a way back from an end."""

from __future__ import annotations

import pytest

from hapanel.operations.models import State, Step
from hapanel.operations.moves import ENDS, STATES, STEPS, IllegalMove, check_move


def test_every_state_and_step_is_in_the_tables() -> None:
    assert set(STATES) == set(State)
    assert set(STEPS) == set(Step)


def test_nothing_follows_an_end() -> None:
    assert {State.SUCCEEDED, State.FAILED, State.CANCELLED} == ENDS


def test_every_state_can_come_to_an_end() -> None:
    ending = set(ENDS)
    for _ in State:
        ending |= {state for state, following in STATES.items() if following & ending}
    assert ending == set(State)


def test_nothing_is_cancelled_away_from_success() -> None:
    with pytest.raises(IllegalMove):
        check_move(State.SUCCEEDED, State.CANCELLED, Step.VERIFYING, None)


def test_following_never_goes_back_to_sending() -> None:
    with pytest.raises(IllegalMove):
        check_move(State.RUNNING, None, Step.FOLLOWING, Step.INTENDED)


def test_staying_is_always_legal() -> None:
    check_move(State.RUNNING, State.RUNNING, Step.FOLLOWING, Step.FOLLOWING)
