"""Changes of HA over REST: asked for once, tried out without a trace, refused with a remedy."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import ApiToken, User
from hapanel.operations.models import Operation
from nodes.models import Cluster
from vms.models import Guest, HaResource, HaRule

RESOURCES, RULES = "/api/v1/ha-resources/", "/api/v1/ha-rules/"
ONE, APART = f"{RESOURCES}clusterubd/vm:100/", f"{RULES}clusterubd/apart/"
STATUS = "/api/v1/ha-status/clusterubd/"
NEW = {"cluster": "clusterubd", "sid": "vm:100"}
RULE = {
    "cluster": "clusterubd",
    "rule": "apart",
    "type": "resource-affinity",
    "affinity": "negative",
    "resources": ["vm:100", "ct:101"],
}


class Script:
    """A program with a token."""

    def __init__(self, user: User) -> None:
        self.secret = ApiToken.issue(user, f"script {ApiToken.objects.count()}")[1]
        self.client = Client()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )


@pytest.fixture
def script(oda: User) -> Script:
    return Script(oda)


@pytest.fixture
def administrator(ada: User) -> Script:
    return Script(ada)


@pytest.fixture(autouse=True)
def seen(clusterubd: Cluster) -> None:
    """For as long as a busy machine takes."""
    later = timezone.now() + timedelta(minutes=5)
    Cluster.objects.update(observed_at=later, ha_seen_at=later)
    clusterubd.refresh_from_db()


@pytest.fixture
def managed(clusterubd: Cluster) -> Cluster:
    for sid in ("vm:100", "ct:101"):
        HaResource.objects.create(
            cluster=clusterubd, sid=sid, state="started", request_state="started", node="master"
        )
    Cluster.objects.update(ha_armed_state="armed", ha_manager_node="slave")
    return clusterubd


def test_a_guest_is_put_under_ha_by_an_operation(script: Script, clusterubd: Cluster) -> None:
    Guest.objects.update(ha_state="")
    answer = script.ask("POST", RESOURCES, NEW, **{"Idempotency-Key": "one"})
    assert answer.status_code == 202, answer.content
    found = answer.json()
    assert (found["kind"], found["state"], found["vmid"]) == ("add_ha_resource", "queued", 100)
    assert answer["Location"].endswith(f"/api/v1/operations/{found['id']}/")
    again = script.ask("POST", RESOURCES, NEW, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (202, found["id"])
    other = script.ask("POST", RESOURCES, NEW | {"state": "stopped"}, **{"Idempotency-Key": "one"})
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency-key-reused"


def test_a_dry_run_tells_the_difference_and_leaves_no_trace(
    script: Script, clusterubd: Cluster
) -> None:
    Guest.objects.update(ha_state="")
    plan = script.ask("POST", RESOURCES, NEW | {"dry_run": True})
    assert plan.status_code == 200, plan.content
    found = plan.json()
    assert found["possible"]
    assert found["compared"] == ["master", "slave"]
    first = found["effects"][0]
    assert (first["failed"], first["change"], first["severity"]) == ("master", "still-lost", "warn")
    assert first["guests"] == ["100 siakad"]
    assert "quorum" in first["because"]
    assert not Operation.objects.exists()
    indonesian = script.ask(
        "POST", RESOURCES, NEW | {"dry_run": True}, **{"Accept-Language": "id"}
    ).json()
    assert "tetap tidak selamat" in indonesian["effects"][0]["because"]


def test_with_a_third_vote_it_survives(script: Script, clusterubd: Cluster) -> None:
    Guest.objects.update(ha_state="")
    told = {"configured": True, "connected": True, "votes": 1, "casts_vote": True, "text": ""}
    Cluster.objects.update(qdevice=told, ha_manager_node="slave", ha_armed_state="armed")
    found = script.ask("POST", RESOURCES, NEW | {"dry_run": True}).json()
    first = found["effects"][0]
    assert (first["change"], first["node"]) == ("survives", "slave")
    assert 60 < first["seconds"] < 300


def test_change_and_removal_have_their_plans_too(script: Script, managed: Cluster) -> None:
    plan = script.ask("PATCH", ONE, {"state": "disabled", "dry_run": True}).json()
    assert [each["code"] for each in plan["warnings"]] == ["ha-stops-guest"]
    plan = script.ask("DELETE", f"{ONE}?dry_run=true").json()
    assert (plan["verb"], plan["possible"]) == ("remove_ha_resource", True)
    assert not Operation.objects.exists()
    assert script.ask("DELETE", f"{ONE}?dry_run=maybe").status_code == 400
    assert script.ask("DELETE", f"{ONE}?purge=1").status_code == 400
    assert script.ask("PATCH", ONE, {"request_state": "stopped"}).status_code == 202
    busy = script.ask("DELETE", ONE)
    assert (busy.status_code, busy.json()["code"]) == (409, "ha-change-in-progress")


def test_rules_are_listed_added_changed_and_removed(script: Script, managed: Cluster) -> None:
    assert script.ask("POST", RULES, RULE).status_code == 202
    Operation.objects.all().delete()
    HaRule.objects.create(
        cluster=managed,
        rule="apart",
        type="resource-affinity",
        resources=["ct:101", "vm:100"],
        affinity="negative",
    )
    one = script.ask("GET", APART).json()
    assert (one["affinity"], one["disabled"], one["errors"]) == ("negative", False, None)
    assert script.ask("GET", f"{RULES}?type=node-affinity").json()["results"] == []
    same = script.ask("PATCH", APART, {"resources": ["vm:100", "ct:101"]})
    assert same.json()["code"] == "ha-already-so"
    assert script.ask("PATCH", APART, {"disabled": True}).status_code == 202
    Operation.objects.all().delete()
    assert script.ask("DELETE", APART).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", RESOURCES, NEW | {"cluster": "nowhere"}, 404, "unknown-cluster"),
        ("POST", RESOURCES, NEW | {"sid": "vm:777"}, 404, "unknown-guest"),
        ("POST", RESOURCES, NEW | {"sid": "100"}, 400, "malformed"),
        ("POST", RESOURCES, NEW | {"group": "g1"}, 400, "unknown-field"),
        ("POST", RESOURCES, NEW | {"max_restart": "2"}, 400, "malformed"),
        ("POST", RESOURCES, NEW, 409, "ha-already-managed"),
        ("PATCH", f"{RESOURCES}clusterubd/vm:777/", {"state": "stopped"}, 404, "ha-not-managed"),
        ("PATCH", ONE, {}, 422, "ha-nothing-to-change"),
        ("DELETE", f"{RULES}clusterubd/none/", None, 404, "ha-rule-unknown"),
        ("POST", RULES, RULE | {"nodes": ["master"]}, 422, "ha-rule-foreign-setting"),
        ("POST", RULES, RULE | {"resources": ["vm:100"]}, 409, "ha-rule-conflict"),
    ],
)
def test_each_no_has_its_status(
    script: Script, managed: Cluster, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = script.ask(method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer.json()["remedy"]


def test_only_administrators_disarm(
    script: Script, administrator: Script, managed: Cluster, hal: User
) -> None:
    wish = {"armed": False, "resource_mode": "ignore"}
    assert script.ask("PATCH", STATUS, wish).status_code == 403
    assert Script(hal).ask("POST", RESOURCES, NEW).status_code == 403
    assert Script(hal).ask("GET", STATUS).json()["armed_state"] == "armed"
    plan = administrator.ask("PATCH", STATUS, wish | {"dry_run": True}).json()
    assert [each["code"] for each in plan["warnings"]] == ["ha-disarm-ignores"]
    answer = administrator.ask("PATCH", STATUS, wish)
    assert (answer.status_code, answer.json()["kind"]) == (202, "disarm_ha")
    armed = administrator.ask("PATCH", STATUS, {"armed": True})
    assert armed.status_code == 409
