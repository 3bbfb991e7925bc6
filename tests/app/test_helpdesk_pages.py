"""The status page and the services: who sees what, who may change what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from hapanel.audit.models import Entry
from hapanel.helpdesk import recent
from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from hapanel.helpdesk.verdict import Look
from hapanel.live.attention import Watched, is_watched
from nodes.models import Cluster

SHAPE = {"name": "SIAKAD", "url": "https://siakad.example.ac.id/", "vmids": ["100"]}


@pytest.fixture
def siakad(clusterubd: Cluster) -> Service:
    made = Service.objects.create(
        cluster=clusterubd,
        name="SIAKAD",
        vmids=[100],
        url="http://127.0.42.100:8080/",
        state=ServiceState.DOWN,
        since=timezone.now(),
        reason="refused",
    )
    recent.note({made.pk: Look(timezone.now(), 12, 200)})
    return made


def text_of(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_hal_reads_what_is_down_and_what_to_say(as_hal: Client, siakad: Service) -> None:
    text = text_of(as_hal, "/status/")
    assert "SIAKAD cannot be opened at the moment" in text
    assert "What to tell the caller" in text
    assert "100 siakad on master: running" in text
    assert is_watched(Watched.SERVICES)


def test_the_page_refreshes_its_part_alone(as_hal: Client, siakad: Service) -> None:
    headers = {"HX-Request": "true", "HX-Target": "status"}
    part = as_hal.get("/status/", headers=headers).content.decode()
    assert part.lstrip().startswith('<div id="status"')
    assert "<html" not in part


def test_nobody_reads_it_without_sign_in_unless_it_is_public(
    client: Client, siakad: Service, settings: Settings
) -> None:
    assert client.get("/status/").status_code == 302
    settings.STATUS_PAGE_PUBLIC = True
    text = text_of(client, "/status/", **{"Accept-Language": "en"})
    assert '<html lang="id"' in text
    assert "master" not in text
    assert "caller-title" not in text
    assert "127.0.42.100" not in text


def test_the_public_page_leaves_out_what_is_not_public(
    client: Client, siakad: Service, settings: Settings
) -> None:
    settings.STATUS_PAGE_PUBLIC = True
    Service.objects.create(
        cluster=siakad.cluster, name="Backup vault", url="tcp://10.0.0.9:22", public=False
    )
    assert "Backup vault" not in text_of(client, "/status/")


def test_the_public_page_speaks_the_language_that_was_chosen(
    client: Client, siakad: Service, settings: Settings
) -> None:
    settings.STATUS_PAGE_PUBLIC = True
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    assert '<html lang="en"' in text_of(client, "/status/")


def test_past_outages_are_listed_and_drawn(as_hal: Client, siakad: Service) -> None:
    began = timezone.now() - timedelta(days=2, minutes=6)
    ServiceOutage.objects.create(
        service=siakad, began_at=began, ended_at=began + timedelta(minutes=6), state="down"
    )
    text = text_of(as_hal, "/status/")
    assert "SIAKAD: could not be opened, 6 min 0 s" in text
    assert text.count('<path data-state="danger"') == 2  # once for wide screens, once for phones


def test_no_service_yet_is_a_designed_page(as_hal: Client, as_oda: Client) -> None:
    assert "No service is checked yet" in text_of(as_hal, "/status/")
    assert "Add service" not in text_of(as_hal, "/services/")
    assert "Add service" in text_of(as_oda, "/services/")


def test_oda_adds_a_service_and_the_audit_log_knows(as_oda: Client, clusterubd: Cluster) -> None:
    answer = as_oda.post("/services/add/", SHAPE | {"cluster": clusterubd.pk, "public": "on"})
    assert answer.status_code == 302
    made = Service.objects.get(name="SIAKAD")
    assert (made.vmids, made.public, made.verify_tls) == ([100], True, False)
    assert made.state == ServiceState.UNKNOWN
    entry = Entry.objects.get(action="service_added")
    assert (entry.actor, entry.subject, entry.via) == ("oda", "SIAKAD", "page")


def test_hal_cannot_change_services(as_hal: Client, siakad: Service) -> None:
    for path in (
        "/services/add/",
        f"/services/{siakad.pk}/edit/",
        f"/services/{siakad.pk}/remove/",
    ):
        assert as_hal.get(path).status_code == 403
        assert as_hal.post(path, SHAPE).status_code == 403
    assert "Change" not in text_of(as_hal, f"/services/{siakad.pk}/")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///etc/passwd", "Only http://, https:// and tcp://host:port"),
        ("gopher://10.0.0.1/", "Only http://, https:// and tcp://host:port"),
        ("siakad.example.ac.id", "Only http://, https:// and tcp://host:port"),
        ("https://ada:secret@example.ac.id/", "holds a name or a password"),
        ("http://169.254.169.254/latest/meta-data/", "an address that no service can have"),
        ("http://[fe80::1]/", "an address that no service can have"),
        ("tcp://10.0.0.1", "This is no address that can be probed"),
        ("tcp://10.0.0.1:99999", "This is no address that can be probed"),
        ("tcp://10.0.0.1:22/path", "This is no address that can be probed"),
        ("http:///path", "This is no address that can be probed"),
        ("http://a b/", "This is no address that can be probed"),
        ("http://a/\r\nX: y", "This is no address that can be probed"),
    ],
)
def test_an_address_that_can_only_be_wrong_is_refused(
    as_oda: Client, clusterubd: Cluster, url: str, said: str
) -> None:
    answer = as_oda.post("/services/add/", SHAPE | {"cluster": clusterubd.pk, "url": url})
    assert answer.status_code == 422
    assert said in answer.content.decode().replace("&#x27;", "'")
    assert not Service.objects.exists()


def test_a_guest_that_is_not_there_is_refused(as_oda: Client, clusterubd: Cluster) -> None:
    wish = SHAPE | {"cluster": clusterubd.pk, "vmids": ["100", "999"]}
    answer = as_oda.post("/services/add/", wish)
    assert answer.status_code == 422
    assert "clusterubd has no guest 999." in answer.content.decode()


def test_a_name_is_taken_once(as_oda: Client, siakad: Service) -> None:
    answer = as_oda.post("/services/add/", SHAPE | {"cluster": siakad.cluster_id})
    assert answer.status_code == 422
    assert "already has a service called SIAKAD" in answer.content.decode()


def test_a_service_that_is_asked_elsewhere_starts_as_unknown(
    as_oda: Client, siakad: Service
) -> None:
    ServiceOutage.objects.create(service=siakad, began_at=siakad.since)
    as_oda.post(f"/services/{siakad.pk}/edit/", SHAPE | {"cluster": siakad.cluster_id})
    siakad.refresh_from_db()
    assert siakad.url == SHAPE["url"]
    assert siakad.state == ServiceState.UNKNOWN
    assert siakad.outages.get().ended_at is not None
    assert Entry.objects.filter(action="service_changed", subject="SIAKAD").exists()


def test_removal_asks_for_the_name(as_oda: Client, siakad: Service) -> None:
    path = f"/services/{siakad.pk}/remove/"
    assert as_oda.post(path, {"typed": "siakd"}).status_code == 422
    assert as_oda.post(path, {"typed": "SIAKAD"}).status_code == 302
    assert not Service.objects.exists()
    assert Entry.objects.filter(action="service_removed", subject="SIAKAD").exists()


def test_guests_are_found_without_scripts_too(as_oda: Client, clusterubd: Cluster) -> None:
    wish = SHAPE | {"cluster": clusterubd.pk, "q": "elear", "find": "1"}
    answer = as_oda.post("/services/add/", wish)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'value="100" checked' in text
    assert 'value="101"' in text
    assert not Service.objects.exists()
    found = text_of(as_oda, f"/services/guests/?cluster={clusterubd.pk}&q=siak")
    assert 'value="100"' in found
    assert 'value="101"' not in found


def test_a_hostile_form_is_refused_without_a_fault(as_oda: Client, clusterubd: Cluster) -> None:
    hostile = SHAPE | {"cluster": "x' OR 1=1", "vmids": ["-1", "9" * 400, "<script>"]}
    assert as_oda.post("/services/add/", hostile).status_code == 422
    assert as_oda.get("/services/guests/?cluster=9999999999999&vmids=²").status_code == 200
    assert as_oda.get("/status/?service=9999999999999999999999").status_code == 200


def test_a_service_that_does_not_exist_is_not_found(as_oda: Client, clusterubd: Cluster) -> None:
    assert as_oda.get("/services/4711/").status_code == 404
    assert as_oda.get("/services/4711/edit/").status_code == 404
