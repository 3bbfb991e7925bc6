"""Locks, signs of life and attention in Redis."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from hapanel.live import leadership, lock, pulse
from hapanel.live.attention import Watched, is_watched, note_watcher
from hapanel.live.lock import Hold, give_back, held, is_held, take
from hapanel.live.stream import connection


def test_only_one_holds_a_lock() -> None:
    with held("observe:1") as first, held("observe:1") as second:
        assert first is not None
        assert second is None
        assert is_held("observe:1")
    assert not is_held("observe:1")


def test_a_lock_that_became_somebody_elses_is_not_released() -> None:
    hold = take("observe:1")
    assert hold is not None
    connection().set(hold.key, "somebody else")
    give_back(hold)
    assert is_held("observe:1")


def test_a_lock_outlives_its_lifetime_while_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LIFETIME_SECONDS", lock.RENEW_SECONDS + 0.4)
    with held("observe:2") as hold:
        time.sleep(lock.RENEW_SECONDS + 0.8)
        assert hold is not None
        assert not hold.is_lost
        assert is_held("observe:2")


def test_a_dead_holders_lock_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LIFETIME_SECONDS", 0.2)
    hold = Hold("hapanel:lock:observe:3", "a token")
    connection().set(hold.key, hold.token, px=200)
    time.sleep(0.3)
    assert not is_held("observe:3")
    hold.renew()
    assert hold.is_lost


def test_nobody_holds_for_ever() -> None:
    hold = take("observe:4")
    assert hold is not None
    hold.since -= lock.LONGEST_HOLD_SECONDS + 1
    hold.renew()
    assert hold.is_lost
    give_back(hold)


def test_signs_of_life_age() -> None:
    assert pulse.last_sign(pulse.Part.WORKER) is None
    pulse.note(pulse.Part.WORKER)
    assert pulse.is_alive(pulse.Part.WORKER)
    pulse.note(pulse.Part.WORKER, at=time.time() - 60)
    assert not pulse.is_alive(pulse.Part.WORKER)


def test_the_last_answer_of_each_cluster_is_known() -> None:
    at = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    pulse.note_seen("clusterubd", at)
    assert connection().hgetall(pulse.SEEN_KEY) == {b"clusterubd": b"2026-11-23T08:00:00+00:00"}
    pulse.forget_seen("clusterubd")
    assert connection().hgetall(pulse.SEEN_KEY) == {}


def test_somebody_watches_for_a_while() -> None:
    assert not is_watched(Watched.CLUSTERS)
    note_watcher(Watched.CLUSTERS)
    assert is_watched(Watched.CLUSTERS)
    assert not is_watched(Watched.SERVICES), "each is looked at by itself"


def test_a_stand_in_steps_back_for_a_follower() -> None:
    stand_in = leadership.stand_in()
    assert stand_in is not None
    assert leadership.claim() is None, "the stand-in still holds"
    assert leadership.is_claimed()
    give_back(stand_in)
    assert leadership.stand_in() is None, "a follower waits"
    follower = leadership.claim()
    assert follower is not None
    give_back(follower)
