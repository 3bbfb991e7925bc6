"""The clients' downtime of a migration: a guest that pauses, probed five times a second."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hapanel.helpdesk.downtime import LEAST_LATE_MS, client_downtime_ms
from hapanel.helpdesk.verdict import Look
from hapanel.kernel.clock import VirtualClock
from hapanel.ports.probe import Failure

START = VirtualClock().now()
INTERVAL = 200


def series(
    pause_at: float, pause_ms: float, *, refuses: bool = False, usual: float = 4
) -> list[Look]:
    """Probes of a guest that stands still from `pause_at` (ms) on: they wait, or are refused."""
    luck = random.Random(pause_at * 7 + pause_ms)
    looks = []
    for sent in range(0, 20_000, INTERVAL):
        ms, moment = usual + luck.random() * 8, START + timedelta(milliseconds=sent)
        if pause_at <= sent < pause_at + pause_ms:
            if refuses:
                looks.append(Look(moment, 1, None, Failure.REFUSED))
                continue
            ms += pause_at + pause_ms - sent
        looks.append(Look(moment, ms, 200))
    return looks


@given(st.integers(1000, 8000), st.integers(1, 6000))
def test_a_pause_is_measured_within_one_interval(pause_at: int, pause_ms: int) -> None:
    measured = client_downtime_ms(series(pause_at, pause_ms))
    assert measured is not None
    assert abs(measured - pause_ms) <= INTERVAL + LEAST_LATE_MS


@given(st.integers(1000, 8000), st.integers(200, 9000))
def test_a_stopped_guest_is_measured_within_one_interval(pause_at: int, pause_ms: int) -> None:
    measured = client_downtime_ms(series(pause_at, pause_ms, refuses=True))
    assert measured is not None
    assert abs(measured - pause_ms) <= INTERVAL


def test_a_pause_between_two_probes_is_not_noticed_by_a_client() -> None:
    assert client_downtime_ms(series(1010, 43)) == 0


def test_a_waiting_probe_tells_the_end_exactly() -> None:
    assert client_downtime_ms(series(950, 1500)) == pytest.approx(1500 + 50, abs=60)


def test_a_migration_without_an_answer_at_its_end_has_no_figure_yet() -> None:
    looks = series(1000, 100)
    looks.append(Look(looks[-1].sent_at + timedelta(seconds=1), 2000, None, Failure.NO_CONNECTION))
    assert client_downtime_ms(looks) is None
    assert client_downtime_ms([]) is None


def test_the_longest_of_several_gaps_counts() -> None:
    first, second = series(2000, 300), series(9000, 1200)
    looks = [
        b if n * INTERVAL >= 8000 else a for n, (a, b) in enumerate(zip(first, second, strict=True))
    ]
    assert client_downtime_ms(looks) == pytest.approx(1200, abs=INTERVAL)
