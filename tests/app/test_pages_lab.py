"""The Lab page: only where a lab is, only for administrators, loud, and as fresh as it says."""

from __future__ import annotations

import re
import time

import pytest
from django.test import Client
from msgspec.structs import replace

from hapanel.live.attention import Watched, is_watched
from hapanel.live.lab_picture import remember, remember_silence
from hapanel.live.stream import STREAM, connection
from hapanel.operations.models import Operation
from hapanel.ports.lab import LabGuest
from hapanel.web.lab_drawing import drawing_of
from nodes.models import Cluster
from tests.fake_lab import PICTURE, FakeLab

PAGE = "/lab/"
HTMX = {"HX-Request": "true", "HX-Target": "lab"}


@pytest.fixture(autouse=True)
def a_lab_is_configured(settings: pytest.FixtureRequest) -> None:
    settings.LAB_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(
        "hapanel.celery.app.send_task", lambda name, *_args, **_kwargs: names.append(name)
    )
    return names


def text_of(client: Client, path: str = PAGE, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_panel_without_a_lab_has_no_such_page(
    as_ada: Client, clusterubd: Cluster, settings: pytest.FixtureRequest
) -> None:
    settings.LAB_URL = ""  # type: ignore[attr-defined]
    assert as_ada.get(PAGE).status_code == 404
    assert as_ada.get("/lab/power/master/").status_code == 404
    assert 'href="/lab/"' not in text_of(as_ada, "/clusters/clusterubd/")


def test_it_is_for_administrators(as_ada: Client, as_oda: Client, clusterubd: Cluster) -> None:
    assert 'href="/lab/"' in text_of(as_ada, "/clusters/clusterubd/")
    assert 'href="/lab/"' not in text_of(as_oda, "/clusters/clusterubd/")
    assert as_oda.get(PAGE).status_code == 403
    assert as_oda.post(PAGE, {"do": "qdevice_off"}).status_code == 403


def test_it_is_read_by_a_worker_because_somebody_looks(as_ada: Client, sent: list[str]) -> None:
    text = text_of(as_ada)
    assert "THIS IS A LAB." in text
    assert "The lab is being read" in text
    assert sent == ["read_lab"]
    assert is_watched(Watched.LAB)
    assert '<div id="lab-faults"' in text, "the form waits for the nodes' names"
    remember(PICTURE)
    form = text_of(as_ada, **{**HTMX, "HX-Target": "lab-faults"})
    assert '<option value="slave">' in form
    assert "data-live" not in form


def test_it_shows_power_cables_guests_and_the_qdevice(
    as_ada: Client, clusterubd: Cluster, sent: list[str]
) -> None:
    lab = FakeLab()
    lab.do("cut", "master", "slave", "--network", "cluster")
    lab.do("api", "slave", "hang")
    lab.do("crash", "master")
    remember(lab.picture)
    text = text_of(as_ada, **HTMX)
    assert sent == [], "it is fresh"
    assert "<html" not in text
    assert text.count("lab-cable-cut") == 2
    assert "lab-box-off" in text
    assert "100 siakad" in text
    assert 'value="power_on"' in text
    assert 'href="/lab/power/slave/"' in text
    assert 'value="heal:cluster"' in text
    assert 'value="api:ok"' in text
    assert 'value="qdevice_off"' in text
    assert 'href="/clusters/clusterubd/forecast/"' in text


def test_it_greys_with_its_age_and_says_that_the_lab_is_silent(
    as_ada: Client, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    remember(PICTURE)
    remember_silence("Connection refused")
    later = time.time() + 20
    monkeypatch.setattr("hapanel.live.lab_picture.time.time", lambda: later)
    text = text_of(as_ada)
    assert "The lab does not answer" in text
    assert "Connection refused" in text
    assert 'class="stack is-stale"' in text
    assert sent == ["read_lab"]


def test_only_news_is_hinted(django_capture_on_commit_callbacks: object, db: None) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        remember(PICTURE)
        remember(PICTURE)
        remember(replace(PICTURE, qdevice="off"))
    assert connection().xlen(STREAM) == 2


def test_a_switch_becomes_an_operation(as_ada: Client, clusterubd: Cluster) -> None:
    remember(PICTURE)
    answer = as_ada.post(PAGE, {"do": "cut:replication", "node": "master"})
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    operation = Operation.objects.get()
    assert operation.params["network"] == "replication"
    part = as_ada.post(PAGE, {"do": "qdevice_off"}, headers=HTMX)
    assert part.status_code == 422
    assert "is just switching something in the lab" in part.content.decode()
    text = text_of(as_ada, "/operations/")
    assert "Cut the cable: replication network" in text
    assert as_ada.post(PAGE, {"do": "melt"}).status_code == 400


def test_the_fault_form_names_fault_and_number(as_ada: Client, clusterubd: Cluster) -> None:
    remember(PICTURE)
    wish = {"do": "api", "node": "slave", "fault": "error", "amount": "595"}
    assert as_ada.post(PAGE, wish).status_code == 302
    params = Operation.objects.get().params
    assert (params["fault"], params["amount"]) == ("error", 595)


def test_the_power_goes_only_after_the_name_was_typed(as_ada: Client, clusterubd: Cluster) -> None:
    remember(PICTURE)
    path = "/lab/power/master/"
    dialog = text_of(as_ada, path, **{**HTMX, "HX-Target": "dialog-content"})
    assert "Type master to cut its power" in dialog
    assert "0 of 2 guests under HA come back" in dialog
    wrong = as_ada.post(path, {"confirm": "Master"})
    assert wrong.status_code == 422
    assert "The name was not typed rightly" in wrong.content.decode()
    assert not Operation.objects.exists()
    followed = as_ada.post(path, {"confirm": "master"}, headers={"HX-Request": "true"})
    assert 'id="operation-progress"' in followed.content.decode()
    operation = Operation.objects.get()
    page = text_of(as_ada, operation.get_absolute_url())
    assert "Lab: master" in page
    assert "The panel says beforehand: 0 of 2 guests under HA come back." in page
    assert as_ada.get("/lab/power/nobody/").status_code == 404


def test_it_speaks_indonesian(as_ada: Client, clusterubd: Cluster) -> None:
    remember(PICTURE)
    text = text_of(as_ada, **{"Accept-Language": "id"})
    assert "INI LAB." in text
    assert "Putuskan kabel" in text


def test_the_drawing_has_room_for_everything_and_says_what_it_leaves_out() -> None:
    guests = {
        str(n): LabGuest(name=f"guest-with-a-rather-long-name-{n}", kind="qemu", node="slave")
        for n in range(100, 112)
    }
    drawing = drawing_of(replace(PICTURE, guests=guests))
    assert drawing is not None
    slave = drawing.machines[1]
    assert (len(slave.guests), slave.more) == (8, 4)
    assert max(line.y for line in slave.guests) < drawing.more_y
    assert all(re.search("…$", line.text) for line in slave.guests)
    assert drawing.bus_bottom < drawing.height
    assert drawing_of(replace(PICTURE, nodes={})) is None
