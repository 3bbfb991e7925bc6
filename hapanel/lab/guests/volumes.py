"""Volumes of guests: how they are called, what they can, and which of them lie where.

A volume lives in the configurations (and snapshots) that name it; on a storage that is not shared
it lies on its guest's node. Names: pve-storage Plugin.pm, LVMPlugin.pm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hapanel.lab.guests.sizes import is_disk, size_of_disk

if TYPE_CHECKING:
    from hapanel.lab.world import Guest, Storage, World

FILE_STORAGES = frozenset(("dir", "nfs", "cifs", "btrfs", "cephfs"))
SNAPSHOT_STORAGES = frozenset(("lvmthin", "zfspool", "rbd", "btrfs", "zfs"))
DEFAULT_FORMAT = "raw"
TEMPLATES = "vztmpl/"


@dataclass(frozen=True)
class Volume:
    """One image of a guest; `size` in bytes."""

    volid: str
    vmid: int
    size: int
    format: str
    content: str


def volume_id(storage: "Storage", vmid: int, number: int, form: str = DEFAULT_FORMAT) -> str:
    """`shared1:100/vm-100-disk-0.raw` on directories, `vg:vm-100-disk-0` elsewhere."""
    stem = "subvol" if form == "subvol" else "vm"
    name = f"{stem}-{vmid}-disk-{number}"
    if storage.type in FILE_STORAGES:
        return f"{storage.storage}:{vmid}/{name}.{form}"
    return f"{storage.storage}:{name}"


def format_of(volid: str) -> str:
    """The ending of a file, else raw."""
    _, dot, ending = volid.partition(":")[2].rpartition(".")
    return ending if dot else DEFAULT_FORMAT


def file_of(storage: "Storage", volid: str) -> str:
    """Where the node finds the volume."""
    name = volid.partition(":")[2]
    if storage.type in FILE_STORAGES:
        return f"{storage.path or '/mnt/pve/' + storage.storage}/images/{name}"
    return f"/dev/{storage.vgname or storage.storage}/{name}"


def template_of(world: "World", node: str, volid: str) -> str | None:
    """The path of a container template, or None when there is no such volume."""
    storage_id, _, name = volid.partition(":")
    storage = world.storages.get(storage_id)
    if storage is None or not storage.is_on(node) or not name.startswith(TEMPLATES):
        return None
    file = name.removeprefix(TEMPLATES)
    return template_path(storage, file) if file in storage.templates else None


def template_path(storage: "Storage", file: str) -> str:
    """Where a storage keeps that template."""
    return f"{storage.path or '/mnt/pve/' + storage.storage}/template/cache/{file}"


def volumes_in(guest: "Guest") -> dict[str, Volume]:
    """Every volume that the guest's configuration, its pending changes or snapshots name."""
    configs = [guest.config, guest.pending, *(s.config for s in guest.snapshots.values())]
    content = "images" if guest.kind.value == "qemu" else "rootdir"
    found: dict[str, Volume] = {}
    for config in configs:
        for key, value in config.items():
            volid = str(value).split(",")[0]
            if is_disk(key, value) and volid not in found:
                size = size_of_disk(str(value))
                found[volid] = Volume(volid, guest.vmid, size, format_of(volid), content)
    return found


def volumes_on(world: "World", storage: "Storage", node: str) -> Iterator[Volume]:
    """Guests' volumes on a storage as that node sees it."""
    for guest in world.guests.values():
        if storage.shared or guest.node == node:
            for volume in volumes_in(guest).values():
                if volume.volid.partition(":")[0] == storage.storage:
                    yield volume


def free_number(world: "World", storage: "Storage", vmid: int, taken: set[str]) -> int:
    """The lowest disk number that no volume of that guest on the storage has."""
    names = set(taken)
    for guest in world.guests.values():
        if guest.vmid == vmid:
            names |= set(volumes_in(guest))
    used = {
        volid.partition("-disk-")[2].partition(".")[0]
        for volid in names
        if volid.startswith(f"{storage.storage}:")
    }
    return next(number for number in range(len(used) + 1) if str(number) not in used)


def data_in(guest: "Guest", size: int) -> int:
    """How much of that many bytes of its disks the guest has written to."""
    return int(size * guest.busy.resident)


def can_snapshot(storage: "Storage", volid: str) -> bool:
    """Whether the storage can take snapshots of that volume."""
    return storage.type in SNAPSHOT_STORAGES or format_of(volid) == "qcow2"
