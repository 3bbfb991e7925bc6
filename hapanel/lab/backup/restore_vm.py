"""qmrestore: an archive becomes a VM, over the one that was there or a new one.

Facts: qemu-server API2/Qemu.pm (create_vm) and QemuServer.pm (restore_vma_archive).
"""

import asyncio
from datetime import UTC, datetime

from hapanel.lab.backup.flow import flow
from hapanel.lab.backup.restoring import (
    NOT_CLEANED_UP,
    NewDisk,
    Restore,
    RestoreOrder,
    check_bridges,
)
from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.sizes import is_disk, size_of_disk
from hapanel.lab.guests.volumes import file_of, volumes_in
from hapanel.lab.names import Kind
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, Storage, World

TEMPORARY = {"memory": "128"}
NOT_LIVE = "live-restore is only compatible with backup images from a Proxmox Backup Server"
DECOMPRESSORS = {"zst": "zstd -q -d -c", "gz": "zcat", "lzo": "lzop -d -c"}


def restoring_vm(world: World, guest: Guest, order: RestoreOrder) -> Work:
    """The task's work. The guest is locked already; when it fails what was done stays done."""

    async def work(task: Task) -> None:
        restore = Restore(world, guest, order, task)
        try:
            _check(guest, order)
            async with config_lock(world, guest, task.print):
                await _restore(restore)
        except asyncio.CancelledError:
            if not task.lost:
                _give_up(guest, task)
            raise
        except (LockTimeout, ValueError, TaskFailed) as fault:
            _give_up(guest, task)
            raise TaskFailed(str(fault)) from fault
        order.then()

    return work


def _check(guest: Guest, order: RestoreOrder) -> None:
    """What is found out in the task only."""
    title = f"unable to restore VM {guest.vmid} -"
    if guest.config.get("protection"):
        raise TaskFailed(f"{title} - protection mode enabled")
    if guest.is_running:
        raise TaskFailed(f"{title} vm is running")
    if order.archive.kind is not Kind.QEMU:
        words = "does not look like a QemuServer vzdump backup"
        raise TaskFailed(f"ERROR: file '{order.path}' {words}")
    check_bridges(order)
    if order.is_live:
        raise TaskFailed(NOT_LIVE)


def _give_up(guest: Guest, task: Task) -> None:
    guest.lock = None
    task.print(NOT_CLEANED_UP.format(vmid=guest.vmid))


async def _restore(restore: Restore) -> None:
    order, task, guest = restore.order, restore.task, restore.guest
    archive = order.archive
    _say_archive(restore)
    places = {key: _place(restore, str(archive.config[key])) for key in archive.disks}
    kept = _free_old(restore)
    restore.forget_past(dict(TEMPORARY))
    disks = [restore.allocate(k, str(archive.config[k]), places[k]) for k in archive.disks]
    for disk in disks:
        task.print(f"new volume ID is '{disk.volid}'")
    for disk in disks:
        path = file_of(disk.storage, disk.volid)
        zeros = int(disk.storage.type == "lvm")
        task.print(f"map 'drive-{disk.key}' to '{path}' (write zeros = {zeros})")
    await _extract(restore, disks)
    config = {k: v for k, v in archive.config.items() if k in archive.disks or not is_disk(k, v)}
    restore.take_over(config | {disk.key: disk.entry for disk in disks})
    task.print("rescan volumes...")
    for number, volid in enumerate(kept):
        guest.config[f"unused{number}"] = volid
        task.print(
            f"VM {guest.vmid} add unreferenced volume '{volid}' as 'unused{number}' to config"
        )


def _say_archive(restore: Restore) -> None:
    archive, task, order = restore.order.archive, restore.task, restore.order
    folder = f"/var/tmp/vzdumptmp{task.pid}"
    packed = archive.format.rpartition(".")[2]
    source = order.path
    if packed in DECOMPRESSORS:
        task.print(
            f"restore vma archive: {DECOMPRESSORS[packed]} {source} | "
            f"vma extract -v -r {folder}.fifo - {folder}"
        )
    else:
        task.print(f"restore vma archive: vma extract -v -r {folder}.fifo {source} {folder}")
    size = sum(len(f"{key}: {value}\n") for key, value in archive.config.items())
    task.print(f"CFG: size: {size} name: qemu-server.conf")
    for number, key in enumerate(archive.disks):
        size = size_of_disk(str(archive.config[key]))
        task.print(f"DEV: dev_id={number + 1} size: {size} devname: drive-{key}")
    task.print(f"CTIME: {datetime.fromtimestamp(archive.ctime, UTC):%a %b %e %H:%M:%S %Y}")


def _place(restore: Restore, text: str) -> Storage:
    """The storage for a disk: the one that was asked for, or where it lay."""
    world, order = restore.world, restore.order
    name = order.storage or text.partition(":")[0]
    storage = world.storages.get(name)
    if storage is None:
        raise ValueError(f"storage '{name}' does not exist")
    if storage.is_disabled:
        raise ValueError(f"storage '{name}' is disabled")
    if not storage.is_on(restore.guest.node):
        raise ValueError(f"storage '{name}' is not available on node '{restore.guest.node}'")
    if "images" not in storage.content.split(","):
        raise ValueError(f"Content type 'images' is not available on storage '{name}'")
    order.need(f"/storage/{name}", "Datastore.AllocateSpace")
    return storage


def _free_old(restore: Restore) -> list[str]:
    """Disks that are in the archive make room for their successors, others stay as unused ones."""
    guest = restore.guest
    gone = {str(guest.config.get(key, "")).split(",")[0] for key in restore.order.archive.disks}
    kept = [volid for volid in volumes_in(guest) if volid not in gone]
    for volid in volumes_in(guest):
        if volid in gone:
            restore.free(volid)
    restore.taken |= set(kept)
    return kept


async def _extract(restore: Restore, disks: list[NewDisk]) -> None:
    archive, task, world = restore.order.archive, restore.task, restore.world
    size = sum(disk.size for disk in disks)
    if not size:
        return
    rate = restore.rate(disks) * size / max(archive.data, 1)
    percent, before = 0, 0.0
    async for done, seconds in flow(world, size, rate):
        for disk in disks:
            restore.write(disk.storage, (done - before) * archive.data / size * disk.size / size)
        before = done
        while percent < int(done * 100 / size):
            percent += 1
            read = size * percent // 100
            task.print(f"progress {percent}% (read {read} bytes, duration {int(seconds)} sec)")
    sparse = size - archive.data
    share = f"{100 * sparse / size:.3g}%"
    task.print(f"total bytes read {size}, sparse bytes {sparse} ({share})")
    task.print("space reduction due to 4K zero blocks 0.5%")
