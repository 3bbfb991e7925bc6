"""How a resource is brought into the states that were recorded on real kernels.

Each story gets a pair (or a trio) of nodes and plays what the recording says of how it was reached;
steps that only the recording machine needed are left out.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.drbd.stage import Stage, make_fresh

Story = Callable[[Stage], None]


def quiet(_stage: Stage) -> None:
    """Both Secondary and current."""


def down(stage: Stage) -> None:
    make_fresh(stage.kernel, "rs")


def one_side_up(stage: Stage) -> None:
    down(stage)
    stage.kernel.up(stage.master)


def both_inconsistent(stage: Stage) -> None:
    down(stage)
    for side in stage.kernel.sides.values():
        stage.kernel.up(side)
    stage.wait(10)


def primary_secondary(stage: Stage) -> None:
    stage.kernel.primary(stage.master)


def primary_primary(stage: Stage) -> None:
    stage.both_primary()


def syncing(stage: Stage) -> None:
    stage.kernel.primary(stage.master)
    stage.kernel.invalidate(stage.slave, 0, "master")
    stage.wait(12)


def paused_by(*nodes: str) -> Story:
    def story(stage: Stage) -> None:
        syncing(stage)
        for node in nodes:
            side = stage.kernel.sides["rs", node]
            stage.kernel.pause(side, 0, next(iter(side.connections)))

    return story


def left_in_mid_sync(stage: Stage) -> None:
    """The initial sync from a Secondary, left by its target."""
    stage.kernel.invalidate(stage.slave, 0, "master")
    stage.wait(12)
    stage.kernel.disconnect(stage.slave, "master")


def left_by_the_source(stage: Stage) -> None:
    syncing(stage)
    stage.kernel.disconnect(stage.master, "slave")


def left_by_the_primary(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.disconnect(stage.master, "slave")
    stage.write(stage.master, 12)


def left_by_the_secondary(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.disconnect(stage.slave, "master")
    stage.write(stage.master, 8)


def short_sync(stage: Stage) -> None:
    """What was written while alone is being copied."""
    left_by_the_primary(stage)
    stage.kernel.connect(stage.master, "slave")
    stage.wait(6)


def cut(stage: Stage) -> None:
    primary_secondary(stage)
    stage.unplug()


def cut_and_written(stage: Stage) -> None:
    cut(stage)
    stage.write(stage.master, 6)


def back_again(stage: Stage) -> None:
    cut_and_written(stage)
    stage.plug_in()
    stage.wait(10)


def both_primary_cut(stage: Stage) -> None:
    stage.both_primary()
    stage.unplug()


def both_written(stage: Stage) -> None:
    both_primary_cut(stage)
    stage.write(stage.master, 3)
    stage.write(stage.slave, 5)


def split_brain(stage: Stage) -> None:
    both_written(stage)
    stage.plug_in()


def split_again(stage: Stage) -> None:
    split_brain(stage)
    stage.kernel.connect(stage.master, "slave")
    stage.kernel.connect(stage.slave, "master")
    stage.wait(6)


def victim_still_primary(stage: Stage) -> None:
    split_again(stage)
    stage.run("slave", "drbdadm connect --discard-my-data rs")


def victim_waits(stage: Stage) -> None:
    split_brain(stage)
    stage.kernel.secondary(stage.slave)
    stage.kernel.connect(stage.slave, "master", discard=True)
    stage.wait(4)


def recovered(stage: Stage) -> None:
    victim_waits(stage)
    stage.kernel.connect(stage.master, "slave")
    stage.wait(20)


def solved_by_one_primary(stage: Stage) -> None:
    stage.both_primary()
    stage.unplug()
    stage.write(stage.master, 2)
    stage.write(stage.slave, 2)
    stage.kernel.secondary(stage.slave)
    stage.plug_in()
    stage.wait(10)


def both_demoted(slave_mib: float) -> Story:
    def story(stage: Stage) -> None:
        stage.both_primary()
        stage.unplug()
        stage.write(stage.master, 2)
        if slave_mib:
            stage.write(stage.slave, slave_mib)
        stage.kernel.secondary(stage.master)
        stage.kernel.secondary(stage.slave)
        stage.plug_in()
        stage.wait(10)

    return story


def verifying(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.verify(stage.master, 0, "slave")
    stage.wait(2)


def slave_diskless(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.detach(stage.slave)


def master_diskless(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.detach(stage.master)


def attached_again(stage: Stage) -> None:
    slave_diskless(stage)
    stage.write(stage.master, 3)
    stage.kernel.attach(stage.slave)
    stage.wait(10)


def outdated(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.disconnect(stage.slave, "master")
    stage.kernel.outdate(stage.slave)


def primary_killed(stage: Stage) -> None:
    primary_secondary(stage)
    stage.cut.add("master")
    stage.kernel.lose_power("master")
    stage.wait(20)


def taken_over(stage: Stage) -> None:
    primary_killed(stage)
    stage.kernel.primary(stage.slave)
    stage.write(stage.slave, 3)


def promoted_after_death(stage: Stage) -> None:
    primary_killed(stage)
    stage.kernel.primary(stage.slave)


def lvm_in_use(stage: Stage) -> None:
    """Both Primary, and the slave's copy goes to the master (8.4 lets a Primary invalidate)."""
    stage.both_primary()
    stage.kernel.invalidate(stage.master, 0, "slave")
    stage.wait(40)


def lvm_in_use_secondary(stage: Stage) -> None:
    lvm_in_use(stage)
    stage.kernel.secondary(stage.slave)


def held_open(stage: Stage) -> None:
    stage.both_primary()
    stage.kernel.open(stage.slave, "sh")


def held_open_in_sync(stage: Stage) -> None:
    lvm_in_use(stage)
    stage.kernel.open(stage.slave, "sh")


def auto_promoted(stage: Stage) -> None:
    stage.kernel.open(stage.slave, "sh")


def one_cut_off(stage: Stage) -> None:
    primary_secondary(stage)
    stage.unplug("slave")


def third_refuses(stage: Stage) -> None:
    one_cut_off(stage)
    stage.kernel.primary(stage.slave, force=True)


def third_killed(stage: Stage) -> None:
    third_refuses(stage)
    stage.cut.add("third")
    stage.kernel.lose_power("third")
    stage.wait(20)


def reconnected_without_writes(stage: Stage) -> None:
    both_primary_cut(stage)
    stage.plug_in()


def two_syncing(stage: Stage) -> None:
    kernel = stage.kernel
    for side in kernel.sides.values():
        side.is_held = False
    kernel.primary(stage.slave)
    kernel.primary(kernel.sides["vm-100", "master"])
    kernel.invalidate(stage.master, 0, "slave")
    for number in (0, 1):
        kernel.invalidate(kernel.sides["vm-100", "slave"], number, "master")
    kernel.seen()
    stage.wait(4)
    kernel.pause(kernel.sides["vm-100", "slave"], 1, "master")
    stage.wait(2)


def joined_sync(stage: Stage) -> None:
    """13c to 13g: the Primary is the target, the Secondary its source."""
    lvm_in_use_secondary(stage)


def group_active(stage: Stage) -> None:
    stage.both_primary()
    stage.kernel.open(stage.master, "lv vm-100-disk-0")


def stands_alone(stage: Stage) -> None:
    primary_secondary(stage)
    stage.kernel.disconnect(stage.slave, "master")


def paused_already(stage: Stage) -> None:
    syncing(stage)
    stage.kernel.pause(stage.slave, 0, "master")
