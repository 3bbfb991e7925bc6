"""Reaching nodes over ssh: confirmed first, tried on each node, recorded only when it held."""

from __future__ import annotations

import asyncssh
import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.accounts.vault import seal, unseal
from hapanel.audit.models import Entry
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.operations import machine
from hapanel.operations.add_cluster import request_add_cluster
from hapanel.operations.models import Operation, SealedSecret, State
from hapanel.operations.privileges import NEEDS
from hapanel.operations.ssh_access import request_ssh_access
from hapanel.operations.wishes import Asker, NewCluster, SshWish, Via
from hapanel.ports.node_shell import HostKey
from hapanel.ports.ssh_errors import (
    ScriptMissing,
)
from nodes.models import Cluster, SshAccess
from tests.fake_cluster import FakeCluster, FakeDoors

PRIVATE = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
LOCKED = (
    asyncssh.generate_private_key("ssh-ed25519")
    .export_private_key("openssh", passphrase="hush", rounds=1)
    .decode()
)
KEYS = {
    node: HostKey(key=f"ssh-ed25519 {letter * 8}", fingerprint=f"SHA256:{letter * 43}")
    for node, letter in (("master", "a"), ("slave", "b"))
}
PRINTS = tuple(key.fingerprint for key in KEYS.values())
WISH = SshWish(user="hapanel", private_key=PRIVATE, port=2222)
CONFIRMED = SshWish(user="hapanel", private_key=PRIVATE, port=2222, host_keys=PRINTS)


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada)


@pytest.fixture
def doors() -> FakeDoors:
    proxmox = FakeCluster(VirtualClock(timezone.now()))
    proxmox.rights = {"/": {need.privilege: True for need in NEEDS}}
    doors = FakeDoors(proxmox)
    doors.host_keys = dict(KEYS)
    return doors


def run(operation: Operation, doors: FakeDoors) -> Operation:
    doors.cluster.clock.advance(1)
    machine.carry_on(operation.pk, doors, doors.cluster.clock)
    operation.refresh_from_db()
    return operation


