"""A migration over REST: asked for once, refused with a remedy, tried out without a trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hapanel.accounts.models import ApiToken, User
from hapanel.audit.models import Entry
from hapanel.operations.models import LogLine, Operation, State, TimelineEntry
from nodes.models import Cluster

URL = "/api/v1/migrations/"
WISH = {"cluster": "clusterubd", "vmid": 100, "target": "slave"}


class Script:
    """A program with a token."""

    def __init__(self, user: User) -> None:
        self.secret = ApiToken.issue(user, "script")[1]
        self.client = Client(enforce_csrf_checks=True)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(
            path,
            body if isinstance(body, str | bytes) else json.dumps(body),
            content_type=headers.pop("content_type", "application/json"),
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.secret}", **headers})


@pytest.fixture
def script(oda: User) -> Script:
    return Script(oda)


def test_a_migration_is_accepted_and_can_be_followed(
    script: Script, clusterubd: Cluster, oda: User
) -> None:
    answer = script.post(URL, WISH)
    assert answer.status_code == 202, answer.content
    found = answer.json()
    assert (found["state"], found["source"], found["target"]) == ("queued", "master", "slave")
    assert (found["vmid"], found["name"], found["requested_by"]) == (100, "siakad", "oda")
    assert answer["Location"].endswith(f"{URL}{found['id']}/")
    operation = Operation.objects.get()
    assert (operation.requested_by, operation.via) == (oda, "api")
    assert script.get(answer["Location"]).json() == found
    assert Entry.objects.filter(actor="oda", operation_id=operation.pk, via="api").exists()


def test_the_same_key_gives_the_same_migration(script: Script, clusterubd: Cluster) -> None:
    key = {"Idempotency-Key": "nightly-7"}
    first = script.post(URL, WISH, **key)
    shuffled = dict(reversed(WISH.items()))
    second = script.post(URL, shuffled, **key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first["Location"] == second["Location"]
    assert Operation.objects.count() == 1


def test_a_key_reused_with_another_body_is_refused(script: Script, clusterubd: Cluster) -> None:
    script.post(URL, WISH, **{"Idempotency-Key": "k"})
    answer = script.post(URL, {**WISH, "vmid": 101}, **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency-key-reused"
    assert Operation.objects.count() == 1


def test_a_key_that_cannot_be_kept_is_malformed(script: Script, clusterubd: Cluster) -> None:
    answer = script.post(URL, WISH, **{"Idempotency-Key": "k" * 201})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-idempotency-key")


def test_a_dry_run_tells_the_plan_and_records_nothing(script: Script, clusterubd: Cluster) -> None:
    answer = script.post(URL, {**WISH, "dry_run": True})
    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["possible"], plan["mode"], plan["source"]) == (True, "online", "master")
    assert plan["refusals"] == []
    assert plan["judged_from"].endswith("Z")
    refused = script.post(URL, {**WISH, "target": "master", "dry_run": True}).json()
    assert refused["possible"] is False
    assert refused["refusals"][0]["code"] == "target-is-source"
    assert refused["refusals"][0]["remedy"]
    assert not Operation.objects.exists()
    assert not Entry.objects.filter(action__contains="migration").exists()


def test_a_second_migration_of_the_guest_is_refused(script: Script, clusterubd: Cluster) -> None:
    script.post(URL, WISH)
    answer = script.post(URL, WISH)
    assert answer.status_code == 409
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "operation-in-progress"
    assert Operation.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"target": "master"}, 409, "target-is-source"),
        ({"target": "mastre"}, 422, "unknown-target"),
        ({"vmid": 999}, 404, "unknown-guest"),
        ({"cluster": "elsewhere"}, 404, "unknown-cluster"),
        ({"vmid": "100"}, 400, "malformed"),
        ({"vmid": True}, 400, "malformed"),
        ({"vmid": 10**30}, 400, "malformed"),
        ({"target": 7}, 400, "malformed"),
        ({"target": "a\u0000b"}, 400, "malformed"),
        ({"target": "\ud800"}, 400, "malformed"),
        ({"mode": "teleport"}, 400, "malformed"),
        ({"mode": ["online"]}, 400, "malformed"),
        ({"with_local_disks": "yes"}, 400, "malformed"),
        ({"bandwidth_limit": -1}, 400, "malformed"),
        ({"bandwidth_limit": 1.5}, 400, "malformed"),
        ({"not_before": "tomorrow"}, 400, "malformed"),
        ({"not_before": "2026-11-23T08:30:00"}, 400, "malformed"),
        ({"dry_run": 1}, 400, "malformed"),
        ({"taget": "slave"}, 400, "unknown-field"),
        ({"vmid": None}, 400, "malformed"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(
    script: Script, clusterubd: Cluster, change: dict[str, Any], status: int, code: str
) -> None:
    answer = script.post(URL, {**WISH, **change})
    found = answer.json()
    assert (answer.status_code, found["code"]) == (status, code), found
    assert found["status"] == status
    assert found["because"]
    assert found["remedy"]
    assert found["detail"] == found["because"]
    assert found["type"].endswith(f"#{code}")
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "not-json"),
        ("[]", 400, "malformed"),
        ('"text"', 400, "malformed"),
        ("null", 400, "malformed"),
        ("", 400, "malformed"),
        ('{"vmid": NaN}', 400, "not-json"),
        (b"\xff\xfe", 400, "not-json"),
        ("[" * 60_000, 400, "not-json"),
        ("{" + '"a":1,' * 20_000 + '"b":2}', 413, "too-large"),
    ],
)
def test_a_body_that_is_no_json_object_is_a_problem_too(
    script: Script, clusterubd: Cluster, body: str | bytes, status: int, code: str
) -> None:
    answer = script.post(URL, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_no_quorum_refuses(script: Script, clusterubd: Cluster) -> None:
    Cluster.objects.update(quorate=False)
    answer = script.post(URL, WISH)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-quorum")


def test_reasons_are_in_the_language_of_the_caller(script: Script, clusterubd: Cluster) -> None:
    wish = {**WISH, "target": "master"}
    english = script.post(URL, wish, **{"Accept-Language": "en"})
    indonesian = script.post(URL, wish, **{"Accept-Language": "id"})
    assert english["Content-Language"] == "en"
    assert indonesian["Content-Language"] == "id"
    assert english.json()["code"] == indonesian.json()["code"]


def test_hal_cannot_migrate_nor_try(hal: User, clusterubd: Cluster) -> None:
    script = Script(hal)
    for wish in (WISH, {**WISH, "dry_run": True}):
        answer = script.post(URL, wish)
        assert (answer.status_code, answer.json()["code"]) == (403, "role-lacks-permission")
    assert not Operation.objects.exists()
    assert script.get(URL).status_code == 200


def test_not_before_waits_as_scheduled(script: Script, clusterubd: Cluster) -> None:
    answer = script.post(URL, {**WISH, "not_before": "2036-11-23T15:30:00+07:00"})
    assert answer.json()["state"] == "scheduled"
    assert answer.json()["not_before"] == "2036-11-23T08:30:00Z"


def test_a_waiting_migration_is_cancelled_at_once(script: Script, clusterubd: Cluster) -> None:
    made = script.post(URL, WISH).json()
    answer = script.post(f"{URL}{made['id']}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    again = script.post(f"{URL}{made['id']}/cancel/")
    assert again.status_code in {202, 409}


def test_hal_cannot_cancel(script: Script, hal: User, clusterubd: Cluster) -> None:
    made = script.post(URL, WISH).json()
    assert Script(hal).post(f"{URL}{made['id']}/cancel/").status_code == 403


def test_a_failed_migration_carries_cause_remedy_and_log(
    script: Script, clusterubd: Cluster
) -> None:
    made = script.post(URL, WISH).json()
    operation = Operation.objects.get(pk=made["id"])
    operation.state = State.FAILED
    operation.upid = "UPID:master:00000001:00000001:6560A1B2:qmigrate:100:root@pam:"
    operation.outcome = {
        "code": "migration-failed",
        "because": "Proxmox says: %(error)s",
        "remedy": "Look at the log.",
        "params": {"error": "migration aborted"},
    }
    operation.save()
    LogLine.objects.create(operation=operation, n=1, text="migration aborted")
    TimelineEntry.objects.create(operation=operation, code="requested", params={"actor": "oda"})
    found = script.get(f"{URL}{made['id']}/").json()
    assert (found["state"], found["code"]) == ("failed", "migration-failed")
    assert found["because"] == "Proxmox says: migration aborted"
    assert found["log"] == ["migration aborted"]
    assert found["upid"] == operation.upid
    assert found["timeline"][0]["text"]
    assert {"percent", "transferred_bytes", "total_bytes", "rate", "eta_seconds"} <= set(found)
    assert {"downtime_ms", "client_downtime_ms", "forecast_seconds"} <= set(found)
    listed = script.get(f"{URL}?state=failed&cluster=clusterubd&vmid=100").json()["results"]
    assert listed == [found]
    assert script.get("/api/v1/operations/").json()["results"][0]["id"] == made["id"]


def test_following_a_list_of_migrations_costs_few_queries(
    script: Script, clusterubd: Cluster, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        operation = Operation.objects.create(
            kind="migrate",
            cluster=clusterubd,
            vmid=100,
            state=State.SUCCEEDED,
            subject="100 siakad",
        )
        TimelineEntry.objects.create(operation=operation, code="requested")
        LogLine.objects.create(operation=operation, n=number, text="a line")
    with django_assert_max_num_queries(7):
        script.get(URL)
