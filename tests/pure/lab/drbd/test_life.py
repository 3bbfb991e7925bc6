"""What time, cables and people do to the lab's DRBD, in computed time."""

from __future__ import annotations

import pytest

from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.lvm import LogicalVolume, NodeGroups
from hapanel.lab.drbd.side import Conn, Disk, Repl, Role
from hapanel.lab.drbd.spec import Version
from tests.contract.drbd.stage import MIB, Stage, pair_9, pair_84, trio
from tests.contract.drbd.stories import both_written

GIB = 1024**3
DISK = "vm-100-disk-0"


def pair(version: Version = Version.V84, group: str | None = None) -> Stage:
    resource = pair_84() if version is Version.V84 else pair_9()
    resource.group = group
    return Stage(version, [resource])


def groups(stage: Stage, node: str) -> NodeGroups:
    return NodeGroups(stage.kernel, node, lambda _group: [LogicalVolume(DISK, 40 * GIB)])


def link(stage: Stage) -> tuple[Conn, Conn]:
    return (stage.master.connections["slave"].state, stage.slave.connections["master"].state)


def test_a_lost_peer_is_noticed_after_fifteen_to_eighteen_seconds() -> None:
    stage = pair()
    stage.cut.add("slave")
    stage.wait(14.5)
    assert link(stage) == (Conn.CONNECTED, Conn.CONNECTED)
    stage.wait(4)
    assert link(stage) == (Conn.CONNECTING, Conn.CONNECTING)


def test_a_cable_that_is_back_in_time_was_never_away() -> None:
    stage = pair()
    stage.kernel.primary(stage.master)
    stage.cut.add("slave")
    stage.wait(10)
    stage.write(stage.master, 2)
    stage.cut.clear()
    stage.wait(10)
    assert link(stage) == (Conn.CONNECTED, Conn.CONNECTED)
    assert stage.slave.connections["master"].devices[0].received == 2 * MIB


def test_what_was_written_before_the_loss_was_noticed_is_out_of_sync() -> None:
    stage = pair(Version.V9)
    stage.kernel.primary(stage.master)
    stage.cut.add("slave")
    stage.wait(5)
    stage.write(stage.master, 2)
    stage.wait(15)
    assert stage.master.connections["slave"].devices[0].out_of_sync == 2 * MIB


def test_a_sync_takes_its_amount_over_its_rate() -> None:
    stage = pair()
    stage.kernel.primary(stage.master)
    stage.kernel.disconnect(stage.master, "slave")
    stage.write(stage.master, 40)
    stage.kernel.connect(stage.master, "slave")
    stage.wait(5)
    device = stage.slave.connections["master"].devices[0]
    assert device.repl is Repl.TARGET
    assert stage.slave.volumes[0].disk is Disk.INCONSISTENT
    left = device.out_of_sync
    stage.wait(left / MIB / 4 - 0.5)
    assert device.repl is Repl.TARGET
    stage.wait(1)
    assert (device.repl, stage.slave.volumes[0].disk) == (Repl.ESTABLISHED, Disk.UP_TO_DATE)


def test_a_pause_by_either_side_holds_the_sync() -> None:
    stage = pair()
    stage.kernel.invalidate(stage.slave, 0, "master")
    stage.wait(5)
    stage.kernel.pause(stage.master, 0, "slave")
    before = stage.slave.connections["master"].devices[0].out_of_sync
    stage.wait(30)
    assert stage.slave.connections["master"].devices[0].out_of_sync == before
    stage.kernel.pause(stage.master, 0, "slave", resume=True)
    stage.wait(5)
    assert stage.slave.connections["master"].devices[0].out_of_sync < before


def test_both_writing_apart_is_a_split_brain_until_a_victim_gives_in() -> None:
    stage = pair(Version.V9)
    both_written(stage)
    stage.plug_in()
    assert link(stage) == (Conn.STANDALONE, Conn.STANDALONE)
    with pytest.raises(Declined, match="discard-my-data not allowed"):
        stage.kernel.connect(stage.slave, "master", discard=True)
    stage.kernel.secondary(stage.slave)
    stage.kernel.connect(stage.slave, "master", discard=True)
    stage.kernel.connect(stage.master, "slave")
    stage.wait(20)
    assert [v.disk for s in (stage.master, stage.slave) for v in s.volumes] == [Disk.UP_TO_DATE] * 2
    assert stage.slave.volumes[0].current & ~1 == stage.master.volumes[0].current & ~1


