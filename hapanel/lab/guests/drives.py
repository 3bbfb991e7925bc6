"""Entries of a configuration that name disks: checked, allocated, grown, let go.

Facts: qemu-server API2/Qemu.pm (create_disks), pve-container LXC.pm (create_disks).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hapanel.lab.guests.formats import DRIVE, EFI_DISK, MOUNT, TPM_STATE, UNUSED
from hapanel.lab.guests.options import UNUSED as UNUSED_KEYS
from hapanel.lab.guests.sizes import GIB, format_size, is_disk, is_disk_key
from hapanel.lab.guests.volumes import (
    FILE_STORAGES,
    Volume,
    file_of,
    format_of,
    free_number,
    volume_id,
    volumes_on,
)
from hapanel.lab.names import Kind
from hapanel.lab.properties import Format
from hapanel.lab.world import Guest, Storage, World

NEW_DISK = re.compile(r"([^/:\s]+):(\d+(?:\.\d+)?)")
CLOUD_INIT_BYTES = 4 * 1024 * 1024
_FORMATS = {"efidisk": EFI_DISK, "tpmstate": TPM_STATE, "rootfs": MOUNT, "mp": MOUNT}

Say = Callable[[str], None]


def format_for(key: str) -> Format:
    """The property string of that option."""
    stem = key.rstrip("0123456789")
    return UNUSED if stem == "unused" else _FORMATS.get(stem, DRIVE)


@dataclass(frozen=True)
class Wish:
    """What an entry asks for: a new disk of `size` bytes on `storage`, or `volid` as it is."""

    key: str
    values: dict[str, str]
    storage: str | None = None
    size: int | None = None

    @property
    def volid(self) -> str:
        """What the entry names."""
        return self.values[format_for(self.key).bare or "file"]

    @property
    def is_cd(self) -> bool:
        """A drive without a volume of the guest's own."""
        return self.values.get("media") == "cdrom" or self.volid in ("none", "cdrom")


def wish_of(key: str, text: str) -> Wish:
    """Reads a verified entry."""
    form = format_for(key)
    values = form.parse(text)
    volid = values[form.bare or "file"]
    found = NEW_DISK.fullmatch(volid)
    if found and values.get("media") != "cdrom":
        return Wish(key, values, found[1], int(float(found[2]) * GIB))
    storage = volid.partition(":")[0] if ":" in volid else None
    return Wish(key, values, storage)


def wishes(values: Iterable[tuple[str, object]]) -> list[Wish]:
    """Those of an order's options that are about disks."""
    return [wish_of(key, str(text)) for key, text in values if is_disk_key(key)]


@dataclass
class Allocator:
    """Makes the new disks of one order on a guest's node."""

    world: World
    guest: Guest
    say: Say
    taken: set[str] = field(default_factory=set)

    def entry(self, wish: Wish) -> str:
        """The configuration's entry; allocates when it asks for a new disk. Raises ValueError."""
        if wish.is_cd:
            return format_for(wish.key).print(wish.values)
        if wish.volid.startswith("/"):
            return self._path(wish)
        storage = self.world.storages.get(wish.storage or "")
        if storage is None:
            raise ValueError(f"storage '{wish.storage}' does not exist")
        if wish.size is not None:
            return self._new(wish, storage, wish.size)
        if wish.volid.endswith(":cloudinit"):
            return f"{storage.storage}:vm-{self.guest.vmid}-cloudinit,media=cdrom"
        return self._existing(wish, storage)

    def _path(self, wish: Wish) -> str:
        """A container may be given a directory of its node; devices for VMs there are none."""
        if self.guest.kind is Kind.QEMU:
            raise ValueError(f"volume {wish.volid} does not exist")
        return format_for(wish.key).print(wish.values)

    def _existing(self, wish: Wish, storage: Storage) -> str:
        size = next((v.size for v in self._volumes(storage) if v.volid == wish.volid), None)
        if size is None:
            raise ValueError(f"volume '{wish.volid}' does not exist")
        return format_for(wish.key).print({**wish.values, "size": format_size(size)})

    def _volumes(self, storage: Storage) -> Iterable[Volume]:
        return volumes_on(self.world, storage, self.guest.node)

    def _new(self, wish: Wish, storage: Storage, size: int) -> str:
        form = wish.values.get("format", "raw")
        if self.guest.kind is Kind.LXC and size == 0:
            form = "subvol"
        number = free_number(self.world, storage, self.guest.vmid, self.taken)
        volid = volume_id(storage, self.guest.vmid, number, form)
        self.taken.add(volid)
        self._say_made(storage, volid, size)
        kept = {key: text for key, text in wish.values.items() if key not in ("format", "size")}
        kept |= {format_for(wish.key).bare or "file": volid, "size": format_size(size)}
        entry = format_for(wish.key).print(kept)
        if self.guest.kind is Kind.QEMU:
            self.say(f"{wish.key}: successfully created disk '{entry}'")
        return entry

    def _say_made(self, storage: Storage, volid: str, size: int) -> None:
        if storage.type in FILE_STORAGES:
            form = format_of(volid)
            if form != "subvol":
                more = " preallocation=off" if form == "raw" else _QCOW2.format(size=size)
                size_first = f" size={size}" if form == "raw" else ""
                path = file_of(storage, volid)
                self.say(f"Formatting '{path}', fmt={form}{size_first}{more}")
        else:
            self.say(f'  Logical volume "{volid.partition(":")[2]}" created.')
        if self.guest.kind is Kind.LXC and size:
            self.say(
                f"Creating filesystem with {size // 4096} 4k blocks and {size // 16384} inodes"
            )


_QCOW2 = (
    " cluster_size=65536 extended_l2=off preallocation=metadata compression_type=zlib size={size}"
    " lazy_refcounts=off refcount_bits=16"
)


def let_go(guest: Guest, key: str) -> dict[str, object]:
    """Takes a disk out of the configuration; its volume stays as an `unused` one, which it gives.

    An unused volume itself, a CD drive or an empty entry just go.
    """
    entry = guest.config.pop(key, None)
    if entry is None or key.startswith("unused") or not is_disk(key, entry):
        return {}
    volid = str(entry).split(",")[0]
    unused = next(f"unused{n}" for n in range(UNUSED_KEYS) if f"unused{n}" not in guest.config)
    guest.config[unused] = volid
    return {unused: volid}


def grow(guest: Guest, key: str, size: int) -> None:
    """Writes another size into a disk's entry."""
    form = format_for(key)
    values = form.parse(str(guest.config[key]))
    guest.config[key] = form.print({**values, "size": format_size(size)})
