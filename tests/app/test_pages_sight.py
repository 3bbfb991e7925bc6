"""How well a thing is seen, in words: on pages and over the API, in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.live.stream import connection
from hapanel.observe.pace import Pace, write_pace
from hapanel.operations.models import Kind, Operation, State, Step
from nodes.models import Cluster, Node, NodeStatus, Reach, Storage
from nodes.upstream import Traffic, asked_of, note_traffic
from vms.models import HaResource

API = "/api/v1/clusters/clusterubd/"
PAGES = [
    "/clusters/",
    "/clusters/clusterubd/",
    "/clusters/clusterubd/nodes/",
    "/clusters/clusterubd/nodes/master/",
    "/clusters/clusterubd/nodes/master/storage/",
    "/clusters/clusterubd/guests/",
    "/clusters/clusterubd/guests/100/",
    "/clusters/clusterubd/guests/100/ha/",
    "/clusters/clusterubd/ha/",
]


def text_of(client: Client, path: str, language: str = "en") -> str:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def api(client: Client, path: str = API) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def greens(page: str) -> list[str]:
    """What stands green: the mark ok outside of a part that is greyed as a whole."""
    body = page.partition("<main")[2]
    return re.findall(r'<span class="(?:state|badge)" data-state="ok">.*?</span></span>', body)


# Two intervals later


@pytest.mark.parametrize("path", PAGES)
def test_two_intervals_after_the_api_froze_nothing_is_green(
    as_ada: Client, clusterubd: Cluster, path: str
) -> None:
    HaResource.objects.create(cluster=clusterubd, sid="vm:100", node="master", state="started")
    Storage.objects.create(
        cluster=clusterubd, node="master", storage="vg", status="available", type="lvm"
    )
    is_green = path.removeprefix("/clusters/clusterubd/") in {"", "nodes/", "guests/100/", "ha/"}
    assert bool(greens(text_of(as_ada, path))) or not is_green, "else this proves nothing"
    Cluster.objects.update(observed_at=timezone.now() - timedelta(seconds=7))
    page = text_of(as_ada, path)
    assert all("was: " in each for each in greens(page)), "only told as what it was"
    if greens(page):
        assert "is-stale" in page
    assert api(as_ada)["sight"] == "stale"


def test_everything_says_who_saw_it(as_ada: Client, clusterubd: Cluster) -> None:
    assert "ago by master" in text_of(as_ada, "/clusters/clusterubd/")
    assert "lalu oleh master" in text_of(as_ada, "/clusters/clusterubd/", "id")
    seen = timezone.now() - timedelta(minutes=3)
    Node.objects.filter(name="slave").update(
        status=NodeStatus.OFFLINE, last_seen_at=seen, last_seen_by="slave"
    )
    told = api(as_ada, "/api/v1/nodes/clusterubd/slave/")
    assert (told["seen_by"], told["sight"]) == ("slave", "unknown")
    told = api(as_ada, "/api/v1/vms/clusterubd/100/")
    assert (told["seen_by"], told["sight"]) == ("master", "current")


# A partition


def test_what_only_a_minority_sees_is_said_so(as_ada: Client, clusterubd: Cluster) -> None:
    Cluster.objects.update(quorate=False, seen_by="slave")
    for path in ("/clusters/clusterubd/", "/clusters/clusterubd/guests/100/"):
        page = text_of(as_ada, path)
        assert "Seen only by slave\u2019s minority, which has no quorum" in page
        assert "seen only by a minority" in page
        page = text_of(as_ada, path, "id")
        assert "Hanya terlihat oleh minoritas slave" in page
    assert api(as_ada)["sight"] == "minority"
    assert api(as_ada, "/api/v1/vms/clusterubd/100/")["sight"] == "minority"
    assert api(as_ada, "/api/v1/nodes/clusterubd/slave/")["sight"] == "minority"


def test_the_other_part_of_a_partition_is_shown(as_ada: Client, clusterubd: Cluster) -> None:
    at = timezone.now().isoformat()
    other = {"node": "slave", "address": "https://x", "quorate": False, "sees": ["slave"], "at": at}
    Cluster.objects.update(other_views=[other])
    page = text_of(as_ada, "/clusters/clusterubd/")
    assert "slave answers too, and sees the cluster otherwise" in page
    assert "slave sees only slave and has no quorum: it is cut off from the others." in page
    assert "What stands here is what master sees." in page
    [told] = api(as_ada)["other_views"]
    assert (told["node"], told["quorate"], told["sees"]) == ("slave", False, ["slave"])


# In part


def test_an_untold_ha_manager_is_unknown_while_the_rest_is_seen(
    as_ada: Client, clusterubd: Cluster
) -> None:
    HaResource.objects.create(cluster=clusterubd, sid="vm:100", node="master", state="started")
    Cluster.objects.update(
        ha_seen_at=timezone.now() - timedelta(seconds=20),
        reach=Reach.FAULT,
        reach_detail="unable to read manager_status",
    )
    page = text_of(as_ada, "/clusters/clusterubd/")
    assert "Seen in part only" in page
    assert "unable to read manager_status" in page
    assert "The HA manager\u2019s state is not told" in page
    assert ">at work<" not in page
    assert "not seen" in text_of(as_ada, "/clusters/clusterubd/ha/")
    resource = api(as_ada, "/api/v1/ha-resources/clusterubd/vm:100/")
    assert resource["state"] == "unknown"
    listed = api(as_ada, "/api/v1/ha-resources/?state=unknown")["results"]
    assert [row["sid"] for row in listed] == ["vm:100"]
    guest = api(as_ada, "/api/v1/vms/clusterubd/100/")
    assert (guest["status"], guest["ha"]["state"]) == ("running", "started")


# An operation in flight


def test_a_blind_operation_says_so_and_since_when(as_ada: Client, clusterubd: Cluster) -> None:
    since = timezone.now() - timedelta(seconds=95)
    operation = Operation.objects.create(
        kind=Kind.MIGRATE,
        state=State.RUNNING,
        step=Step.FOLLOWING,
        cluster=clusterubd,
        subject="100 siakad",
        vmid=100,
        guest_type="qemu",
        source="master",
        target="slave",
        percent=40.0,
        started_at=since,
        blind_since=since,
    )
    clock = timezone.localtime(since).strftime("%H:%M:%S")
    page = text_of(as_ada, operation.get_absolute_url())
    assert re.search(rf"Not seen for 1 min 3\d s, since {clock}", re.sub("<[^>]*>", "", page))
    assert f"sejak {clock.replace(':', '.')}" in text_of(as_ada, operation.get_absolute_url(), "id")
    assert f"not seen since {clock}" in text_of(as_ada, "/clusters/clusterubd/")
    assert api(as_ada, f"/api/v1/migrations/{operation.pk}/")["blind_since"] is not None


# Manners


def test_the_settings_page_says_how_politely_a_cluster_is_asked(
    as_ada: Client, clusterubd: Cluster
) -> None:
    path = "/settings/clusters/clusterubd/"
    note_traffic(clusterubd.pk, Traffic(calls=3, retries=1, connections=2))
    page = text_of(as_ada, path)
    assert "2 open" in page
    assert "at most 6 calls at once" in page
    assert "no: it answers, or has just been changed" in page
    assert "as the panel's" in page.replace("&#x27;", "'")
    Cluster.objects.update(reach=Reach.REFUSED, clock_offset=-10800)
    failing = timezone.now() - timedelta(minutes=4)
    pace = Pace(failures=6, failing_since=failing.timestamp())
    write_pace(clusterubd.pk, pace.after_failure(timezone.now().timestamp(), Reach.REFUSED))
    page = text_of(as_ada, path)
    assert f"since {timezone.localtime(failing):%H:%M:%S}, after 7 failures in a row" in page
    assert "asked again at" in page
    assert "3:00:00 behind the panel's" in page.replace("&#x27;", "'")
    assert "setelah 7 kegagalan berturut-turut" in text_of(as_ada, path, "id")
    assert api(as_ada)["clock_offset_seconds"] == -10800


def test_connections_of_all_processes_are_added_and_those_of_dead_ones_forgotten(
    clusterubd: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_traffic(clusterubd.pk, Traffic(connections=2))
    monkeypatch.setattr("nodes.upstream.os.getpid", lambda: 1)
    note_traffic(clusterubd.pk, Traffic(connections=3))
    assert asked_of(clusterubd).connections == 5
    key = f"hapanel:connections:{clusterubd.pk}"
    connection().hset(key, "elsewhere/7", "9 1000")
    assert asked_of(clusterubd).connections == 5
