"""/healthz and /readyz: what a load balancer and a start script may lean on."""

from __future__ import annotations

import time

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from hapanel.api import health
from hapanel.live import pulse
from nodes.models import Cluster

pytestmark = pytest.mark.django_db


def _readyz() -> tuple[int, str]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.content.decode().strip()


def test_healthz_asks_nobody_else(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer["Cache-Control"]


def test_ready_when_everything_answers_and_each_cluster_was_looked_at(clusterubd: Cluster) -> None:
    pulse.note(pulse.Part.WORKER)
    assert _readyz() == (200, "ok")


def test_not_ready_without_a_living_worker(clusterubd: Cluster) -> None:
    pulse.note(pulse.Part.WORKER, at=time.time() - 60)
    status, words = _readyz()
    assert status == 503
    assert "worker" in words


def test_not_ready_before_the_first_attempt_at_a_cluster(clusterubd: Cluster) -> None:
    pulse.note(pulse.Part.WORKER)
    Cluster.objects.update(attempted_at=None)
    status, words = _readyz()
    assert (status, words) == (503, "1 of the clusters had no first look yet")


def test_a_cluster_that_does_not_answer_keeps_only_the_demo_unready(
    clusterubd: Cluster, settings: LazySettings
) -> None:
    pulse.note(pulse.Part.WORKER)
    Cluster.objects.update(observed_at=None)
    assert _readyz()[0] == 200
    settings.DEMO = True
    assert _readyz()[0] == 503


def test_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise OperationalError("no such host")

    monkeypatch.setattr(health, "_clusters_waiting", broken)
    status, words = _readyz()
    assert (status, words) == (503, "the database does not answer (OperationalError)")


def test_it_is_read_alone() -> None:
    assert Client().post("/readyz").status_code == 405
