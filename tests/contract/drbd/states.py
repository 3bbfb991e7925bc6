"""How the lab's DRBD is brought into the states that were recorded on real kernels.

Each story gets a pair (or a trio) of fresh nodes and plays what the recording says of how it was
reached; steps that only the recording machine needed are left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hapanel.lab.drbd.kernel import Kernel, make_fresh
from hapanel.lab.drbd.side import Side
from hapanel.lab.drbd.spec import DrbdSpec, ResourceSpec, Version, VolumeSpec
from hapanel.lab.drbd.tools import NodeTools

ADDRESSES = {"master": "10.0.7.1", "slave": "10.0.7.2", "third": "10.0.7.3"}
NET = {
    "protocol": "C", "cram-hmac-alg": "sha1", "shared-secret": "my-secret",
    "allow-two-primaries": "yes", "after-sb-0pri": "discard-zero-changes",
    "after-sb-1pri": "discard-secondary", "after-sb-2pri": "disconnect", "verify-alg": "crc32c",
}  # fmt: skip
STARTUP = {"wfc-timeout": "0", "degr-wfc-timeout": "60"}
MIB = 1024


def pair_84() -> ResourceSpec:
    return ResourceSpec(
        "rs", ["master", "slave"], [VolumeSpec(0, "/dev/vda", 524236)], net=NET,
        disk={"resync-rate": "4M", "c-plan-ahead": "0"},
        startup={**STARTUP, "become-primary-on": "both"},
    )  # fmt: skip


def pair_9(rate: str = "4M") -> ResourceSpec:
    return ResourceSpec(
        "rs", ["master", "slave"], [VolumeSpec(0, "/dev/vda", 262100)], net=NET,
        disk={"resync-rate": rate, "c-plan-ahead": "0"}, startup=STARTUP,
    )  # fmt: skip


def trio() -> ResourceSpec:
    return ResourceSpec(
        "rs", ["master", "slave", "third"], [VolumeSpec(0, "/dev/vda", 262076)],
        net={key: word for key, word in NET.items() if key != "allow-two-primaries"},
        disk={"resync-rate": "4M"}, startup=STARTUP,
        options={"quorum": "majority", "on-no-quorum": "io-error"},
    )  # fmt: skip


def two_resources() -> list[ResourceSpec]:
    net = {"protocol": "C", "cram-hmac-alg": "sha1", "shared-secret": "x",
           "allow-two-primaries": "yes"}  # fmt: skip
    disk = {"c-plan-ahead": "0", "resync-rate": "1M"}
    nodes = ["master", "slave"]
    one = ResourceSpec("rs", nodes, [VolumeSpec(0, "/dev/mapper/b0", 40920)], net=net, disk=disk)
    volumes = [VolumeSpec(n, f"/dev/mapper/b{n}", 40920) for n in (1, 2)]
    return [one, ResourceSpec("vm-100", nodes, volumes, port=7789, net=net, disk=disk)]


class Stage:
    """A kernel, its network and the tools of its nodes, in computed time."""

    def __init__(self, version: Version, resources: list[ResourceSpec]) -> None:
        self.cut: set[str] = set()
        self.kernel = Kernel(
            DrbdSpec(version, resources), ADDRESSES, self._rate, random.Random(1)
        )  # fmt: skip
        nodes = {node for resource in resources for node in resource.nodes}
        wall = lambda: 1_795_000_000 + self.kernel.now  # noqa: E731
        self.tools = {n: NodeTools(self.kernel, n, ADDRESSES, wall) for n in nodes}
        self.master = self.kernel.sides["rs", "master"]
        self.slave = self.kernel.sides["rs", "slave"]

    def _rate(self, one: str, other: str) -> float:
        return 0.0 if self.cut & {one, other} else 125e6

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 4)):
            self.kernel.advance(0.25)

    def unplug(self, node: str = "slave") -> None:
        """The cable is pulled, and everybody has noticed."""
        self.cut.add(node)
        self.wait(20)

    def plug_in(self, node: str = "slave") -> None:
        self.cut.discard(node)
        self.wait(6)

    def run(self, node: str, command: str) -> tuple[int, str, str]:
        """Exit status and both streams of a command line."""
        tool, *words = command.split()
        answer = self.tools[node].run(tool, words)
        return answer.exit, answer.stdout, answer.stderr

    @property
    def is_busy(self) -> bool:
        """True while a sync or a verify is under way somewhere."""
        connections = [c for side in self.kernel.sides.values() for c in side.connections.values()]
        return any(device.course for connection in connections for device in connection.devices)

    def both_primary(self) -> None:
        self.kernel.primary(self.master)
        self.kernel.primary(self.slave)

    def write(self, side: Side, mib: float) -> None:
        self.kernel.write(side, int(mib * MIB))


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


STORIES_84: dict[str, Story] = {
    "03-metadata-created-down": down,
    "05-up-one-side-wfconnection": one_side_up,
    "06-connected-inconsistent-both": both_inconsistent,
    "07f-disconnected-during-sync": left_in_mid_sync,
    "08a-sync-paused-by-target": paused_by("slave"),
    "08b-sync-paused-by-both": paused_by("master", "slave"),
    "08c-sync-paused-by-source": paused_by("master"),
    "09-uptodate-secondary-secondary": quiet,
    "10-primary-secondary": primary_secondary,
    "12-primary-primary": primary_primary,
    "13-secondary-while-open": held_open_in_sync,
    "13b-lvm-on-drbd": lvm_in_use,
    "13d-disconnect-refused-mid-sync-by-target": lvm_in_use_secondary,
    "14b-disconnected-on-primary": left_by_the_primary,
    "14c-resync-after-reconnect": short_sync,
    "15a-network-cut": cut,
    "15b-network-cut-written": cut_and_written,
    "15c-after-reconnect": back_again,
    "16a-both-primary-cut": both_primary_cut,
    "16b-both-primary-cut-both-written": both_written,
    "16c-SPLIT-BRAIN": split_brain,
    "16d1-connect-without-discard": split_again,
    "16d2-discard-while-still-primary": victim_still_primary,
    "16d3-victim-waits": victim_waits,
    "16d5-recovered": recovered,
    "17-split-brain-1pri-discard-secondary": solved_by_one_primary,
    "18-split-brain-0pri-both-changed": both_demoted(2),
    "19-split-brain-0pri-zero-changes": both_demoted(0),
    "20b-verify-later": verifying,
    "22a-outdated-standalone": outdated,
    "22b-invalidate-remote": syncing,
    "22e-invalidate-local": syncing,
    "24a-primary-killed": primary_killed,
    "24b-takeover": taken_over,
    "50-two-resources-multi-volume": two_syncing,
}
STORIES_9: dict[str, Story] = {
    "03-metadata-created-down": down,
    "05-up-one-side-connecting": one_side_up,
    "08d-slow-resync-running": syncing,
    "08e-slow-resync-paused": paused_by("slave"),
    "08f-disconnected-mid-sync": left_by_the_source,
    "08g-slow-resync-continued": syncing,
    "09-uptodate-secondary-secondary": quiet,
    "10-primary-secondary": primary_secondary,
    "12-primary-primary": primary_primary,
    "13-secondary-while-open": held_open,
    "13b-auto-promote": auto_promoted,
    "14b-written-while-disconnected": left_by_the_secondary,
    "16a-both-primary-cut-written": both_written,
    "16b-SPLIT-BRAIN": split_brain,
    "16c1-discard-while-primary": victim_still_primary,
    "16c2-victim-waits": victim_waits,
    "16c4-recovered": recovered,
    "21a-secondary-diskless": slave_diskless,
    "21b-primary-diskless": master_diskless,
    "30a-three-inconsistent": both_inconsistent,
    "30d-one-cut-off": one_cut_off,
    "30e-down-of-third-refused": third_refuses,
    "30f-third-killed-master-lost-quorum": third_killed,
    "41a-verify-running": verifying,
    "42c-resynced": back_again,
    "43-sb-both-primary-cut-no-writes": reconnected_without_writes,
    "44b-takeover": promoted_after_death,
    "50-two-resources-multi-volume": two_syncing,
}


def stage_for(version: Version, state: str) -> Stage:
    """The lab's DRBD in a recorded state."""
    if state.startswith("50"):
        resources = two_resources()
    elif state.startswith("30"):
        resources = [trio()]
    else:
        resources = [pair_84() if version is Version.V84 else pair_9("2M")]
    stage = Stage(version, resources)
    stories = STORIES_84 if version is Version.V84 else STORIES_9
    stories[state](stage)
    return stage


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


