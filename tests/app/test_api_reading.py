"""What the API tells: names, units, times, and nothing green that nobody has seen lately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from nodes.metrics import GuestMetrics, NodeMetrics, replace_metrics
from nodes.models import Cluster, Node, NodeStatus, Storage
from vms.models import Guest, GuestDisk, HaResource, HaRule

API = "/api/v1"


def get(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(f"{API}{path}")
    assert response.status_code == status, response.content
    return response.json()


@pytest.fixture
def measured(clusterubd: Cluster) -> Cluster:
    nodes = [NodeMetrics("master", 0.25, 8 * 1024**3, 3600), NodeMetrics("slave", 0.05, 1024, 60)]
    guests = [GuestMetrics(100, 0.5, 2 * 1024**3, 3000), GuestMetrics(101, 0.1, 1024**3, 3000)]
    replace_metrics(clusterubd.pk, timezone.now(), nodes, guests)
    return clusterubd


def go_stale(cluster: Cluster) -> None:
    cluster.observed_at = timezone.now() - timedelta(minutes=5)
    cluster.save()


def test_a_cluster_tells_its_votes_and_verdict(as_hal: Client, clusterubd: Cluster) -> None:
    found = get(as_hal, "/clusters/clusterubd/")
    assert found["verdict"]["code"] == "would-not-survive"
    assert "would not survive the loss of" in found["verdict"]["sentence"]
    assert "QDevice" in found["verdict"]["remedy"]
    assert found["name"] == "clusterubd"
    assert (found["quorate"], found["expected_votes"], found["quorum"]) == (True, 2, 2)
    assert (found["nodes_online"], found["nodes_total"], found["health"]) == (2, 2, "warn")
    assert found["reachable"] is True
    assert datetime.fromisoformat(found["observed_at"]).tzinfo == UTC
    assert found["observed_at"].endswith("Z")


def test_a_stale_cluster_is_unknown_and_its_age_is_told(
    as_hal: Client, clusterubd: Cluster
) -> None:
    go_stale(clusterubd)
    found = get(as_hal, "/clusters/clusterubd/")
    assert found["health"] == "unknown"
    assert found["quorate"] is None
    assert found["nodes_online"] is None
    assert found["reachable"] is False
    assert found["observed_at"] is not None


def test_health_is_as_bad_as_the_pages_say(as_hal: Client, clusterubd: Cluster) -> None:
    Cluster.objects.update(
        qdevice={"configured": True, "connected": True, "votes": 1, "text": ""},
        expected_votes=3,
        total_votes=3,
    )
    assert get(as_hal, "/clusters/")["results"][0]["health"] == "ok"
    clusterubd.nodes.filter(name="slave").update(status=NodeStatus.OFFLINE)
    assert get(as_hal, "/clusters/")["results"][0]["health"] == "warn"
    Cluster.objects.update(quorate=False)
    assert get(as_hal, "/clusters/")["results"][0]["health"] == "danger"


def test_a_node_tells_what_it_measures(as_hal: Client, measured: Cluster) -> None:
    found = get(as_hal, "/nodes/clusterubd/master/")
    assert found["status"] == "online"
    assert (found["cpu"], found["mem"], found["uptime"]) == (0.25, 8 * 1024**3, 3600)
    assert (found["votes"], found["node_id"], found["guests"]) == (1, 1, 2)


def test_nodes_and_guests_of_a_stale_cluster_are_unknown(as_hal: Client, measured: Cluster) -> None:
    go_stale(measured)
    for node in get(as_hal, "/nodes/")["results"]:
        assert (node["status"], node["cpu"], node["lrm_state"]) == ("unknown", None, None)
        assert node["seen_at"] == node["observed_at"]
    for guest in get(as_hal, "/vms/")["results"]:
        assert (guest["status"], guest["mem"]) == ("unknown", None)
        assert guest["ha"]["state"] == "unknown"
    assert get(as_hal, "/vms/?status=running")["results"] == []
    assert len(get(as_hal, "/vms/?status=unknown")["results"]) == 2
    assert len(get(as_hal, "/nodes/?status=unknown")["results"]) == 2


def test_a_guest_of_a_lost_node_keeps_the_time_it_was_seen(
    as_hal: Client, measured: Cluster
) -> None:
    lost_at = timezone.now() - timedelta(minutes=2)
    Guest.objects.filter(vmid=100).update(status="unknown", last_seen_at=lost_at)
    found = get(as_hal, "/vms/clusterubd/100/")
    assert (found["status"], found["mem"]) == ("unknown", None)
    assert datetime.fromisoformat(found["seen_at"]) == lost_at


def test_a_guest_tells_its_disks_tags_and_ha(as_hal: Client, measured: Cluster) -> None:
    siakad = Guest.objects.get(vmid=100)
    siakad.tags, siakad.config_read_at = "campus;web", timezone.now()
    siakad.save()
    GuestDisk.objects.create(guest=siakad, key="scsi0", volume="rs:vm-100", storage="rs", size=5)
    HaResource.objects.create(
        cluster=measured, sid="vm:100", state="started", request_state="started"
    )
    HaRule.objects.create(
        cluster=measured, rule="home", type="node-affinity", resources=["vm:100"], nodes=["master"]
    )
    found = get(as_hal, "/vms/clusterubd/100/")
    assert found["tags"] == ["campus", "web"]
    assert found["disks"] == [
        {
            "key": "scsi0",
            "volume": "rs:vm-100",
            "storage": "rs",
            "size": 5,
            "cdrom": False,
            "unused": False,
        }
    ]
    assert found["ha"] == {
        "state": "started",
        "request": "started",
        "group": None,
        "rules": ["home"],
    }
    assert get(as_hal, "/vms/clusterubd/101/")["disks"] is None


def test_a_container_says_why_it_cannot_move_live(as_hal: Client, measured: Cluster) -> None:
    siakad, elearning = get(as_hal, "/vms/")["results"]
    assert (siakad["live_migratable"], siakad["why_not"]) == (True, None)
    assert elearning["live_migratable"] is False
    assert elearning["why_not"]["code"] == "mode-does-not-fit"
    assert elearning["why_not"]["remedy"]


def test_a_removed_guest_is_not_found(as_hal: Client, clusterubd: Cluster) -> None:
    Guest.objects.filter(vmid=101).update(gone_at=timezone.now())
    assert get(as_hal, "/vms/clusterubd/101/", 404)["code"] == "not-found"


def test_lists_are_filtered_by_query(as_hal: Client, clusterubd: Cluster) -> None:
    def vmids(query: str) -> list[int]:
        return [guest["vmid"] for guest in get(as_hal, f"/vms/?{query}")["results"]]

    assert vmids("type=lxc") == [101]
    assert vmids("name=SIA") == [100]
    assert vmids("ha=true") == [100, 101]
    assert vmids("ha=false") == []
    assert vmids("cluster=elsewhere") == []
    assert vmids("node=master&status=running") == [100, 101]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("type=xen", "malformed"),
        ("ha=maybe", "malformed"),
        ("vmid=1e99", "malformed"),
        ("colour=red", "unknown-parameter"),
        ("cursor=nonsense", "bad-cursor"),
        ("cursor=cD1hYmM=", "bad-cursor"),
        ("page_size=0", "malformed"),
        ("page_size=many", "malformed"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(
    as_hal: Client, clusterubd: Cluster, query: str, code: str
) -> None:
    assert get(as_hal, f"/vms/?{query}", 400)["code"] == code


def test_pages_are_followed_by_cursor(as_hal: Client, clusterubd: Cluster) -> None:
    first = get(as_hal, "/vms/?page_size=1")
    assert first["previous"] is None
    second = as_hal.get(first["next"]).json()
    assert [g["vmid"] for g in (*first["results"], *second["results"])] == [100, 101]
    assert second["next"] is None
    assert second["previous"] is not None


def test_storages_give_sizes_in_bytes(as_hal: Client, clusterubd: Cluster) -> None:
    Storage.objects.create(
        cluster=clusterubd,
        node="master",
        storage="vg",
        type="lvm",
        status="available",
        content="images,rootdir",
        vg="vg_drbd",
        total=100,
        used=40,
    )
    (found,) = get(as_hal, "/storages/?shared=false")["results"]
    assert (found["content"], found["used"], found["vg"]) == (["images", "rootdir"], 40, "vg_drbd")
    go_stale(clusterubd)
    (found,) = get(as_hal, "/storages/")["results"]
    assert (found["status"], found["used"], found["total"]) == ("unknown", None, 100)


def test_an_ha_resource_is_found_by_its_sid(as_hal: Client, clusterubd: Cluster) -> None:
    HaResource.objects.create(cluster=clusterubd, sid="ct:101", state="error", node="master")
    found = get(as_hal, "/ha-resources/clusterubd/ct:101/")
    assert found["state"] == "error"
    assert found["seen_at"] == found["observed_at"] is not None
    assert len(get(as_hal, "/ha-resources/?state=error")["results"]) == 1
    assert get(as_hal, "/ha-resources/?state=started")["results"] == []


@pytest.mark.parametrize(
    ("path", "budget"),
    # What a cluster's health is judged from costs seven, once after each look at it.
    [("/clusters/", 11), ("/nodes/", 4), ("/storages/", 4), ("/vms/", 13), ("/ha-resources/", 4)],
)
def test_a_list_costs_the_same_number_of_queries_at_any_length(
    as_hal: Client,
    measured: Cluster,
    django_assert_max_num_queries: Callable[[int], Any],
    path: str,
    budget: int,
) -> None:
    for number in range(30):
        Node.objects.create(cluster=measured, name=f"n{number}", status="online", maxmem=1024**4)
        guest = Guest.objects.create(
            cluster=measured,
            vmid=200 + number,
            type="qemu",
            node=f"n{number}",
            status="running",
            ha_state="started",
            config_read_at=timezone.now(),
        )
        GuestDisk.objects.create(guest=guest, key="scsi0", volume="rs:x", storage="rs", size=5)
        HaResource.objects.create(cluster=measured, sid=f"vm:{200 + number}", state="started")
        HaRule.objects.create(
            cluster=measured, rule=f"r{number}", type="node-affinity", resources=[guest.sid]
        )
    with django_assert_max_num_queries(budget + 3):  # session, user, groups
        get(as_hal, path)
