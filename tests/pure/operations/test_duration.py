"""Forecasts say how long, and where they know it from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hapanel.ha.migration_facts import MigrationMode
from hapanel.operations.duration import (
    ASSUMED_RATE,
    HA_ROUNDS,
    OVERHEAD,
    SENT_AGAIN,
    PastMove,
    forecast,
)

GIB = 1024**3
ONLINE = MigrationMode.ONLINE
MOVE = PastMove(20.0, 2 * GIB, is_this_guest=False, was_under_ha=False, mode=ONLINE)


def seconds(**known: object) -> float:
    given = {"size": 2 * GIB, "is_under_ha": False, "past": [], **known}
    found = forecast(ONLINE, **given)  # type: ignore[arg-type]
    assert found is not None
    return found.seconds


def test_without_a_past_the_link_is_assumed_and_said_so() -> None:
    found = forecast(ONLINE, size=2 * GIB, is_under_ha=False, past=[])
    assert found is not None
    assert found.because.code == "forecast-from-assumed-link"
    assert found.seconds == pytest.approx(OVERHEAD[ONLINE] + 2 * GIB * SENT_AGAIN / ASSUMED_RATE)


def test_the_ha_manager_s_rounds_come_on_top() -> None:
    assert seconds(is_under_ha=True) - seconds() == pytest.approx(HA_ROUNDS)


def test_a_lab_that_runs_six_times_as_fast_takes_a_sixth() -> None:
    assert seconds(time_scale=6) == pytest.approx(seconds() / 6)


def test_past_moves_in_the_cluster_tell_the_link() -> None:
    found = forecast(ONLINE, size=4 * GIB, is_under_ha=False, past=[MOVE])
    assert found is not None
    assert found.because.code == "forecast-from-this-cluster"
    # 2 GiB took 20 s, 8 of them beside the transfer: 4 GiB take 24 + 8.
    assert found.seconds == pytest.approx(32.0)


def test_the_guest_s_own_past_tells_most() -> None:
    own = replace(MOVE, is_this_guest=True, downtime_ms=63)
    slower = replace(own, seconds=30.0, downtime_ms=83)
    found = forecast(ONLINE, size=99 * GIB, is_under_ha=False, past=[own, slower, MOVE])
    assert found is not None
    assert found.because.code == "forecast-from-this-guest"
    assert (found.seconds, found.downtime_ms) == (25.0, 73)


def test_a_move_under_ha_is_no_model_for_one_without() -> None:
    own = replace(MOVE, is_this_guest=True, was_under_ha=True)
    found = forecast(ONLINE, size=GIB, is_under_ha=False, past=[own])
    assert found is not None
    assert found.because.code == "forecast-from-this-cluster"


def test_a_machine_of_unknown_memory_is_not_forecast() -> None:
    assert forecast(ONLINE, size=None, is_under_ha=False, past=[]) is None


def test_a_container_s_restart_has_a_typical_length() -> None:
    found = forecast(MigrationMode.RESTART, size=None, is_under_ha=False, past=[])
    assert found is not None
    assert found.because.code == "forecast-from-typical-restart"
