"""Changing how a cluster is reached: tried first, recorded only when everything held."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.accounts.vault import seal, unseal
from hapanel.audit.models import Entry
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.operations import machine
from hapanel.operations.change_cluster import request_change_cluster
from hapanel.operations.models import Operation, SealedSecret, State
from hapanel.operations.privileges import NEEDS
from hapanel.operations.wishes import Asker, ClusterChange, Via
from hapanel.ports.errors import SignInRefused, Unreachable
from nodes.models import Cluster, Mode
from tests.fake_cluster import FakeCluster, FakeDoors, refuse

MASTER = "https://127.0.42.20:8006"
FINGERPRINT = "AA:" * 31 + "AA"
NEW_SECRET = "99999999-8888-7777-6666-555555555555"
NEW_TOKEN = ClusterChange(token_id="panel@pve!second", token_secret=NEW_SECRET)


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada)


@pytest.fixture
def proxmox() -> FakeCluster:
    cluster = FakeCluster(VirtualClock(timezone.now()))
    cluster.rights = {"/": {need.privilege: True for need in NEEDS}}
    return cluster


@pytest.fixture
def doors(proxmox: FakeCluster) -> FakeDoors:
    return FakeDoors(proxmox)


@pytest.fixture
def recorded(clusterubd: Cluster) -> Cluster:
    clusterubd.addresses = [MASTER]
    clusterubd.fingerprints = {MASTER: FINGERPRINT}
    clusterubd.encrypted_secret = seal("the-former-secret")
    clusterubd.mode = Mode.WATCH
    clusterubd.missing_privileges = ["VM.Migrate"]
    clusterubd.save()
    return clusterubd


def run(operation: Operation, doors: FakeDoors) -> Operation:
    doors.cluster.clock.advance(1)
    machine.carry_on(operation.pk, doors, doors.cluster.clock)
    operation.refresh_from_db()
    return operation


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


def test_another_token_is_recorded_once_it_was_tried(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    operation = request_change_cluster(recorded, NEW_TOKEN, by_ada)
    recorded.refresh_from_db()
    assert recorded.token_id == "panel@pve!ops"
    assert run(operation, doors).state == State.SUCCEEDED, operation.outcome
    recorded.refresh_from_db()
    assert recorded.token_id == "panel@pve!second"
    assert unseal(recorded.encrypted_secret) == NEW_SECRET
    assert (recorded.mode, recorded.missing_privileges) == (Mode.OPERATE, [])
    assert recorded.name == "clusterubd"
    assert not SealedSecret.objects.exists()
    actions = Entry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["cluster_change_requested", "cluster_change_ended"]


def test_a_wrong_token_leaves_the_record_as_it_is(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    doors.cluster.before = refuse("version", SignInRefused("no such token", status=401))
    operation = run(request_change_cluster(recorded, NEW_TOKEN, by_ada), doors)
    assert (operation.state, outcome(operation)) == (State.FAILED, "token-wrong")
    recorded.refresh_from_db()
    assert recorded.token_id == "panel@pve!ops"
    assert unseal(recorded.encrypted_secret) == "the-former-secret"


def test_an_address_that_does_not_answer_changes_nothing(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    doors.cluster.before = refuse("version", Unreachable("no route"))
    moved = ClusterChange(addresses=("127.0.42.21",))
    operation = run(request_change_cluster(recorded, moved, by_ada), doors)
    assert operation.state == State.FAILED
    recorded.refresh_from_db()
    assert recorded.addresses == [MASTER]


def test_the_known_certificate_needs_no_new_confirmation(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    rotated = ClusterChange(token_secret=NEW_SECRET)
    operation = run(request_change_cluster(recorded, rotated, by_ada), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome


def test_an_unknown_certificate_gets_no_token(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    recorded.fingerprints = {MASTER: "BB:" * 31 + "BB"}
    recorded.save()
    operation = run(request_change_cluster(recorded, NEW_TOKEN, by_ada), doors)
    assert outcome(operation) == "certificate-not-confirmed"
    assert doors.cluster.calls == 0


def test_another_cluster_does_not_slip_in(
    recorded: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    Cluster.objects.update(pve_name="elsewhere")
    operation = run(request_change_cluster(recorded, NEW_TOKEN, by_ada), doors)
    assert outcome(operation) == "other-cluster"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (ClusterChange(), "nothing-to-change"),
        (ClusterChange(token_id="panel@pve!second"), "token-secret-needed"),
        (ClusterChange(token_id="second", token_secret="x"), "invalid-token-id"),
        (ClusterChange(addresses=("ftp://pve1",)), "invalid-address"),
        (ClusterChange(fingerprint="AA"), "invalid-fingerprint"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    recorded: Cluster, by_ada: Asker, change: ClusterChange, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        request_change_cluster(recorded, change, by_ada)
    assert [refusal.code for refusal in refused.value.refusals] == [code]
    assert not Operation.objects.exists()


def test_two_changes_at_once_are_refused(recorded: Cluster, by_ada: Asker) -> None:
    request_change_cluster(recorded, NEW_TOKEN, by_ada)
    with pytest.raises(Refused, match="cluster-being-changed"):
        request_change_cluster(recorded, NEW_TOKEN, by_ada)


def test_only_an_administrator_changes_a_cluster_over_rest(
    recorded: Cluster, as_ada: Client, as_oda: Client
) -> None:
    where = "/api/v1/clusters/clusterubd/"
    body = {"token_id": NEW_TOKEN.token_id, "token_secret": NEW_SECRET}
    assert as_oda.patch(where, body, content_type="application/json").status_code == 403
    answer = as_ada.patch(where, body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert (answer.json()["kind"], answer.json()["state"]) == ("change_cluster", "queued")
    assert NEW_SECRET not in answer.content.decode()
    page = as_ada.get(f"/operations/{answer.json()['id']}/")
    assert page.status_code == 200
    assert NEW_SECRET not in page.content.decode()


def test_a_cluster_is_removed_once_nothing_is_open(recorded: Cluster, as_ada: Client) -> None:
    where = "/api/v1/clusters/clusterubd/"
    waiting = Operation.objects.create(kind="migrate", cluster=recorded, vmid=100)
    answer = as_ada.delete(where)
    assert (answer.status_code, answer.json()["code"]) == (409, "cluster-busy")
    Operation.objects.filter(pk=waiting.pk).update(state=State.NEEDS_ATTENTION)
    assert as_ada.delete(where).status_code == 409, "nobody knows yet how it ended"
    Operation.objects.filter(pk=waiting.pk).update(state=State.FAILED)
    assert as_ada.delete(where).status_code == 204
    assert as_ada.get(where).status_code == 404
    assert Entry.objects.filter(action="cluster_removed", actor="ada", via="api").exists()
