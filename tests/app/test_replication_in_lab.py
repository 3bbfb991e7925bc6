"""Actions and the way out of a split brain, through real ssh, on the lab's living DRBD."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.accounts.vault import seal
from hapanel.drbd.actions import Action
from hapanel.kernel.names import GuestType
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.operations import machine
from hapanel.operations.drbd_action import DrbdWish, request_drbd_action
from hapanel.operations.models import Operation, State
from hapanel.operations.split_brain import SplitBrainWish, recorded_case, request_split_brain
from hapanel.operations.wishes import Asker, Via
from hapanel.ports.cluster import MigrateOptions
from hapanel.wiring import Wiring
from nodes.models import Cluster, Node, SshAccess, Storage
from tests.contract.lab_process import LabProcess
from vms.models import Guest, GuestDisk
from vms.replication import replication_of

SPEED = 60
STORY = (Action.DEACTIVATE, Action.SECONDARY, Action.DISCONNECT, Action.CONNECT)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    folder: Path = tmp_path_factory.mktemp("keys")
    lab = LabProcess("clusterubd-qdevice", SPEED, "--folder", str(folder))
    yield lab
    lab.close()


@pytest.fixture
def reached(clusterubd: Cluster, lab: LabProcess, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The lab's cluster as the panel knows it, reached over ssh with pinned keys."""
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)
    doors = {node["name"]: node["ssh"] for node in lab.ready["nodes"]}
    for name, ssh in doors.items():
        Node.objects.filter(cluster=clusterubd, name=name).update(ip=ssh["host"])
    SshAccess.objects.create(
        cluster=clusterubd,
        user=doors["master"]["user"],
        port=doors["master"]["port"],
        encrypted_key=seal(lab.ready["ssh_key"]),
        host_keys={
            name: {"key": " ".join(ssh["host_key"].split()[:2]), "fingerprint": ssh["fingerprint"]}
            for name, ssh in doors.items()
        },
    )
    Storage.objects.create(
        cluster=clusterubd, node="master", storage="vg_drbd", type="lvm", vg="vg_drbd", shared=True
    )
    for guest in Guest.objects.filter(cluster=clusterubd):
        GuestDisk.objects.create(guest=guest, key="scsi0", storage="vg_drbd", volume="v")
    look(clusterubd)
    return clusterubd


def look(cluster: Cluster) -> str:
    """What the follower does: ask, record, judge. The resource's health."""
    hands, desk = Wiring().to_nodes(cluster), RecordedReplication()
    for one in hands.look():
        assert one.status is not None, one.unseen_because
        desk.saw(cluster.pk, one.node, one.status)
        desk.read_lvm(cluster.pk, one.node, hands.lvm(one.node))
    return replication_of(cluster).resources[0].judgement.health.value


def until(cluster: Cluster, health: str) -> None:
    end = time.monotonic() + 30
    while (found := look(cluster)) != health:
        assert time.monotonic() < end, found
        time.sleep(0.2)


def finish(operation: Operation, *, seconds: float = 60) -> Operation:
    """What workers do, with the real clock."""
    end = time.monotonic() + seconds
    while operation.ended_at is None and time.monotonic() < end:
        wait = machine.carry_on(operation.pk, Wiring())
        operation.refresh_from_db()
        time.sleep(min(wait or 0.0, 0.3))
    return operation


def test_a_split_brain_is_named_refused_on_the_guests_side_and_recovered_with_the_other(
    reached: Cluster, lab: LabProcess, ada: User
) -> None:
    by_ada = Asker("ada", Via.PAGE, ada)
    part(reached, lab)
    case = recorded_case(reached, "rs")
    assert case is not None
    assert case.proposal.victim == "slave"
    with pytest.raises(Refused, match="victim-runs-guests"):
        request_split_brain(SplitBrainWish(reached, "rs", "master", "master", True), by_ada)
    wish = SplitBrainWish(reached, "rs", "slave", "slave", without_copy=True)
    operation = finish(request_split_brain(wish, by_ada))
    assert operation.state == State.SUCCEEDED, (operation.outcome, operation.memo)
    look(reached)
    states = [side.now for side in replication_of(reached).resources[0].replication.sides]
    for state in states:
        assert state is not None
        assert {volume.disk_state for volume in state.volumes} == {"UpToDate"}
        assert {peer.connection_state for peer in state.peers} == {"Connected"}


