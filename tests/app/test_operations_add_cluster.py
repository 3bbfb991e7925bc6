"""Adding a cluster: tried in a worker, recorded only when everything held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.accounts.vault import unseal
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.operations import machine
from hapanel.operations.add_cluster import normal_fingerprint, request_add_cluster
from hapanel.operations.cancel import request_cancel
from hapanel.operations.models import Operation, SealedSecret, State
from hapanel.operations.privileges import NEEDS
from hapanel.operations.wishes import Asker, NewCluster, Via
from hapanel.ports.errors import (
    CertificateMismatch,
    ClusterError,
    Garbage,
    PermissionMissing,
    SignInRefused,
    Unreachable,
)
from nodes.models import Cluster, Mode
from tests.fake_cluster import FakeCluster, FakeDoors, refuse

MASTER = "https://127.0.42.20:8006"
SLAVE = "https://127.0.42.21:8006"
FINGERPRINT = "AA:" * 31 + "AA"
SECRET = "11111111-2222-3333-4444-555555555555"
CAMPUS = NewCluster(
    name="campus",
    addresses=(MASTER,),
    token_id="panel@pve!ops",
    token_secret=SECRET,
    fingerprint=FINGERPRINT,
)
ALL = {need.privilege: True for need in NEEDS}


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada)


@pytest.fixture
def proxmox() -> FakeCluster:
    cluster = FakeCluster(VirtualClock(timezone.now()))
    cluster.rights = {"/": ALL}
    return cluster


@pytest.fixture
def doors(proxmox: FakeCluster) -> FakeDoors:
    return FakeDoors(proxmox)


def run(operation: Operation, doors: FakeDoors) -> Operation:
    doors.cluster.clock.advance(1)
    machine.carry_on(operation.pk, doors, doors.cluster.clock)
    operation.refresh_from_db()
    return operation


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


def test_a_cluster_is_recorded_once_everything_held(by_ada: Asker, doors: FakeDoors) -> None:
    operation = run(request_add_cluster(CAMPUS, by_ada), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome
    cluster = Cluster.objects.get(name="campus")
    assert operation.cluster == cluster
    assert (cluster.mode, cluster.missing_privileges) == (Mode.OPERATE, [])
    assert cluster.pve_version == "9.2.11"
    assert unseal(cluster.encrypted_secret) == SECRET
    assert not SealedSecret.objects.exists()


def test_the_other_node_is_found_with_its_fingerprint(by_ada: Asker, doors: FakeDoors) -> None:
    run(request_add_cluster(CAMPUS, by_ada), doors)
    cluster = Cluster.objects.get(name="campus")
    assert cluster.found_addresses == [SLAVE]
    assert cluster.fingerprints == {MASTER: FINGERPRINT, SLAVE: "BB:" * 31 + "BB"}


def test_a_ca_vouches_for_every_node(by_ada: Asker, doors: FakeDoors) -> None:
    doors.matches_ca = True
    run(request_add_cluster(replace(CAMPUS, ca_pem="PEM", fingerprint=""), by_ada), doors)
    cluster = Cluster.objects.get(name="campus")
    assert (cluster.ca_pem, cluster.fingerprints) == ("PEM", {})
    assert cluster.found_addresses == [SLAVE]


def test_without_a_confirmed_certificate_the_token_never_leaves(
    by_ada: Asker, doors: FakeDoors
) -> None:
    operation = run(request_add_cluster(replace(CAMPUS, fingerprint=""), by_ada), doors)
    assert outcome(operation) == "certificate-not-confirmed"
    assert operation.outcome is not None
    assert operation.outcome["params"]["seen"] == FINGERPRINT
    assert doors.endpoints == []
    assert not Cluster.objects.exists()
    assert not SealedSecret.objects.exists()


def test_the_secret_is_in_no_record(by_ada: Asker, doors: FakeDoors) -> None:
    operation = request_add_cluster(CAMPUS, by_ada)
    assert SECRET not in str(operation.params)
    assert SECRET not in operation.secret.encrypted
    assert SECRET not in repr(CAMPUS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("no such host name"), "address-no-such-host"),
        (Unreachable("TLS failed: WRONG_VERSION_NUMBER"), "address-not-https"),
        (Unreachable("connection refused"), "address-no-answer"),
        (CertificateMismatch("the recorded CA is not readable: no PEM"), "ca-unreadable"),
    ],
)
def test_which_part_of_the_way_is_wrong(
    by_ada: Asker, doors: FakeDoors, error: ClusterError, code: str
) -> None:
    doors.certificate_error = error
    assert outcome(run(request_add_cluster(CAMPUS, by_ada), doors)) == code


def test_another_fingerprint_than_the_given_one(by_ada: Asker, doors: FakeDoors) -> None:
    other = replace(CAMPUS, fingerprint="CC:" * 31 + "CC")
    assert outcome(run(request_add_cluster(other, by_ada), doors)) == (
        "certificate-other-fingerprint"
    )
    assert doors.endpoints == []


def test_a_certificate_of_another_ca(by_ada: Asker, doors: FakeDoors) -> None:
    doors.matches_ca = False
    new = replace(CAMPUS, ca_pem="PEM", fingerprint="")
    assert outcome(run(request_add_cluster(new, by_ada), doors)) == "certificate-not-from-ca"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SignInRefused("Authentication failed!", status=401), "token-wrong"),
        (Garbage("the answer is HTML"), "not-proxmox"),
        (PermissionMissing("Permission check failed", status=403), "token-may-not-look"),
    ],
)
def test_what_is_wrong_behind_the_address(
    by_ada: Asker, doors: FakeDoors, proxmox: FakeCluster, error: ClusterError, code: str
) -> None:
    proxmox.before = refuse("membership", error)
    assert outcome(run(request_add_cluster(CAMPUS, by_ada), doors)) == code


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.privilege)
def test_each_missing_privilege_is_named(
    by_ada: Asker, doors: FakeDoors, proxmox: FakeCluster, need: object
) -> None:
    name = need.privilege  # type: ignore[attr-defined]
    proxmox.rights = {"/": {privilege: True for privilege in ALL if privilege != name}}
    operation = run(request_add_cluster(CAMPUS, by_ada), doors)
    if need.is_vital:  # type: ignore[attr-defined]
        assert outcome(operation) == "token-lacks-privileges"
        assert operation.outcome is not None
        assert operation.outcome["params"]["privileges"] == name
        assert not Cluster.objects.exists()
    else:
        assert Cluster.objects.get().missing_privileges == [name]


def test_an_auditor_s_token_gives_a_cluster_to_watch(
    by_ada: Asker, doors: FakeDoors, proxmox: FakeCluster
) -> None:
    proxmox.rights = {"/": {"Sys.Audit": True, "VM.Audit": True, "Datastore.Audit": True}}
    run(request_add_cluster(CAMPUS, by_ada), doors)
    cluster = Cluster.objects.get()
    assert cluster.mode == Mode.WATCH
    assert "VM.Migrate" in cluster.missing_privileges


def test_the_same_name_or_address_is_refused(clusterubd: Cluster, by_ada: Asker) -> None:
    with pytest.raises(Refused) as refused:
        request_add_cluster(replace(CAMPUS, name="clusterubd"), by_ada)
    assert refused.value.refusals[0].code == "cluster-exists"
    with pytest.raises(Refused) as refused:
        request_add_cluster(CAMPUS, by_ada)
    assert refused.value.refusals[0].code == "address-taken"


def test_the_same_cluster_behind_another_address_is_found_out(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    doors.fingerprints["https://pve.example.org:8006"] = FINGERPRINT
    new = replace(CAMPUS, addresses=("https://pve.example.org",))
    assert outcome(run(request_add_cluster(new, by_ada), doors)) == "same-cluster"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": "campus\n"}, "name"),
        ({"addresses": ("http://pve1",)}, "addresses"),
        ({"addresses": ()}, "addresses"),
        ({"token_id": "root@pam"}, "token_id"),
        ({"token_id": "panel@pve!ha\n"}, "token_id"),
        ({"token_secret": ""}, "token_id"),
        ({"fingerprint": "AA:BB"}, "fingerprint"),
    ],
)
def test_what_was_typed_wrong_is_a_field_error(
    by_ada: Asker, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        request_add_cluster(replace(CAMPUS, **change), by_ada)  # type: ignore[arg-type]
    assert [(r.field, r.status) for r in refused.value.refusals] == [(field, 422)]
    assert not Operation.objects.exists()


def test_a_fingerprint_is_read_in_any_usual_writing() -> None:
    assert normal_fingerprint("sha256:" + "aa" * 32) == FINGERPRINT
    assert normal_fingerprint(" " + FINGERPRINT.lower() + " ") == FINGERPRINT


def test_a_trial_can_be_cancelled_in_the_middle(
    by_ada: Asker, doors: FakeDoors, proxmox: FakeCluster
) -> None:
    operation = request_add_cluster(CAMPUS, by_ada)

    def cancel(name: str) -> None:
        if name == "permissions":
            request_cancel(Operation.objects.get(pk=operation.pk), by_ada)

    proxmox.before = cancel
    assert run(operation, doors).state == State.CANCELLED
    assert not Cluster.objects.exists()
    assert not SealedSecret.objects.exists()


def test_a_worker_that_dies_while_recording_records_once(
    by_ada: Asker, doors: FakeDoors, proxmox: FakeCluster
) -> None:
    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == "permissions":
            raise Killed

    operation = request_add_cluster(CAMPUS, by_ada)
    proxmox.before = kill
    with pytest.raises(Killed):
        run(operation, doors)
    proxmox.before = lambda name: None
    proxmox.clock.advance(10)
    assert run(operation, doors).state == State.SUCCEEDED
    assert Cluster.objects.count() == 1
