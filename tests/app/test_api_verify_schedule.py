"""Repeated verifies over REST: set, read, changed and removed by those who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.observe import replication_desk
from hapanel.operations.models import Operation, VerifyReport, VerifySchedule
from hapanel.operations.verify_due import WINDOW, see_to
from nodes.models import Cluster
from tests.fake_nodes import FakeNodes, record_replication
from tests.pure.drbd.stage import P, S, peer, told

RESOURCE = "/api/v1/drbd-resources/clusterubd/rs/"
URL = f"{RESOURCE}verify-schedule/"
SUNDAY: dict[str, Any] = {"every": "week", "weekday": "sun", "at": "03:00"}


@pytest.fixture(autouse=True)
def seen(clusterubd: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)
    nodes = FakeNodes((told("master", P, peer()), told("slave", S, peer(role=P))))
    record_replication(clusterubd, nodes, {100: "master"})
    return clusterubd


def put(client: Client, body: dict[str, Any], url: str = URL) -> Any:
    return client.put(url, body, content_type="application/json")


def test_oda_sets_changes_and_removes_it_and_hal_reads_it(as_oda: Client, as_hal: Client) -> None:
    assert as_hal.get(URL).json()["code"] == "verify-schedule-unknown"
    made = put(as_oda, SUNDAY)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["every"], told["weekday"], told["at"]) == ("week", "sun", "03:00")
    assert (told["time_zone"], told["changed_by"]) == ("UTC", "oda")
    assert told["sentence"] == "Every week on Sunday at 03:00 (UTC)"
    assert told["next_at"].endswith("T03:00:00Z")
    assert (told["last_outcome"], told["waits_because"]) == (None, None)
    assert put(as_oda, SUNDAY | {"every": "month"}).status_code == 200
    spoken = as_hal.get(URL, headers={"Accept-Language": "id"}).json()["sentence"]
    assert "Minggu" in spoken
    assert as_hal.get(RESOURCE).json()["next_verify_at"] is not None
    assert as_oda.delete(URL).status_code == 204
    assert as_oda.delete(URL).status_code == 404
    assert as_hal.get(RESOURCE).json()["next_verify_at"] is None


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"every": "day"}, 400, "every"),
        ({"weekday": "Sunday"}, 400, "weekday"),
        ({"at": "3:00"}, 400, "at"),
        ({"at": "24:00"}, 400, "at"),
        ({"at": 3}, 400, "at"),
        ({"day": 31}, 400, "day"),
    ],
)
def test_what_is_no_time_is_refused(
    as_oda: Client, change: dict[str, Any], status: int, field: str
) -> None:
    answer = put(as_oda, SUNDAY | change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
    assert not VerifySchedule.objects.exists()


def test_hal_changes_nothing_and_an_unknown_resource_has_none(
    as_hal: Client, as_oda: Client
) -> None:
    assert put(as_hal, SUNDAY).status_code == 403
    assert as_hal.delete(URL).status_code == 403
    assert put(as_oda, SUNDAY, URL.replace("/rs/", "/r9/")).status_code == 404
    assert put(as_oda, SUNDAY, URL.replace("clusterubd", "campus")).status_code == 404


def test_what_became_of_it_is_told(as_oda: Client) -> None:
    put(as_oda, SUNDAY)
    schedule = VerifySchedule.objects.get()
    see_to(schedule.pk, schedule.next_due + WINDOW + timedelta(minutes=1))
    told = as_oda.get(URL).json()
    assert (told["last_outcome"], told["last_because"]["code"]) == ("missed", "verify-missed")
    assert told["operation"] is None
    schedule.refresh_from_db()
    see_to(schedule.pk, schedule.next_due)
    told = as_oda.get(URL).json()
    assert (told["last_outcome"], told["last_because"]) == ("started", None)
    assert told["operation"] == Operation.objects.get().pk


def test_the_last_report_is_part_of_the_resource(as_hal: Client, seen: Cluster) -> None:
    assert as_hal.get(RESOURCE).json()["last_verify"] is None
    now = timezone.now()
    for differing in (0, 4096):
        VerifyReport.objects.create(
            operation=Operation.objects.create(kind="drbd_action", cluster=seen),
            cluster=seen,
            resource="rs",
            node="master",
            began_at=now - timedelta(minutes=2),
            ended_at=now,
            compared=2**20,
            differing=differing,
        )
    told = as_hal.get(RESOURCE).json()["last_verify"]
    assert (told["out_of_sync"], told["seconds"], told["node"]) == (4096, 120.0, "master")
    assert told["compared"] == 2**20