def part(cluster: Cluster, lab: LabProcess) -> None:
    """Both sides write while the link is cut, and meet again."""
    lab.ctl("cut", "master", "slave")
    end = time.monotonic() + 30
    while look(cluster) != "diverging" and time.monotonic() < end:
        time.sleep(0.2)
    lab.ctl("write", "master", "rs", "3")
    lab.ctl("write", "slave", "rs", "5")
    lab.ctl("heal", "master", "slave")
    until(cluster, "split-brain")


def test_guests_on_both_sides_are_copied_stopped_and_brought_back(
    reached: Cluster, lab: LabProcess, ada: User
) -> None:
    through_the_api(reached, lab)
    gateway = Wiring().to_cluster(reached)
    gateway.migrate("master", GuestType.LXC, 101, MigrateOptions(target="slave", restart=True))
    see_guest(reached, 101, "slave")
    part(reached, lab)
    case = recorded_case(reached, "rs")
    assert case is not None
    assert case.divergence.changed("slave")
    wish = SplitBrainWish(reached, "rs", "slave", "slave", copy_to="local")
    operation = finish(request_split_brain(wish, Asker("ada", Via.PAGE, ada)), seconds=240)
    assert operation.state == State.SUCCEEDED, (operation.outcome, operation.memo)
    until(reached, "dual-primary-configured")
    see_guest(reached, 101, "slave")
    (copy,) = gateway.backups("slave", "local", 101)
    assert operation.memo["guests"]["101"]["volid"] == copy.volid
    asked = {one.sid: one.state for one in gateway.ha_services()}
    assert asked["ct:101"] == "started"
    gateway.migrate("slave", GuestType.LXC, 101, MigrateOptions(target="master", restart=True))
    see_guest(reached, 101, "master")  # the lab is shared


def through_the_api(cluster: Cluster, lab: LabProcess) -> None:
    """Let the cluster be reached by the lab's token, and its storages be known."""
    Cluster.objects.filter(pk=cluster.pk).update(
        addresses=[node["url"] for node in lab.ready["nodes"]],
        ca_pem=lab.ready["ca"],
        token_id=lab.ready["token_id"],
        encrypted_secret=seal(lab.ready["token_secret"]),
        time_scale=SPEED,
    )
    cluster.refresh_from_db()
    for node in ("master", "slave"):
        Storage.objects.create(
            cluster=cluster,
            node=node,
            storage="local",
            type="dir",
            content="iso,vztmpl,backup",
            status="available",
        )


def see_guest(cluster: Cluster, vmid: int, node: str) -> None:
    """Wait until the guest runs there, and record it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = Wiring().to_cluster(cluster).resources().resources
        assert answer is not None
        guest = next(one for one in answer.guests if one.vmid == vmid)
        if (guest.node, guest.status, guest.lock) == (node, "running", None):
            break
        time.sleep(0.3)
    assert (guest.node, guest.status) == (node, "running")
    Guest.objects.filter(cluster=cluster, vmid=vmid).update(node=node)


def test_a_side_is_let_go_of_connected_again_and_verified(reached: Cluster, oda: User) -> None:
    by_oda = Asker("oda", Via.API, oda)
    for action in STORY:
        operation = request_drbd_action(DrbdWish(reached, "rs", "slave", action), by_oda)
        assert finish(operation).state == State.SUCCEEDED, operation.outcome
        look(reached)
    operation = request_drbd_action(DrbdWish(reached, "rs", "master", Action.VERIFY), by_oda)
    assert operation.created_at <= timezone.now()
    machine.carry_on(operation.pk, Wiring(), most=4)
    operation.refresh_from_db()
    assert operation.state == State.RUNNING, operation.outcome
    assert operation.percent is not None
