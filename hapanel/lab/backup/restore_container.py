"""vzrestore: an archive becomes a container, over the one that was there or a new one.

Facts: pve-container API2/LXC.pm (create_vm) and LXC/Create.pm.
"""

import asyncio

from hapanel.lab.backup.flow import flow
from hapanel.lab.backup.restoring import NewDisk, Restore, RestoreOrder, check_bridges
from hapanel.lab.backup.wording import tar_total
from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.sizes import is_disk
from hapanel.lab.guests.volumes import volumes_in
from hapanel.lab.names import Kind
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

NO_ROOT = "rootfs configuration could not be recovered, please check and specify manually!"


def restoring_container(world: World, guest: Guest, order: RestoreOrder) -> Work:
    """The task's work. When it fails a new guest is gone again, and of one that was there before
    no more is left than had been done away with by then.
    """

    async def work(task: Task) -> None:
        restore = Restore(world, guest, order, task)
        try:
            async with config_lock(world, guest, task.print):
                await _restore(restore)
        except asyncio.CancelledError:
            if not task.lost:
                _give_up(world, guest, is_lost=order.is_new or bool(restore.taken))
            raise
        except (LockTimeout, ValueError, TaskFailed) as fault:
            _give_up(world, guest, is_lost=order.is_new or bool(restore.taken))
            raise TaskFailed(f"unable to restore CT {guest.vmid} - {fault}") from fault
        order.then()

    return work


def failing(world: World, guest: Guest, volid: str, because: str, *, is_new: bool) -> Work:
    """The work where there is no archive to begin with."""

    async def work(task: Task) -> None:
        task.print(f"recovering backed-up configuration from '{volid}'")
        _give_up(world, guest, is_lost=is_new)
        raise TaskFailed(f"unable to restore CT {guest.vmid} - {because}")

    return work


def _give_up(world: World, guest: Guest, *, is_lost: bool) -> None:
    """A configuration whose disks have been touched is destroyed, else just unlocked."""
    guest.lock = None
    if is_lost:
        world.remove_guest(guest)


async def _restore(restore: Restore) -> None:
    order, task, guest = restore.order, restore.task, restore.guest
    archive = order.archive
    if guest.is_running:
        raise TaskFailed("can't overwrite running container")
    task.print(f"recovering backed-up configuration from '{archive.volid}'")
    if archive.kind is not Kind.LXC:
        raise TaskFailed(NO_ROOT)
    check_bridges(order)
    is_privileged = not archive.config.get("unprivileged")
    if is_privileged and (order.is_new or guest.config.get("unprivileged")):
        order.need("/", "Sys.Modify")
    disks = _allocate(restore)
    for volid in volumes_in(guest):
        restore.free(volid)
    restore.forget_past({})
    task.print(f"restoring '{archive.volid}' now..")
    task.print(f"extracting archive '{order.path}'")
    seconds = await _unpack(restore, disks)
    task.print(tar_total("read", archive.data, seconds))
    task.print(f"Detected container architecture: {archive.config.get('arch', 'amd64')}")
    task.print("merging backed-up and given configuration..")
    config = dict(archive.config) | {disk.key: disk.entry for disk in disks}
    restore.take_over(config)


def _allocate(restore: Restore) -> list[NewDisk]:
    """New volumes for all mount points, before the old ones go; all on one storage."""
    config = restore.order.archive.config
    storage = restore.world.storages[restore.order.storage or "local"]
    keys = sorted((key for key, value in config.items() if is_disk(key, value)), key=_root_first)
    disks = []
    for key in keys:
        disk = restore.allocate(key, str(config[key]), storage)
        blocks = disk.size // 4096
        restore.task.print(f"Creating filesystem with {blocks} 4k blocks and {blocks // 4} inodes")
        disks.append(disk)
    return disks


def _root_first(key: str) -> tuple[bool, str]:
    return key != "rootfs", key


async def _unpack(restore: Restore, disks: list[NewDisk]) -> float:
    """Wall seconds it took. What was not in the archive stays empty."""
    archive, before, began = restore.order.archive, 0.0, restore.world.now()
    root = next(disk.storage for disk in disks)
    async for done, _ in flow(restore.world, archive.data, restore.rate(disks)):
        restore.write(root, done - before)
        before = done
    return restore.world.now() - began
