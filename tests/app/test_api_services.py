"""Services over REST: what hal sees, what oda changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.audit.actor import Actor
from hapanel.audit.models import Entry
from hapanel.helpdesk import catalogue, recent
from hapanel.helpdesk.catalogue import ServiceWish, change_service
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.verdict import Look
from hapanel.kernel.refusal import Refused
from nodes.models import Cluster

URL = "/api/v1/services/"
SIAKAD = {
    "cluster": "clusterubd",
    "name": "Academic information system",
    "name_id": "Sistem informasi akademik",
    "vmids": [100],
    "url": "http://127.0.107.100:8080/",
}


def post(client: Client, body: dict[str, Any]) -> Any:
    return client.post(URL, body, content_type="application/json")


@pytest.fixture
def siakad(clusterubd: Cluster) -> Service:
    return Service.objects.create(
        cluster=clusterubd,
        name="Academic information system",
        name_id="Sistem informasi akademik",
        vmids=[100],
        url="http://127.0.107.100:8080/",
        state=ServiceState.UP,
    )


def test_a_service_says_how_it_is_in_the_callers_language(as_hal: Client, siakad: Service) -> None:
    recent.note({siakad.pk: Look(sent_at=timezone.now(), ms=12.0, status=200)})
    (found,) = as_hal.get(URL).json()["results"]
    assert (found["state"], found["vmid"], found["vmids"]) == ("up", 100, [100])
    assert found["sentence"] == "Academic information system works."
    assert found["answer_ms"] == 12.0
    one = as_hal.get(f"{URL}{siakad.pk}/", headers={"Accept-Language": "id"}).json()
    assert "Sistem informasi akademik" in one["sentence"]


def test_a_service_that_nobody_probes_is_unknown(as_hal: Client, siakad: Service) -> None:
    assert as_hal.get(f"{URL}{siakad.pk}/").json()["state"] == "unknown"


def test_oda_adds_changes_and_removes_a_service(as_oda: Client, clusterubd: Cluster) -> None:
    made = post(as_oda, SIAKAD)
    assert made.status_code == 201, made.content
    where = f"{URL}{made.json()['id']}/"
    changed = as_oda.patch(where, {"public": False}, content_type="application/json")
    assert (changed.status_code, changed.json()["public"]) == (200, False)
    assert changed.json()["name_id"] == "Sistem informasi akademik"
    assert as_oda.delete(where).status_code == 204
    assert as_oda.get(where).status_code == 404
    acts = Entry.objects.filter(action__startswith="service_", via="api", actor="oda")
    assert set(acts.values_list("action", flat=True)) == {
        "service_added",
        "service_changed",
        "service_removed",
    }


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"cluster": "elsewhere"}, 404, "cluster"),
        ({"vmids": [999]}, 422, "vmids"),
        ({"vmids": ["100"]}, 400, "vmids.0"),
        ({"url": "ftp://x"}, 422, "url"),
        ({"name": " "}, 400, "name"),
        ({"public": "yes"}, 400, "public"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_a_service_that_cannot_be_is_refused(
    as_oda: Client, clusterubd: Cluster, change: dict[str, Any], status: int, field: str
) -> None:
    answer = post(as_oda, {**SIAKAD, **change})
    assert answer.status_code == status, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert not Service.objects.exists()


def test_a_name_is_taken_once(as_oda: Client, siakad: Service) -> None:
    assert post(as_oda, SIAKAD).status_code == 409


def test_a_refused_change_ends_no_outage(as_oda: Client, siakad: Service) -> None:
    began = timezone.now() - timedelta(minutes=3)
    Service.objects.update(state=ServiceState.DOWN, since=began, reason="timeout")
    siakad.outages.create(began_at=began)
    recent.note({siakad.pk: Look(sent_at=timezone.now(), ms=12.0, status=500)})
    change = {"url": "http://127.0.107.100:9090/", "vmids": [999]}
    answer = as_oda.patch(f"{URL}{siakad.pk}/", change, content_type="application/json")
    assert answer.status_code == 422
    siakad.refresh_from_db()
    assert (siakad.state, siakad.since, siakad.reason) == (ServiceState.DOWN, began, "timeout")
    assert siakad.outages.get().ended_at is None
    assert siakad.pk in recent.last_probes()


def test_a_service_that_is_asked_elsewhere_starts_anew(as_oda: Client, siakad: Service) -> None:
    siakad.outages.create(began_at=timezone.now())
    recent.note({siakad.pk: Look(sent_at=timezone.now(), ms=12.0, status=500)})
    change = {"url": "http://127.0.107.100:9090/"}
    answer = as_oda.patch(f"{URL}{siakad.pk}/", change, content_type="application/json")
    assert (answer.status_code, answer.json()["state"]) == (200, "unknown")
    assert siakad.outages.get().ended_at is not None
    assert siakad.pk not in recent.last_probes()


def test_a_name_that_is_taken_meanwhile_ends_no_outage(
    siakad: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    Service.objects.create(cluster=siakad.cluster, name="SIMPEG", url="http://127.0.107.101/")
    siakad.outages.create(began_at=timezone.now())
    monkeypatch.setattr(catalogue, "_name_refusal", lambda _wish, _present: None)
    wish = ServiceWish(siakad.cluster, "SIMPEG", "http://127.0.107.102/")
    with pytest.raises(Refused):
        change_service(siakad, wish, Actor("oda", "api", ""))
    assert siakad.outages.get().ended_at is None


def test_a_service_that_is_removed_while_it_is_read_is_not_found(
    as_hal: Client, siakad: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hapanel.api.services.services_now", lambda _services: [])
    assert as_hal.get(f"{URL}{siakad.pk}/").status_code == 404
    assert as_hal.get(URL).json()["results"] == []


def test_hal_changes_nothing(as_hal: Client, siakad: Service) -> None:
    assert post(as_hal, SIAKAD).status_code == 403
    where = f"{URL}{siakad.pk}/"
    assert as_hal.patch(where, {}, content_type="application/json").status_code == 403
    assert as_hal.delete(where).status_code == 403


def test_services_are_filtered(as_hal: Client, siakad: Service) -> None:
    assert len(as_hal.get(f"{URL}?vmid=100&public=true").json()["results"]) == 1
    assert as_hal.get(f"{URL}?vmid=101").json()["results"] == []
    assert as_hal.get(f"{URL}?state=broken").status_code == 400
