"""Split brain with guests on both sides: the loser's are stopped, copied, brought back and started.

Whatever happens before anything is given up, they run again where they ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.operations.cancel import request_cancel
from hapanel.operations.models import Operation, State
from hapanel.operations.split_brain import SplitBrainWish, request_split_brain
from hapanel.operations.wishes import Asker, Via
from hapanel.operations.work import Work
from hapanel.ports.cluster import GuestConfig, GuestDisk, HaService, StorageConfig
from hapanel.ports.errors import ServerFault, Unreachable
from hapanel.ports.node_shell import OrderAnswer
from nodes.models import Cluster, Storage
from tests.app.recovery_stage import (
    AS_BEFORE,
    DISCARD,
    GIVING_UP,
    WAY,
    Killed,
    codes,
    parted_nodes,
    run,
)
from tests.fake_cluster import FakeCluster
from tests.fake_nodes import FakeNodes, record_replication
from vms.models import Guest
from vms.models import GuestDisk as DiskRecord

PAGE = "/clusters/clusterubd/replication/rs/split-brain/"
ACTIONS = "/api/v1/drbd-resources/clusterubd/rs/actions/"
GIB = 1024**3
RIGHTS = dict.fromkeys(
    ("VM.Backup", "VM.PowerMgmt", "VM.Migrate", "Datastore.AllocateSpace", "Sys.Console"), True
)


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada)


@pytest.fixture
def nodes(clusterubd: Cluster) -> FakeNodes:
    """100 runs on master, 101 on slave; each node has a directory for backups."""
    nodes = parted_nodes()
    record_replication(clusterubd, nodes, {100: "master", 101: "slave"})
    DiskRecord.objects.filter(guest__vmid=100).update(size=40 * GIB)
    DiskRecord.objects.filter(guest__vmid=101).update(size=32 * GIB, key="rootfs")
    for node in ("master", "slave"):
        add_storage(clusterubd, "local", node, free=77)
    return nodes


def add_storage(cluster: Cluster, name: str, node: str, *, free: int, shared: bool = False) -> None:
    Storage.objects.create(
        cluster=cluster,
        storage=name,
        node=node,
        type="dir",
        status="available",
        content="iso,backup",
        total=free * GIB,
        used=0,
        shared=shared,
    )


@pytest.fixture
def nas(clusterubd: Cluster) -> None:
    for node in ("master", "slave"):
        add_storage(clusterubd, "nas", node, free=5000, shared=True)


@pytest.fixture
def pve() -> FakeCluster:
    """Both guests under HA."""
    pve = FakeCluster(VirtualClock(timezone.now()), ha=True)
    pve.nodes[101] = "slave"
    pve.rights = {"/": RIGHTS}
    pve.ha_config = {
        sid: HaService(sid=sid, node=None, state="started") for sid in ("vm:100", "ct:101")
    }
    return pve


@pytest.fixture
def plain(pve: FakeCluster, clusterubd: Cluster, nodes: FakeNodes) -> FakeCluster:
    """The same without HA."""
    pve.ha_states, pve.ha_config = {}, {}
    Guest.objects.filter(cluster=clusterubd).update(ha_state="")
    return pve


Ask = Callable[..., Operation]


@pytest.fixture
def ask(clusterubd: Cluster, by_ada: Asker, nodes: FakeNodes) -> Ask:
    def asked(victim: str = "slave", confirm: str = "slave", copy_to: str = "") -> Operation:
        wish = SplitBrainWish(clusterubd, "rs", victim, confirm, copy_to=copy_to)
        return request_split_brain(wish, by_ada)

    return asked


def recover(operation: Operation, nodes: FakeNodes, pve: FakeCluster) -> Operation:
    return run(operation, nodes, seconds=900, cluster=pve)


HELD_HERE = [("ha_stopped", 101), ("back_up", 101), ("restore", 101), ("ha_started", 101)]
PLAIN = [("shut_down", 101), ("back_up", 101), ("restore", 101), ("start_guest", 101)]


def test_a_copy_on_the_loser_alone_is_restored_there_after_the_resync(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    operation = recover(ask(), nodes, pve)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert (pve.acts, nodes.sent) == (HELD_HERE, WAY)
    assert (pve.statuses[101], pve.nodes[101], pve.ha_states[101]) == (
        "running",
        "slave",
        "started",
    )
    told = codes(operation)
    assert told.index("split_brain_activate") < told.index("split_brain_restore")
    assert operation.memo["guests"]["101"]["volid"] == "local:backup/vzdump-101-0.zst"
    kept = operation.timeline.get(code="split_brain_kept")
    assert kept.params["copies"] == "local:backup/vzdump-101-0.zst"


@pytest.mark.usefixtures("nas")
def test_a_shared_copy_is_restored_on_the_survivor_while_the_resync_runs(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    operation = recover(ask(), nodes, pve)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert (pve.nodes[101], pve.statuses[101]) == ("master", "running")
    assert [post[:2] for post in pve.posts] == [("slave", 101)]
    told = codes(operation)
    assert told.index("split_brain_start") < told.index("split_brain_sync")


def test_guests_that_ha_does_not_have_are_shut_down_and_started(
    ask: Ask, nodes: FakeNodes, plain: FakeCluster
) -> None:
    operation = recover(ask(), nodes, plain)
    assert (operation.state, plain.acts) == (State.SUCCEEDED, PLAIN)


@pytest.mark.usefixtures("nas")
@pytest.mark.parametrize("commits", range(2, 30, 4))
def test_a_worker_killed_after_any_commit_is_taken_up_and_nothing_is_sent_twice(
    ask: Ask,
    nodes: FakeNodes,
    plain: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    commits: int,
) -> None:
    operation, left, real = ask(), [commits], Work.commit

    def commit(work: Work, *notes: Any, **changes: Any) -> None:
        real(work, *notes, **changes)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(Work, "commit", commit)
    operation = recover(operation, nodes, plain)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert (plain.acts, nodes.sent) == (PLAIN, WAY)
    assert len(plain.posts) == 1


@pytest.mark.usefixtures("nas")
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("shut_down", "killed after"),
        ("back_up", "killed after"),
        ("migrate", "answer lost"),
        ("restore", "killed after"),
        ("restore", "killed before"),
        ("start_guest", "answer lost"),
        ("back_up", "not reached"),
    ],
)
def test_a_request_whose_fate_is_not_known_is_looked_for_before_it_is_sent_again(
    ask: Ask, nodes: FakeNodes, plain: FakeCluster, name: str, how: str
) -> None:
    def fault(called: str) -> None:
        if called == name:
            plain.before = plain.after = lambda _name: None
            if how == "answer lost":
                raise Unreachable("cut", may_have_happened=True)
            if how == "not reached":
                raise Unreachable("no route")
            raise Killed

    setattr(plain, "after" if how in ("killed after", "answer lost") else "before", fault)
    operation = recover(ask(), nodes, plain)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert (plain.acts, nodes.sent, len(plain.posts)) == (PLAIN, WAY, 1)


@pytest.mark.parametrize(
    ("at", "undone"),
    [
        ("shut_down", [("start_guest", 101)]),
        ("back_up", [("start_guest", 101)]),
    ],
)
def test_it_can_be_left_before_anything_is_given_up_and_the_guest_runs_again(
    ask: Ask,
    nodes: FakeNodes,
    plain: FakeCluster,
    by_ada: Asker,
    at: str,
    undone: list[tuple[str, int]],
) -> None:
    operation = ask()

    def cancel(called: str) -> None:
        if called == at:
            plain.after = lambda _name: None
            request_cancel(operation, by_ada)

    plain.after = cancel
    recover(operation, nodes, plain)
    assert (operation.state, nodes.sent) == (State.CANCELLED, [])
    assert (plain.acts[-1:], plain.statuses[101]) == (undone, "running")
    assert codes(operation)[-1] == "split_brain_left"
    if at == "back_up":
        assert len(plain.stops) == 1


def test_the_group_is_opened_again_when_the_loser_cannot_be_let_go_of(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    nodes.answers["drbdadm secondary rs"] = OrderAnswer(exit=11, said="State change failed")
    operation = recover(ask(), nodes, pve)
    assert operation.state == State.FAILED
    assert nodes.sent[-1] == ("slave", "vgchange -ay vg_drbd")
    assert (nodes.active, DISCARD in nodes.lines) == ({"master", "slave"}, False)
    assert (pve.statuses[101], pve.ha_states[101]) == ("running", "started")
    assert "split_brain_kept" in codes(operation)


def test_a_copy_that_fails_ends_it_with_the_guest_running_and_proxmoxs_reason(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    pve.task_fails["vzdump"] = "no space left on device"
    operation = recover(ask(), nodes, pve)
    assert operation.outcome is not None
    assert operation.outcome["params"]["said"] == "no space left on device"
    assert (operation.state, nodes.sent) == (State.FAILED, [])
    assert pve.statuses[101] == "running"


def test_a_restore_that_fails_is_said_with_its_copy_and_the_rest_goes_on(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    pve.task_fails["vzrestore"] = "tar failed"
    operation = recover(ask(), nodes, pve)
    assert operation.outcome is not None
    assert (operation.state, operation.outcome["code"]) == (State.FAILED, "rescue-step-failed")
    assert "local:backup/vzdump-101-0.zst" in operation.outcome["params"]["copies"]
    assert nodes.sent == WAY


def test_a_side_that_does_not_even_connect_has_given_nothing_up(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    nodes.answers[DISCARD] = OrderAnswer(exit=10, said="Failure: unknown")
    nodes.effects["drbdadm primary rs"] = parted_nodes().says
    operation = recover(ask(), nodes, pve)
    assert operation.state == State.FAILED
    assert nodes.sent[-2:] == AS_BEFORE
    assert (pve.statuses[101], pve.ha_states[101]) == ("running", "started")
    assert ("restore", 101) not in pve.acts


@pytest.mark.usefixtures("nas")
def test_a_survivor_that_cannot_connect_does_not_keep_the_guest_from_coming_back(
    ask: Ask, nodes: FakeNodes, pve: FakeCluster
) -> None:
    nodes.answers["drbdadm connect rs"] = OrderAnswer(exit=10, said="Failure: unknown")
    operation = recover(ask(), nodes, pve)
    assert operation.state == State.FAILED
    assert (nodes.sent, pve.nodes[101]) == (GIVING_UP, "master")
    assert pve.statuses[101] == "running"


def test_a_guest_that_runs_again_after_its_copy_stops_it(
    ask: Ask, nodes: FakeNodes, plain: FakeCluster
) -> None:
    def start(line: str) -> None:
        if line == "drbdadm secondary rs":
            plain.statuses[101] = "running"

    nodes.before = start
    operation = recover(ask(), nodes, plain)
    assert operation.outcome is not None
    assert operation.outcome["code"] == "rescue-guest-came-back"
    assert DISCARD not in nodes.lines
    assert nodes.sent[-2:] == AS_BEFORE


def no_backup(pve: FakeCluster) -> None:
    disk = GuestDisk(key="mp0", volume="v", storage="vg_drbd", in_backup=False)
    pve.configs[101] = GuestConfig(disks=(disk,))
    config = StorageConfig(
        storage="vg_drbd", type="lvm", shared=True, content="images", vgname="vg_drbd"
    )
    pve.storages_ = (config,)


def no_rights(pve: FakeCluster) -> None:
    pve.rights = {"/": {name: True for name in RIGHTS if name != "VM.Backup"}}


def no_network(pve: FakeCluster) -> None:
    pve.configs[101] = GuestConfig(disks=(), macs=("BC:24:11:00:00:01",))


def locked(pve: FakeCluster) -> None:
    pve.locks[101] = "snapshot"


def moved(pve: FakeCluster) -> None:
    pve.nodes[101] = "master"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (no_backup, "rescue-disk-not-in-backup"),
        (no_rights, "rescue-lacks-privilege"),
        (no_network, "rescue-lacks-privilege"),
        (locked, "rescue-guest-locked"),
        (moved, "rescue-guest-moved"),
    ],
)
def test_what_proxmox_tells_against_it_ends_it_before_anything_is_stopped(
    ask: Ask,
    nodes: FakeNodes,
    pve: FakeCluster,
    change: Callable[[FakeCluster], None],
    code: str,
) -> None:
    change(pve)
    operation = recover(ask(), nodes, pve)
    assert operation.outcome is not None
    assert (operation.outcome["code"], pve.acts, nodes.sent) == (code, [], [])


def test_a_refused_request_is_told_in_proxmoxs_words(
    ask: Ask, nodes: FakeNodes, plain: FakeCluster
) -> None:
    def refuse(called: str) -> None:
        if called == "back_up":
            raise ServerFault("storage 'local' is not available", status=500)

    plain.before = refuse
    operation = recover(ask(), nodes, plain)
    assert operation.outcome is not None
    assert operation.outcome["params"]["said"] == "storage 'local' is not available"
    assert plain.statuses[101] == "running"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"confirm": "x"}, "drbd-name-not-typed"),
        ({"copy_to": "vg_drbd"}, "rescue-storage-unknown"),
        ({"victim": "third"}, "drbd-node-unknown"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_asked_for(
    ask: Ask, wish: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        ask(**wish)


def test_the_page_shows_the_choice_what_it_costs_and_the_commands(
    nodes: FakeNodes, as_oda: Client
) -> None:
    shown = as_oda.get(PAGE).content.decode()
    assert "On slave there is less to copy: 101 elearning" in shown
    for line in ("ha-manager set ct:101 --state stopped", "vzdump 101 --storage local", DISCARD):
        assert line in shown
    assert 'name="copy_to"' in shown
    told = {"victim": "slave", "confirm": "slave", "copy_to": "local"}
    assert as_oda.post(PAGE, told | {"copy_to": "gone"}).status_code == 422
    assert as_oda.post(PAGE, told).status_code == 302
    assert Operation.objects.get().params["copy_to"] == "local"


def test_rest_says_where_the_copies_go(nodes: FakeNodes, as_oda: Client) -> None:
    asked = {"action": "resolve-split-brain", "victim": "slave", "confirm": "slave"}

    def post(more: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = as_oda.post(ACTIONS, asked | more, content_type="application/json")
        return answer.status_code, answer.json()

    status, plan = post({"dry_run": True})
    assert (status, plan["possible"]) == (200, True)
    assert plan["commands"][1].startswith("vzdump 101 --storage local")
    assert post({"copy_to": "gone"})[1]["code"] == "rescue-storage-unknown"
    assert post({"copy_to": "local"})[0] == 202
