"""The steps out of a split brain: their order, when each is done, and which copy is kept before."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hapanel.drbd.backing import backing_devices, copies_of
from hapanel.drbd.recovery import Act, RecoveryStep, is_done, is_whole, steps_of
from hapanel.ports.node_shell import LvmGroup, LvmReport, LvmVolume
from hapanel.ports.replication import NodeReplication, ReplicationState
from tests.pure.drbd.stage import ALONE, BAD, CONNECTING, P, S, joined, peer, silent, split, told

MIB = 1024**2
BELOW = LvmVolume(vg="pve", lv="r0", size=100 * MIB, active=True)
FILE = """
resource rs {
  device /dev/drbd0; meta-disk internal;
  on master { disk /dev/sda1; address 10.0.7.1:7788; }
  on slave { disk /dev/pve/r0; address 10.0.7.2:7788; }
}
"""
WHOLE = (told("master", P, peer()), told("slave", S, peer(role=P)))
NO_LVM = LvmReport()


def acts(*nodes: NodeReplication, active: tuple[str, ...] = ()) -> list[str]:
    steps = steps_of(joined(*nodes), "slave", "master", groups=("vg_drbd",), active=active)
    return [f"{step.node}: {step.line or step.act.value}" for step in steps]


def test_a_primary_victim_is_let_go_of_discarded_synced_and_put_back_as_it_was() -> None:
    assert acts(*split(), active=("vg_drbd",)) == [
        "slave: vgchange -an vg_drbd",
        "slave: drbdadm secondary rs",
        "slave: drbdadm connect --discard-my-data rs",
        "master: drbdadm connect rs",
        "slave: sync",
        "slave: drbdadm primary rs",
        "slave: vgchange -ay vg_drbd",
    ]


def test_a_victim_that_is_not_meant_to_be_primary_beside_the_other_stays_secondary() -> None:
    groups = ("vg_drbd",)
    steps = steps_of(
        joined(*split()), "slave", "master", groups=groups, active=groups, is_dual=False
    )
    assert steps[-1].act is Act.SYNC


def test_a_secondary_victim_that_still_tries_is_disconnected_first() -> None:
    nodes = (told("master", P, peer(ALONE)), told("slave", S, peer(CONNECTING)))
    assert acts(*nodes) == [
        "slave: drbdadm disconnect rs",
        "slave: drbdadm connect --discard-my-data rs",
        "master: drbdadm connect rs",
        "slave: sync",
    ]


@pytest.mark.parametrize(
    ("act", "nodes", "done"),
    [
        (Act.DISCONNECT, split(), True),
        (Act.SECONDARY, split(), False),
        (Act.SECONDARY, WHOLE, True),
        (Act.DISCARD, split(), False),
        (Act.DISCARD, (split()[0], told("slave", S, peer(CONNECTING))), True),
        (Act.CONNECT, (split()[0], told("slave", S, peer(ALONE))), False),
        (Act.SYNC, WHOLE, True),
        (Act.SYNC, split(), False),
        (Act.SYNC, (WHOLE[0], told("slave", S, peer(oos=8))), False),
        (Act.SYNC, (WHOLE[0], silent("slave", WHOLE[1])), False),
        (Act.PRIMARY, WHOLE, False),
        (Act.SECONDARY, (WHOLE[0], silent("slave", WHOLE[1])), False),
    ],
)
def test_a_step_is_done_when_the_state_shows_it(
    act: Act, nodes: tuple[NodeReplication, ...], done: bool
) -> None:
    assert is_done(RecoveryStep(act, "slave"), joined(*nodes), NO_LVM) is done


def test_nothing_is_whole_while_a_sync_runs() -> None:
    target = peer(role=P, state=ReplicationState.SYNC_TARGET, percent=1.0)
    assert not is_whole(joined(WHOLE[0], told("slave", S, target, disk=BAD)))
    assert is_whole(joined(*WHOLE))


@pytest.mark.parametrize(("active", "open_", "closed"), [(True, True, False), (False, False, True)])
def test_groups_and_snapshots_are_read_from_lvm(active: bool, open_: bool, closed: bool) -> None:
    volumes = (LvmVolume(vg="vg_drbd", lv="vm-100", size=1, active=active), BELOW)
    report = LvmReport(volumes=volumes)
    nodes = joined(*WHOLE)
    assert is_done(RecoveryStep(Act.ACTIVATE, "slave", "", "vg_drbd"), nodes, report) is open_
    assert is_done(RecoveryStep(Act.DEACTIVATE, "slave", "", "vg_drbd"), nodes, report) is closed
    assert is_done(RecoveryStep(Act.COPY, "slave", "", "pve/r0"), nodes, report)
    assert not is_done(RecoveryStep(Act.COPY, "slave", "", "pve/hapanel-rs-0-1"), nodes, report)


def test_a_step_survives_its_record() -> None:
    step = RecoveryStep(Act.DEACTIVATE, "slave", "vgchange -an g", "g")
    assert RecoveryStep.from_record(step.as_record()) == step


# The copy before


def test_what_lies_below_is_read_from_the_configuration() -> None:
    assert backing_devices(["", FILE], "rs", "slave") == ("/dev/pve/r0",)
    assert backing_devices([FILE], "rs", "third") == ()
    assert backing_devices(["{{", FILE], "other", "slave") == ()


def report(free: int) -> LvmReport:
    return LvmReport(groups=(LvmGroup(vg="pve", size=free, free=free),), volumes=(BELOW,))


def test_a_volume_below_drbd_gets_a_snapshot_that_holds_the_resync() -> None:
    found = copies_of(
        "rs", "slave", ["/dev/pve/r0"], report(500 * MIB), changing=8 * MIB, label="7"
    )
    assert found.refusal is None
    [copy] = found.copies
    size = 76 * MIB
    assert copy.line == f"lvcreate --snapshot --name hapanel-rs-0-7 --size {size}b /dev/pve/r0"
    whole = copies_of("rs", "slave", ["/dev/pve/r0"], report(500 * MIB), changing=2**40, label="7")
    assert f"--size {100 * MIB}b" in whole.copies[0].line


@pytest.mark.parametrize(
    ("devices", "free", "code"),
    [
        (["/dev/sda1"], 500 * MIB, "copy-no-volume-below"),
        ([], 500 * MIB, "copy-no-volume-below"),
        (["/dev/pve/r0"], 20 * MIB, "copy-no-room"),
    ],
)
def test_where_no_snapshot_can_be_taken_the_reason_is_given(
    devices: list[str], free: int, code: str
) -> None:
    found = copies_of("rs", "slave", devices, report(free), changing=8 * MIB, label="7")
    assert found.refusal is not None
    assert (found.refusal.code, found.copies) == (code, ())
    assert found.refusal.because()


def test_a_peer_that_is_not_seen_leaves_no_step_done() -> None:
    nodes = joined(replace(WHOLE[0], unseen_because="no answer"), WHOLE[1])
    assert not is_done(RecoveryStep(Act.CONNECT, "master"), nodes, NO_LVM)