@pytest.mark.parametrize("version", list(Version))
def test_a_primary_that_crashed_fetches_what_its_peer_wrote(version: Version) -> None:
    stage = pair(version)
    stage.kernel.primary(stage.master)
    stage.cut.add("master")
    stage.kernel.lose_power("master")
    stage.wait(20)
    stage.kernel.primary(stage.slave)
    stage.write(stage.slave, 3)
    stage.cut.clear()
    stage.kernel.boot("master")
    stage.wait(5)
    assert stage.master.connections["slave"].devices[0].repl is Repl.TARGET
    stage.wait(20)
    assert stage.master.volumes[0].disk is Disk.UP_TO_DATE
    assert stage.slave.is_primary


def test_a_single_primary_stays_single_where_two_are_not_allowed() -> None:
    stage = Stage(Version.V9, [trio()])
    stage.kernel.primary(stage.master)
    with pytest.raises(Declined, match="Multiple primaries"):
        stage.kernel.primary(stage.slave)


def test_without_quorum_nobody_becomes_primary() -> None:
    stage = Stage(Version.V9, [trio()])
    stage.unplug("slave")
    assert (stage.master.has_quorum, stage.slave.has_quorum) == (True, False)
    with pytest.raises(Declined, match="No quorum"):
        stage.kernel.primary(stage.slave)


def test_secondary_is_refused_until_the_group_is_inactive() -> None:
    stage = pair(group="vg_drbd")
    stage.both_primary()
    lvm = groups(stage, "slave")
    lvm.activate_all("vg_drbd")
    with pytest.raises(Declined, match="held open"):
        stage.kernel.secondary(stage.slave)
    lvm.use("vg_drbd", {DISK})
    assert lvm.tools["vgchange"](["-an", "vg_drbd"]).exit == 5
    lvm.use("vg_drbd", set())
    assert "0 logical volume(s)" in lvm.tools["vgchange"](["-an", "vg_drbd"]).stdout
    stage.kernel.secondary(stage.slave)
    assert stage.slave.role is Role.SECONDARY
    assert lvm.tools["vgchange"](["-ay", "vg_drbd"]).exit == 5


def test_a_guest_on_its_way_makes_two_primaries_for_as_long_as_it_takes() -> None:
    stage = pair(Version.V9, group="vg_drbd")
    here, there = groups(stage, "master"), groups(stage, "slave")
    here.use("vg_drbd", {DISK})
    roles = [(stage.master.role, stage.slave.role)]
    there.use("vg_drbd", {DISK})
    roles.append((stage.master.role, stage.slave.role))
    here.use("vg_drbd", set())
    roles.append((stage.master.role, stage.slave.role))
    primary, secondary = Role.PRIMARY, Role.SECONDARY
    assert roles == [(primary, secondary), (primary, primary), (secondary, primary)]


def test_a_broken_disk_leaves_a_primary_that_lives_from_its_peer() -> None:
    stage = pair()
    stage.kernel.primary(stage.master)
    stage.kernel.fail_disk(stage.master)
    assert stage.slave.connections["master"].devices[0].peer_disk is Disk.DISKLESS
    stage.write(stage.master, 1)
    with pytest.raises(Declined, match="refused by peer"):
        stage.kernel.disconnect(stage.slave, "master")


def test_a_verify_finds_what_changed_behind_drbd_s_back() -> None:
    stage = pair()
    stage.kernel.alter(stage.slave, 40)
    stage.kernel.verify(stage.master, 0, "slave")
    stage.wait(3)
    assert stage.master.connections["slave"].devices[0].repl is Repl.VERIFY_SOURCE
    stage.wait(140)
    devices = (
        stage.master.connections["slave"].devices[0],
        stage.slave.connections["master"].devices[0],
    )
    assert [(d.repl, d.out_of_sync) for d in devices] == [(Repl.ESTABLISHED, 40)] * 2


def test_adjust_ends_a_stand_alone() -> None:
    stage = pair()
    stage.kernel.disconnect(stage.slave, "master")
    assert stage.run("slave", "drbdadm adjust rs")[0] == 0
    stage.wait(5)
    assert link(stage) == (Conn.CONNECTED, Conn.CONNECTED)


def test_events_tell_each_change_once() -> None:
    stage = pair(Version.V9)
    lines: list[str] = []
    stream = stage.tools["master"].stream(["events2", "--statistics"], lines.append)
    stage.kernel.on_change.append(stream.follow)
    stream.begin()
    assert lines[-1] == "exists -\n"
    lines.clear()
    stage.unplug()
    told = [line.split(" received:")[0] for line in lines]
    assert len(told) == len(set(told))
    assert any("connection:NetworkFailure role:Unknown" in line for line in told)
    assert any("replication:Off peer-disk:DUnknown" in line for line in told)
    assert any("established:no" in line for line in told)
    assert "connection:Connecting" in told[-1]