# Commands that real kernels declined: version, recorded state, recording, and how it comes there.
DECLINED: list[tuple[Version, str, str, Story]] = [
    *(
        (Version.V84, "03-metadata-created-down", name, down)
        for name in (
            "act-06-primary", "act-07-secondary", "act-08-connect", "act-09-disconnect",
            "act-10-detach", "act-12-role", "act-13-cstate", "act-15-verify", "act-16-invalidate",
            "act-17-pause-sync", "act-18-resume-sync", "act-19-connect-discard-my-data",
        )
    ),
    (Version.V84, "05-up-one-side-wfconnection", "act-03-primary-refused", one_side_up),
    (Version.V84, "06-connected-inconsistent-both", "act-05-connect-when-connected",
     both_inconsistent),
    (Version.V84, "13-secondary-while-open", "act-01-secondary-open", held_open),
    (Version.V84, "13-secondary-while-open", "act-02-down-open", held_open),
    (Version.V84, "13b-lvm-on-drbd", "act-06-secondary-vg-active", group_active),
    (Version.V84, "13h-disconnect-connect-midsync", "act-02-disconnect", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-05-verify-standalone", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-08-connect", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-09-disconnect-on-primary", joined_sync),
    (Version.V84, "14-disconnect-connect", "act-02-disconnect-again", stands_alone),
    (Version.V84, "14-disconnect-connect", "act-03-verify-standalone", stands_alone),
    (Version.V84, "22-outdate-invalidate", "act-05-primary-outdated", outdated),
    *(
        (Version.V9, "03-metadata-created-down", name, down)
        for name in (
            "act-03-primary", "act-04-secondary", "act-05-connect", "act-06-disconnect",
            "act-07-detach", "act-08-role", "act-09-cstate", "act-11-verify", "act-12-invalidate",
            "act-13-pause-sync",
        )
    ),
    (Version.V9, "04-unknown-resource", "act-05-primary", quiet),
    (Version.V9, "05-up-one-side-connecting", "act-03-primary-refused", one_side_up),
    (Version.V9, "07-initial-sync", "act-03-pause-again", paused_already),
    (Version.V9, "13-secondary-while-open", "act-01-secondary-open", held_open),
    (Version.V9, "13-secondary-while-open", "act-03-down-open", held_open),
    (Version.V9, "14-disconnect-connect", "act-02-disconnect-again", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-03-verify-standalone", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-04-primary-standalone-outdated", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-07-connect-when-connected", quiet),
    (Version.V9, "16c-split-brain-recovery", "act-01-discard-while-primary", split_brain),
    (Version.V9, "21-detach", "act-04-disconnect-last", master_diskless),
]  # fmt: skip
