"""The lab's DRBD in computed time, configured as the recorded machines were."""

from __future__ import annotations

import random

from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.side import JUST_CREATED, Conn, Disk, Repl, Role, Side
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


def make_fresh(kernel: Kernel, resource: str) -> None:
    """The resource as `drbdadm create-md` leaves it on all its nodes: down, without data."""
    for (name, _), side in kernel.sides.items():
        if name != resource:
            continue
        side.is_up = side.is_held = False
        for volume in side.volumes:
            volume.kept_disk, volume.current, volume.history = (
                Disk.INCONSISTENT,
                JUST_CREATED,
                [0, 0],
            )
        for connection in side.connections.values():
            connection.state, connection.peer_role = Conn.STANDALONE, Role.UNKNOWN
            for number, device in enumerate(connection.devices):
                device.peer_disk, device.repl = Disk.UNKNOWN, Repl.OFF
                device.bitmap, device.out_of_sync = 0, side.volumes[number].size
