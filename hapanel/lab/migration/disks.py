"""Disks that lie on one node only and have to travel along: mirrored live, or copied offline.

Disks go one after the other, over the same link as memory. Line forms: qemu-server BlockJob.pm,
pve-storage Storage.pm.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from hapanel.lab.guests.sizes import is_disk, size_of_disk
from hapanel.lab.guests.volumes import FILE_STORAGES, file_of, format_of, free_number, volume_id
from hapanel.lab.migration import lines
from hapanel.lab.migration.journey import SSH, Journey, MigrationFailed
from hapanel.lab.world import Guest, World

TICK_SECONDS = 0.1
LINE_EVERY_SECONDS = 1.0
DD_LINE_EVERY_SECONDS = 3.0
STALL_SECONDS = 30.0
SCAN_FAILED = "Problem found while scanning volumes - can't migrate VM - check log"
NOT_ASKED = "can't live migrate attached local disks without with-local-disks option"

Rate = Callable[[], float]


@dataclass(frozen=True)
class Disk:
    """One disk of a configuration: `scsi0: local:vm-100-disk-0,size=32G`."""

    key: str
    volume: str
    storage: str
    size: int


def disks_of(guest: Guest) -> Iterator[Disk]:
    """Every disk the configuration names."""
    for key, value in guest.config.items():
        if is_disk(key, value):
            volume = str(value).split(",")[0]
            yield Disk(key, volume, volume.split(":")[0], size_of_disk(str(value)))


def local_disks_of(world: World, guest: Guest) -> list[Disk]:
    """Disks on storages that are not shared."""
    storages = world.storages
    return [d for d in disks_of(guest) if d.storage in storages and not storages[d.storage].shared]


class LocalDisks:
    """The local disks of one journey."""

    def __init__(self, journey: Journey, rate: Rate) -> None:
        self._journey = journey
        self._rate = rate
        self._say = journey.task.say
        self._print = journey.task.print
        self.disks = local_disks_of(journey.world, journey.guest)
        for disk in self.disks:
            self._name_there(disk)

    def _name_there(self, disk: Disk) -> None:
        """A disk keeps its name, unless it goes to another storage."""
        world, journey = self._journey.world, self._journey
        storage = world.storages[journey.order.storage_for(disk.storage)]
        there = disk.volume
        if storage.storage != disk.storage:
            taken = set(journey.renamed.values())
            number = free_number(world, storage, journey.guest.vmid, taken)
            form = format_of(disk.volume)
            there = volume_id(storage, journey.guest.vmid, number, form)
        journey.renamed[disk.volume] = there

    def find(self, *, is_live: bool) -> None:
        """Names what has to travel. Raises MigrationFailed when a live one was not allowed to."""
        for disk in self.disks:
            self._say(f"found local disk '{disk.volume}' (attached)")
        if self.disks and is_live and not self._journey.order.with_local_disks:
            for disk in self.disks:
                self._say(f"can't migrate local disk '{disk.volume}': {NOT_ASKED}")
            raise MigrationFailed(SCAN_FAILED)

    def _there(self, disk: Disk) -> str:
        return self._journey.renamed[disk.volume]

    def announce_targets(self) -> None:
        """Says how the volumes are called over there."""
        for disk in self.disks:
            self._say(f"volume '{disk.volume}' is '{self._there(disk)}' on the target")

    async def mirror(self) -> None:
        """Copies the disks of a running guest and keeps them in step."""
        if not self.disks:
            return
        vmid = self._journey.guest.vmid
        self._say("starting storage migration")
        for disk in self.disks:
            export = f"nbd:unix:/run/qemu-server/{vmid}_nbd.migrate:exportname=drive-{disk.key}"
            self._say(f"{disk.key}: start migration to {export}")
            self._print(f"drive mirror is starting for drive-{disk.key}")
            await self._mirror_one(disk)
        self._print("all 'mirror' jobs are ready")
        self._say("switching mirror jobs to actively synced mode")
        for disk in self.disks:
            self._print(f"mirror-{disk.key}: switching to actively synced mode")
            self._print(f"mirror-{disk.key}: successfully switched to actively synced mode")

    async def _mirror_one(self, disk: Disk) -> None:
        async for sent, seconds in self._sent(disk, LINE_EVERY_SECONDS):
            self._print(self._progress(disk, sent, seconds))

    def _progress(self, disk: Disk, sent: float, seconds: float) -> str:
        """`mirror-scsi0: transferred 1.2 GiB of 32.0 GiB (3.75%) in 4s`, at the end `, ready`."""
        percent = 100 * sent / disk.size
        ready = ", ready" if sent >= disk.size else ""
        return (
            f"mirror-{disk.key}: transferred {lines.render_bytes(sent)} of "
            f"{lines.render_bytes(disk.size)} ({percent:.2f}%) in {lines.spoken(seconds)}{ready}"
        )

    def complete(self) -> None:
        """The guest runs over there: the mirrors are given up."""
        if not self.disks:
            return
        self._print("all 'mirror' jobs are ready")
        for disk in self.disks:
            self._print(f"mirror-{disk.key}: Completing block job...")
            self._print(f"mirror-{disk.key}: Completed successfully.")
            self._print(f"mirror-{disk.key}: mirror-job finished")

    async def copy_offline(self) -> None:
        """Copies the disks of a stopped guest with dd."""
        if not self.disks:
            return
        self._say("copying local disk images")
        await self.copy_volumes()

    async def copy_volumes(self) -> None:
        """The copying itself, which containers have too."""
        for disk in self.disks:
            await self._copy_one(disk)
            self._say(f"successfully imported '{self._there(disk)}'")
            self._say(f"volume '{disk.volume}' is '{self._there(disk)}' on the target")

    async def _copy_one(self, disk: Disk) -> None:
        self._say_made(disk)
        try:
            async for sent, seconds in self._sent(disk, DD_LINE_EVERY_SECONDS):
                self._say(lines.dd(int(sent), seconds))
        except asyncio.CancelledError as interrupt:
            raise MigrationFailed(self._interrupted(disk)) from interrupt

    def _say_made(self, disk: Disk) -> None:
        there = self._there(disk)
        storage = self._journey.world.storages[there.partition(":")[0]]
        if storage.type in FILE_STORAGES:
            form = format_of(there)
            self._say(f"Formatting '{file_of(storage, there)}', fmt={form} size={disk.size}")

    def _interrupted(self, disk: Disk) -> str:
        """A copy that was stopped names the whole pipe that carried it."""
        target = self._journey.world.nodes[self._journey.order.target]
        there, form = self._there(disk), f"{format_of(disk.volume)}+size"
        ssh = SSH.format(name=target.name, ip=target.ip)
        return (
            f"storage migration for '{disk.volume}' to storage '{there.partition(':')[0]}' failed -"
            f" command 'set -o pipefail && pvesm export {disk.volume} {form} - -with-snapshots 1"
            f" | {ssh} -- pvesm import {there} {form} - -with-snapshots 1 -allow-rename 1' failed:"
            " interrupted by signal"
        )

    async def _sent(self, disk: Disk, every: float) -> AsyncIterator[tuple[float, float]]:
        """Sends a disk; bytes and wall seconds so far, every so often and at the end."""
        world, sent, silent = self._journey.world, 0.0, 0.0
        began = ticked = line_at = world.now()
        while sent < disk.size:
            await world.clock.pause(TICK_SECONDS)
            now, rate = world.now(), self._rate()
            silent = 0.0 if rate else silent + now - ticked
            if silent > world.clock.shortened(STALL_SECONDS):
                raise MigrationFailed("block job (mirror) error: Connection timed out")
            sent, ticked = min(float(disk.size), sent + rate * (now - ticked)), now
            if now - line_at >= every or sent >= disk.size:
                line_at = now
                yield sent, now - began
