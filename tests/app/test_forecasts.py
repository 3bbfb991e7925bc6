"""Forecasts from the records: over REST, from the shell, and when nothing is known."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from hapanel.operations import forecasts
from nodes.models import Cluster, Node, Reach, Storage
from vms.models import Guest, GuestDisk, HaResource

QDEVICE = {"configured": True, "connected": True, "votes": 1, "text": "", "casts_vote": True}


def ask(client: Client, **body: Any) -> Any:
    answer = client.post("/api/v1/forecasts/", json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json()


@pytest.fixture
def cured(clusterubd: Cluster) -> Cluster:
    """The paper's cluster with a QDevice, its HA manager on slave."""
    Cluster.objects.filter(pk=clusterubd.pk).update(
        qdevice=QDEVICE, ha_manager_node="slave", ha_manager_state="active", ha_armed_state="armed"
    )
    for sid in ("vm:100", "ct:101"):
        HaResource.objects.create(
            cluster=clusterubd, sid=sid, node="master", state="started", crm_state="started",
            request_state="started",
        )  # fmt: skip
    clusterubd.refresh_from_db()
    return clusterubd


def test_two_votes_of_two_restart_nothing(as_oda: Client, clusterubd: Cluster) -> None:
    status, told = ask(as_oda, cluster="clusterubd", fail=["master"])
    assert status == 200
    assert told["quorate"] is False
    assert (told["votes_left"], told["votes_expected"], told["votes_needed"]) == (1, 2, 2)
    assert [guest["outcome"] for guest in told["guests"]] == ["lost", "lost"]
    assert "1 of 2 votes" in told["guests"][0]["because"]
    assert told["proven_for"] == "5.2"
    assert told["verified"] is True


def test_a_qdevice_lets_both_come_back(as_hal: Client, cured: Cluster) -> None:
    status, told = ask(as_hal, cluster="clusterubd", fail=["master"])
    assert status == 200
    assert told["counts"]["recovers"] == 2
    for guest in told["guests"]:
        assert guest["node"] == "slave"
        assert 110 < guest["seconds"]["min"] < 132 < guest["seconds"]["max"] < 160
    assert told["manager_after"] == "slave"
    assert told["observed_at"] is not None
    assert "boot-not-known" in {each["code"] for each in told["guests"][0]["unknowns"]}


def test_the_words_are_the_readers(as_ada: Client, cured: Cluster) -> None:
    answer = as_ada.post(
        "/api/v1/forecasts/",
        json.dumps({"cluster": "clusterubd", "fail": ["master"]}),
        content_type="application/json",
        headers={"Accept-Language": "id"},
    )
    assert "Manajer HA menjalankannya di slave." in answer.json()["guests"][0]["because"]


def test_a_local_disk_fails_there_and_says_so(as_ada: Client, cured: Cluster) -> None:
    for node in ("master", "slave"):
        Storage.objects.create(
            cluster=cured, node=node, storage="local-lvm", type="lvmthin", status="available"
        )
    guest = Guest.objects.get(cluster=cured, vmid=100)
    Guest.objects.filter(pk=guest.pk).update(config_read_at=timezone.now())
    GuestDisk.objects.create(
        guest=guest, key="scsi0", volume="local-lvm:vm-100-disk-0", storage="local-lvm"
    )
    _, told = ask(as_ada, cluster="clusterubd", fail=["master"])
    assert told["guests"][0]["outcome"] == "fails there"
    assert told["guests"][0]["reasons"][0]["code"] == "local-disk"
    assert told["guests"][1]["outcome"] == "recovers"


def test_the_labs_clock_is_faster(as_ada: Client, cured: Cluster) -> None:
    Cluster.objects.filter(pk=cured.pk).update(time_scale=6)
    _, told = ask(as_ada, cluster="clusterubd", fail=["master"])
    assert told["time_scale"] == 6
    assert told["guests"][0]["seconds"]["typical"] < 30


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"cluster": "nowhere", "fail": ["master"]}, 404, "unknown-cluster", "cluster"),
        ({"cluster": "clusterubd", "fail": ["west"]}, 422, "unknown-node", "fail"),
        ({"cluster": "clusterubd", "fail": []}, 422, "nothing-fails", "fail"),
        ({"cluster": "clusterubd"}, 400, "malformed", "fail"),
        ({"cluster": "clusterubd", "fail": "master"}, 400, "malformed", "fail"),
        ({"cluster": "clusterubd", "fail": ["master"], "why": "?"}, 400, "unknown-field", "why"),
        (
            {"cluster": "clusterubd", "fail": ["master"], "at": "2020-01-01T00:00:00Z"},
            422,
            "forecast-of-the-past",
            "at",
        ),
    ],
)
def test_what_cannot_be_asked(
    as_ada: Client, clusterubd: Cluster, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    answered, problem = ask(as_ada, **body)
    assert (answered, problem["code"]) == (status, code)
    assert problem["errors"][0]["field"] == field
    assert problem["remedy"]


def test_what_is_not_seen_is_not_guessed(as_ada: Client, clusterubd: Cluster) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Cluster.objects.filter(pk=clusterubd.pk).update(observed_at=long_ago)
    assert ask(as_ada, cluster="clusterubd", fail=["master"])[1]["code"] == "cluster-stale"
    Cluster.objects.filter(pk=clusterubd.pk).update(reach=Reach.UNREACHABLE)
    status, problem = ask(as_ada, cluster="clusterubd", fail=["master"])
    assert (status, problem["code"]) == (409, "cluster-not-seen")


def test_votes_that_nobody_read_leave_everything_open(as_ada: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(cluster=clusterubd).update(votes=None)
    _, told = ask(as_ada, cluster="clusterubd", fail=["master"])
    assert told["quorate"] is None
    assert {guest["outcome"] for guest in told["guests"]} == {"unknown"}
    assert "votes-not-read" in {each["code"] for each in told["unknowns"]}


def test_nobody_forecasts_without_signing_in(clusterubd: Cluster) -> None:
    assert ask(Client(), cluster="clusterubd", fail=["master"])[0] == 401


def test_an_unchanged_picture_is_asked_once(
    as_ada: Client, cured: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = forecasts.forecast(cured, ["master"])
    assert forecasts.forecast(cured, ["master"]) is first
    Node.objects.filter(name="slave").update(lrm_state="idle")
    assert forecasts.forecast(cured, ["master"]) is not first


def test_the_shell_tells_the_same(cured: Cluster) -> None:
    said = StringIO()
    call_command("forecast", "clusterubd", "--fail", "master", stdout=said)
    text = said.getvalue()
    assert re.match(r"seen \d s ago\n", text)
    assert "100 siakad (master): recovers -> slave" in text
    assert "clusterubd without master: keeps its quorum (2 of 3 votes, 2 needed)" in text


def test_the_shell_tells_it_to_programs(cured: Cluster) -> None:
    said = StringIO()
    call_command("forecast", "clusterubd", "--fail", "master", "--fail", "slave", "--json",
                 stdout=said)  # fmt: skip
    told = json.loads(said.getvalue())
    assert told["fail"] == ["master", "slave"]
    assert told["counts"]["lost"] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nowhere", "--fail", "a"], "unknown-cluster"), (["clusterubd", "--fail", "west"], "node")],
)
def test_the_shell_refuses_in_words(clusterubd: Cluster, arguments: list[str], code: str) -> None:
    with pytest.raises(CommandError, match=code):
        call_command("forecast", *arguments)
