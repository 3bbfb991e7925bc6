"""Readiness and capacity over REST and on pages, judged from the records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.helpdesk.models import Service
from hapanel.operations import forecast_facts
from nodes.metrics import ClusterMetrics, NodeMetrics
from nodes.models import Cluster, Node, Storage
from vms.models import Guest, GuestDisk

GIB = 1024**3
QDEVICE = {"configured": True, "connected": True, "votes": 1, "text": "", "casts_vote": True}
READY, ROOM = "/api/v1/readiness/clusterubd/", "/api/v1/capacity/clusterubd/"


def get(client: Client, path: str, status: int = 200, language: str = "en") -> Any:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == status, answer.content
    return answer.json()


def condition(told: Any, code: str) -> Any:
    return next(each for each in told["conditions"] if each["code"] == code)


@pytest.fixture
def whole(clusterubd: Cluster) -> Cluster:
    """The paper's cluster, read to the last: a shared storage, disks, a manager, memory."""
    now = timezone.now()
    for node in ("master", "slave"):
        Storage.objects.create(
            cluster=clusterubd, node=node, storage="vg_drbd", type="lvm", status="available",
            shared=True, content="images,rootdir", total=400 * GIB, used=100 * GIB,
        )  # fmt: skip
    for guest in Guest.objects.all():
        GuestDisk.objects.create(guest=guest, key="scsi0", volume="v", storage="vg_drbd")
    Guest.objects.update(config_read_at=now)
    Node.objects.update(corosync_links=["10.0.0.1"])
    Cluster.objects.update(
        observed_at=now + timedelta(seconds=30), ha_seen_at=now + timedelta(seconds=30),
        ha_manager_node="slave", ha_manager_state="active", ha_armed_state="armed",
        ha_groups=[], datacenter_options={},
    )  # fmt: skip
    clusterubd.refresh_from_db()
    return clusterubd


def test_the_papers_flaw_stands_first_with_the_cure(as_hal: Client, whole: Cluster) -> None:
    told = get(as_hal, READY)
    first = told["conditions"][0]
    assert (first["code"], first["verdict"], first["level"]) == ("quorum", "fail", "warn")
    assert first["evidence"]["fatal_nodes"] == ["master", "slave"]
    assert "pvecm qdevice setup ADDRESS" in [step["command"] for step in first["steps"]]
    assert told["verdict"] == "fail"
    assert told["sentence"].startswith("clusterubd works, but would not survive the loss")
    assert {guest["vmid"]: guest["verdict"] for guest in told["guests"]} == {
        100: "fail",
        101: "fail",
    }
    assert condition(told, "replication-link")["verdict"] == "unknown"
    assert condition(told, "cluster-network")["verdict"] == "warn"


def test_a_qdevice_turns_the_verdict_on_every_page(as_hal: Client, whole: Cluster) -> None:
    Cluster.objects.update(qdevice=QDEVICE, expected_votes=3, total_votes=3)
    told = get(as_hal, READY)
    assert condition(told, "quorum")["verdict"] == "ok"
    assert told["level"] == "ok"
    assert get(as_hal, "/api/v1/clusters/clusterubd/")["health"] == "ok"
    page = as_hal.get("/clusters/clusterubd/readiness/").content.decode()
    assert "would survive the loss of any one node" in page


Bend = Callable[[], object]


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (lambda: Cluster.objects.update(ha_armed_state="disarmed"), "armed"),
        (lambda: Storage.objects.update(shared=False), "storage"),
        (lambda: Guest.objects.update(passthrough=["hostpci0"]), "devices"),
        (lambda: Guest.objects.filter(vmid=100).update(maxmem=80 * GIB), "capacity"),
    ],
)
def test_one_severity_on_every_page(
    as_ada: Client, whole: Cluster, bend: Bend, code: str, figures: None
) -> None:
    Cluster.objects.update(qdevice=QDEVICE, expected_votes=3, total_votes=3)
    bend()
    told = get(as_ada, READY)
    assert condition(told, code)["verdict"] == "fail"
    assert (told["level"], told["sentence"]) == (
        "warn",
        "clusterubd works, but is not ready to lose a node.",
    )
    for path in ("", "readiness/"):
        page = as_ada.get(f"/clusters/clusterubd/{path}").content.decode()
        assert "clusterubd works, but is not ready to lose a node." in page
        assert '<section class="verdict" data-state="warn"' in page
    cluster = get(as_ada, "/api/v1/clusters/clusterubd/")
    assert (cluster["health"], cluster["verdict"]["code"]) == ("warn", code)