def code(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


def test_first_contact_shows_every_fingerprint_and_records_nothing(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    operation = run(request_ssh_access(clusterubd, WISH, by_ada), doors)
    assert operation.state == State.FAILED
    assert code(operation) == "ssh-host-keys-not-confirmed"
    assert operation.outcome is not None
    assert operation.outcome["params"]["seen"] == {n: k.fingerprint for n, k in KEYS.items()}
    assert not SshAccess.objects.exists()
    assert not SealedSecret.objects.exists()


def test_confirmed_keys_are_pinned_and_the_private_one_is_sealed(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    operation = run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome
    access = SshAccess.objects.get(cluster=clusterubd)
    assert (access.user, access.port, access.is_on) == ("hapanel", 2222, True)
    assert access.host_keys["slave"]["fingerprint"] == PRINTS[1]
    assert unseal(access.encrypted_key) == PRIVATE
    assert PRIVATE[40:80] not in str(operation.params) + str(operation.memo)


def test_a_changed_host_key_needs_another_confirmation(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)
    other = HostKey(key="ssh-ed25519 cccc", fingerprint="SHA256:" + "c" * 43)
    doors.host_keys["slave"] = other
    again = run(request_ssh_access(clusterubd, SshWish(), by_ada), doors)
    assert code(again) == "ssh-host-keys-not-confirmed"
    access = SshAccess.objects.get(cluster=clusterubd)
    assert access.host_keys["slave"]["fingerprint"] == PRINTS[1]
    confirmed = SshWish("hapanel", host_keys=(other.fingerprint,), port=2222)
    assert run(request_ssh_access(clusterubd, confirmed, by_ada), doors).state == State.SUCCEEDED
    access.refresh_from_db()
    assert access.host_keys["slave"]["fingerprint"] == other.fingerprint
    assert unseal(access.encrypted_key) == PRIVATE


def test_a_node_that_is_away_is_left_out_and_one_that_works_is_enough(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    del doors.host_keys["slave"]
    operation = run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)
    assert operation.state == State.SUCCEEDED
    codes = list(operation.timeline.values_list("code", flat=True))
    assert "ssh_node_left_out" in codes
    assert set(SshAccess.objects.get().host_keys) == {"master"}


def test_without_the_script_anywhere_it_fails_with_the_remedy(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    doors.ssh_errors = {node: ScriptMissing("bash: version: not found") for node in KEYS}
    assert code(run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)) == (
        "ssh-script-missing"
    )


def test_ssh_is_switched_off_and_on_again_without_the_key(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)
    tried = len(doors.ssh_tried)
    off = run(request_ssh_access(clusterubd, SshWish(is_on=False), by_ada), doors)
    assert off.state == State.SUCCEEDED
    assert not SshAccess.objects.get().is_on
    assert len(doors.ssh_tried) == tried
    run(request_ssh_access(clusterubd, SshWish(), by_ada), doors)
    assert SshAccess.objects.get().is_on


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (SshWish("root; rm", PRIVATE), "ssh_user"),
        (SshWish("", PRIVATE), "ssh_user"),
        (SshWish("root", "no key at all"), "ssh_key"),
        (SshWish("root", LOCKED), "ssh_key"),
        (SshWish("root", ""), "ssh_key"),
        (SshWish("root", PRIVATE, port=70000), "ssh_port"),
        (SshWish("root", PRIVATE, host_keys=("MD5:aa:bb",)), "ssh_host_keys"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(
    clusterubd: Cluster, by_ada: Asker, wish: SshWish, field: str
) -> None:
    with pytest.raises(Refused) as refused:
        request_ssh_access(clusterubd, wish, by_ada)
    assert [refusal.field for refusal in refused.value.refusals] == [field]


def test_a_new_cluster_is_added_with_ssh(by_ada: Asker, doors: FakeDoors, db: None) -> None:
    new = NewCluster(
        name="campus",
        addresses=("https://127.0.42.20:8006",),
        token_id="panel@pve!ops",
        token_secret="11111111-2222-3333-4444-555555555555",
        fingerprint="AA:" * 31 + "AA",
        ssh=WISH,
    )
    operation = run(request_add_cluster(new, by_ada), doors)
    assert code(operation) == "ssh-host-keys-not-confirmed"
    assert not Cluster.objects.exists()
    confirmed = NewCluster(**{**vars(new), "ssh": CONFIRMED})
    operation = run(request_add_cluster(confirmed, by_ada), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome
    access = SshAccess.objects.get(cluster__name="campus")
    assert unseal(access.encrypted_key) == PRIVATE


# The settings page


def test_ada_sets_ssh_up_from_the_settings(as_ada: Client, clusterubd: Cluster) -> None:
    page = as_ada.get("/settings/clusters/clusterubd/").content.decode()
    assert "not observed" in page
    told = {"ssh_user": "root", "ssh_port": "22", "ssh_key": PRIVATE, "ssh_host_keys": ""}
    answer = as_ada.post("/settings/clusters/clusterubd/ssh/", told)
    operation = Operation.objects.get()
    assert answer.headers["Location"] == operation.get_absolute_url()
    wrong = as_ada.post("/settings/clusters/clusterubd/ssh/", told | {"ssh_port": "no"})
    assert wrong.status_code == 422


def test_the_form_comes_filled_with_the_keys_that_were_shown(
    as_ada: Client, clusterubd: Cluster, by_ada: Asker, doors: FakeDoors
) -> None:
    operation = run(request_ssh_access(clusterubd, WISH, by_ada), doors)
    page = as_ada.get(operation.get_absolute_url()).content.decode()
    for fingerprint in PRINTS:
        assert fingerprint in page
    there = f"/settings/clusters/clusterubd/?from={operation.pk}"
    assert there in page
    form = as_ada.get(there).content.decode()
    for fingerprint in PRINTS:
        assert fingerprint in form
    assert PRIVATE[40:80] not in page + form


def test_an_operator_sees_ssh_and_changes_nothing(as_oda: Client, clusterubd: Cluster) -> None:
    SshAccess.objects.create(
        cluster=clusterubd, user="hapanel", encrypted_key=seal(PRIVATE), host_keys={}
    )
    page = as_oda.get("/settings/clusters/clusterubd/").content.decode()
    assert "not asked yet" in page
    assert "Switch ssh off" not in page
    assert as_oda.post("/settings/clusters/clusterubd/ssh/", {"off": "1"}).status_code == 403


KEY = "/settings/clusters/clusterubd/ssh/key/"


def test_the_panel_makes_its_own_key_and_is_let_in_with_it(
    as_ada: Client, clusterubd: Cluster, doors: FakeDoors
) -> None:
    assert as_ada.post(KEY)["Location"] == "/settings/clusters/clusterubd/#ssh"
    access = SshAccess.objects.get()
    assert not access.is_on
    private = unseal(access.encrypted_key)
    public = asyncssh.import_private_key(private).export_public_key().decode().split()[:2]
    page = as_ada.get("/settings/clusters/clusterubd/").content.decode()
    assert "/usr/local/sbin/hapanel-node-command /usr/sbin /usr/bin" in page
    assert " ".join(public) in page
    assert private[60:120] not in page
    told = {"ssh_user": "root", "ssh_port": "22", "ssh_key": "", "ssh_host_keys": " ".join(PRINTS)}
    as_ada.post("/settings/clusters/clusterubd/ssh/", told)
    doors.cluster.clock.advance(60)  # pages take a while on a slow machine
    operation = run(Operation.objects.get(), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome
    access = SshAccess.objects.get(is_on=True)
    assert access.public_key.split()[:2] == public
    assert unseal(access.encrypted_key) == private
    assert Entry.objects.filter(action="ssh_key_made", actor="ada").count() == 1
    refused = as_ada.post(KEY)
    assert (refused.status_code, unseal(SshAccess.objects.get().encrypted_key)) == (422, private)
    assert "with a key that works" in refused.content.decode()


def test_a_key_that_never_worked_is_made_anew_and_operators_make_none(
    as_ada: Client, as_oda: Client, clusterubd: Cluster
) -> None:
    assert as_oda.post(KEY).status_code == 403
    as_ada.post(KEY)
    first = SshAccess.objects.get().public_key
    as_ada.post(KEY)
    assert SshAccess.objects.get().public_key != first
    assert (
        "no node was tried with it yet"
        in as_oda.get("/settings/clusters/clusterubd/").content.decode()
    )


def test_a_key_that_was_brought_shows_its_public_half_too(
    clusterubd: Cluster, by_ada: Asker, doors: FakeDoors, as_ada: Client
) -> None:
    run(request_ssh_access(clusterubd, CONFIRMED, by_ada), doors)
    public = asyncssh.import_private_key(PRIVATE).export_public_key().decode().split()[1]
    assert public in as_ada.get("/settings/clusters/clusterubd/").content.decode()


def test_who_adds_a_cluster_with_drbd_is_led_on_to_ssh(as_ada: Client, db: None) -> None:
    told = {
        "name": "campus",
        "addresses": "https://127.0.42.20:8006",
        "token_id": "panel@pve!ops",
        "token_secret": "11111111-2222-3333-4444-555555555555",
        "then_ssh": "on",
    }
    assert (
        "lead on to seeing replication over ssh"
        in as_ada.get("/settings/clusters/add/").content.decode()
    )
    there = as_ada.post("/settings/clusters/add/", told)["Location"]
    assert there.endswith("?follow=ssh")
    Cluster.objects.create(name="campus", addresses=["https://127.0.42.20:8006"])
    Operation.objects.update(state=State.SUCCEEDED)
    assert as_ada.get(there)["Location"] == "/settings/clusters/campus/#ssh"
