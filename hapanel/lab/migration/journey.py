"""What every migration has: an order, a lock, a way to the target, and the ends of its log."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from hapanel.lab.errors import TaskFailed
from hapanel.lab.links import Network
from hapanel.lab.migration import lines
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest, World

KIB = 1024
BEGIN_SECONDS = 0.7
SSH_TIMEOUT_SECONDS = 38.0
SSH = (
    "/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias={name}' "
    "-o 'UserKnownHostsFile=/etc/pve/nodes/{name}/ssh_known_hosts' "
    "-o 'GlobalKnownHostsFile=none' root@{ip}"
)


class MigrationFailed(Exception):
    """A phase failed; the text goes into the log."""


@dataclass(frozen=True)
class Order:
    """Which guest goes where, and how. `storages` says which storage's disks go to which other."""

    vmid: int
    source: str
    target: str
    by_ha: bool = False
    limit_kib: int = 0
    with_local_disks: bool = False
    storages: Mapping[str, str] = field(default_factory=dict)

    def storage_for(self, storage: str) -> str:
        """Where disks of a storage go; `""` stands for those that are not named."""
        return self.storages.get(storage, self.storages.get("", storage))


class Journey:
    """One migration on its way. The guest is locked from the moment it is ordered."""

    def __init__(self, world: World, order: Order, task: Task) -> None:
        self.world = world
        self.order = order
        self.task = task
        self.guest: Guest = world.guests[order.vmid]
        self.speed = world.clock.speed
        self.started = world.now()
        self.memory_since = self.started
        self.renamed: dict[str, str] = {}
        self.is_in_phase_1 = False

    def begin(self) -> None:
        """First lines; the lock was set when the task was ordered."""
        if self.order.by_ha:
            self.task.print("task started by HA resource agent")

    async def reach_target(self) -> None:
        """Tries ssh to the target, as every migration does first."""
        target = self.world.nodes[self.order.target]
        await self.world.clock.pass_time(BEGIN_SECONDS)
        if target.is_on:
            return
        await self.world.clock.pass_time(SSH_TIMEOUT_SECONDS - BEGIN_SECONDS)
        self.task.say(f"# {SSH.format(name=target.name, ip=target.ip)} /bin/true")
        self.task.say(f"ssh: connect to host {target.ip} port 22: No route to host")
        raise MigrationFailed("Can't connect to destination address using public key")

    def rate(self) -> float:
        """Bytes per wall second on the link now, for this journey. 0 when nothing gets through."""
        if not self.world.nodes[self.order.target].is_on:
            return 0.0
        link = self.world.links.between(self.order.source, self.order.target, Network.REPLICATION)
        real = link.bytes_per_second()
        if self.order.limit_kib:
            real = min(real, self.order.limit_kib * KIB)
        return real * self.speed

    @contextmanager
    def on_the_link(self) -> Iterator[None]:
        """While inside, the journey takes its share of the link."""
        link = self.world.links.between(self.order.source, self.order.target, Network.REPLICATION)
        link.users += 1
        try:
            yield
        finally:
            link.users -= 1

    def announce(self) -> None:
        """`starting migration of VM 100 to node 'slave' (...)`."""
        self.is_in_phase_1 = True
        target = self.world.nodes[self.order.target]
        title = self.guest.kind.label
        self.task.say(
            f"starting migration of {title} {self.guest.vmid} to node '{target.name}' ({target.ip})"
        )

    def move_config(self) -> None:
        """From here on the guest belongs to the target, with the names its disks have there."""
        snapshots = (snapshot.config for snapshot in self.guest.snapshots.values())
        for config in (self.guest.config, self.guest.pending, *snapshots):
            for key, value in config.items():
                volume, comma, rest = str(value).partition(",")
                if volume in self.renamed:
                    config[key] = self.renamed[volume] + comma + rest
        self.guest.node = self.order.target
        self.world.changed()

    def open_disks(self, node: str | None) -> None:
        """The VM that waits there for its memory has the disks open too; None: no longer."""
        self.guest.moving_to = node
        self.world.changed()

    def unlock(self) -> None:
        """Gives the configuration's lock back, unless the node died with it."""
        self.open_disks(None)
        if not self.task.lost:
            self.guest.lock = None

    def took(self) -> str:
        """Duration so far, on the wall clock."""
        return lines.duration(self.world.now() - self.started)

    def abort(self, fault: BaseException) -> NoReturn:
        """Phase 1 failed: nothing has happened to the guest."""
        if self.task.lost:
            raise fault
        interrupted = isinstance(fault, asyncio.CancelledError)
        reason = "interrupted by signal" if interrupted else str(fault)
        if self.is_in_phase_1:
            self.task.say(f"ERROR: {reason}")
            self.task.say("aborting phase 1 - cleanup resources")
        self.task.say(f"ERROR: migration aborted (duration {self.took()}): {reason}")
        self.unlock()
        raise TaskFailed("migration aborted")

    def succeed(self) -> None:
        """The good end."""
        self.unlock()
        self.task.say(f"migration finished successfully (duration {self.took()})")