@pytest.fixture
def figures(whole: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """4 GiB of 64 are in use on each node."""
    nodes = {name: NodeMetrics(name, mem=4 * GIB) for name in ("master", "slave")}
    known = ClusterMetrics(whole.pk, timezone.now(), nodes)
    monkeypatch.setattr(forecast_facts, "measured", lambda cluster: known)


def test_a_service_makes_a_guest_outside_ha_matter(as_hal: Client, whole: Cluster) -> None:
    Guest.objects.filter(vmid=101).update(ha_state="")
    assert condition(get(as_hal, READY), "coverage")["verdict"] == "ok"
    Service.objects.create(cluster=whole, name="E-Learning", vmids=[101], url="http://x.example/")
    told = condition(get(as_hal, READY), "coverage")
    assert (told["verdict"], told["guests"]) == ("warn", [101])
    page = as_hal.get("/clusters/clusterubd/guests/101/ha/").content.decode()
    assert "People use it (E-Learning)" in page


def test_it_reads_in_indonesian(as_hal: Client, whole: Cluster) -> None:
    told = get(as_hal, READY, language="id")
    assert condition(told, "armed")["title"] == "HA aktif (armed)"


def test_what_is_not_seen_is_not_judged(as_hal: Client, whole: Cluster) -> None:
    Cluster.objects.update(observed_at=timezone.now() - timedelta(minutes=5))
    for path in (READY, ROOM):
        assert get(as_hal, path, 409)["code"] == "cluster-stale"
    for path in ("readiness", "capacity"):
        page = as_hal.get(f"/clusters/clusterubd/{path}/").content.decode()
        assert "Nothing can be judged now" in page
    assert "Not known while the cluster is not seen." in (
        as_hal.get("/clusters/clusterubd/").content.decode()
    )


def test_an_unknown_cluster_is_404(as_hal: Client, whole: Cluster) -> None:
    for path in ("readiness", "capacity"):
        assert get(as_hal, f"/api/v1/{path}/west/", 404)["code"] == "unknown-cluster"
        assert as_hal.get(f"/clusters/west/{path}/").status_code == 404


# capacity


def test_what_must_fit_where(as_hal: Client, figures: None) -> None:
    told = get(as_hal, ROOM)
    assert told["fit"] == "fits"
    assert told["planned"] is None
    loss = told["losses"][0]
    assert (loss["node"], loss["needs"]) == ("master", 6 * GIB)
    assert {guest["vmid"]: guest["node"] for guest in loss["guests"]} == {
        100: "slave",
        101: "slave",
    }
    (room,) = loss["nodes"]
    assert (room["used"], room["arriving"], room["free_after"]) == (4 * GIB, 6 * GIB, 54 * GIB)


def test_a_planned_guest_is_judged_now_and_with_one_node_less(
    as_hal: Client, figures: None
) -> None:
    wanted = f"?cores=4&memory={8 * GIB}&disk={20 * GIB}"
    told = get(as_hal, ROOM + wanted)["planned"]
    assert (told["fits"], told["fits_after_a_loss"], told["storage"]) == (True, True, "vg_drbd")
    large = get(as_hal, f"{ROOM}?cores=4&memory={59 * GIB}")["planned"]
    assert (large["fits"], large["fits_after_a_loss"]) == (True, False)
    none = get(as_hal, f"{ROOM}?cores=64&memory={GIB}")["planned"]
    assert (none["fits"], none["nodes"][0]["fit"]) == (False, "no")
    assert "64" not in none["nodes"][0]["because"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?cores=4", "malformed"),
        ("?cores=x&memory=1", "malformed"),
        ("?cores=1&memory=0", "malformed"),
        ("?core=1", "unknown-parameter"),
        ("?cores=1&memory=1024&storage=west", "unknown-storage"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(
    as_hal: Client, whole: Cluster, query: str, code: str
) -> None:
    answer = as_hal.get(ROOM + query)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == code


def test_the_page_answers_about_a_planned_guest(as_hal: Client, figures: None) -> None:
    page = "/clusters/clusterubd/capacity/"
    text = as_hal.get(page).content.decode()
    assert "Whichever node dies, its guests under HA fit on the others." in text
    assert 'id="plan"' not in text
    text = as_hal.get(page + "?cores=4&memory=8&disk=20&storage=").content.decode()
    assert "fits with one node less" in text
    part = as_hal.get(
        page + "?cores=4&memory=59&disk=&storage=",
        headers={"HX-Request": "true", "HX-Target": "planned"},
    ).content.decode()
    assert "does not fit with one node less" in part
    assert "<html" not in part
    bad = as_hal.get(page + "?cores=0&memory=8&disk=&storage=")
    assert bad.status_code == 422
    assert "cannot" not in bad.content.decode().partition('id="planned"')[0]


def test_a_loss_is_shown_at_length(as_hal: Client, figures: None) -> None:
    text = as_hal.get("/clusters/clusterubd/capacity/?node=slave").content.decode()
    assert "If slave dies" in text
    assert "No running guest under HA is on it." in text
