"""What qmrestore and vzrestore share: the archive, the place for its disks, what becomes of the
guest's configuration.
"""

import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace

from hapanel.lab.backup.archives import Archive, dump_folder
from hapanel.lab.backup.flow import DISK_BYTES_PER_SECOND, limited, rate_of
from hapanel.lab.guests.config import fresh_uuid, mac_of
from hapanel.lab.guests.drives import format_for
from hapanel.lab.guests.sizes import format_size, size_of_disk
from hapanel.lab.guests.volumes import FILE_STORAGES, format_of, free_number, volume_id
from hapanel.lab.names import Kind
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest, Storage, World

MAC = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
NOT_CLEANED_UP = (
    "error before or during data restore, some or all disks were not completely restored."
    " VM {vmid} state is NOT cleaned up."
)


@dataclass(frozen=True)
class RestoreOrder:
    """`storage` is where all disks go (None: each where it was), `options` override the archive's
    configuration, `need(path, privilege)` raises TaskFailed when the caller has it not.
    `is_new` when there was no such guest before.
    """

    archive: Archive
    source: Storage
    storage: str | None
    unique: bool
    is_new: bool
    options: Mapping[str, object]
    need: Callable[[str, str], None]
    then: Callable[[], None]
    bwlimit: int = 0
    is_live: bool = False

    @property
    def path(self) -> str:
        """The archive's file."""
        return f"{dump_folder(self.source)}/{self.archive.file}"


@dataclass
class NewDisk:
    """A volume for one disk of the archive."""

    key: str
    storage: Storage
    volid: str
    size: int
    entry: str


@dataclass
class Restore:
    """One restore on a guest's node."""

    world: World
    guest: Guest
    order: RestoreOrder
    task: Task
    taken: set[str] = field(default_factory=set)

    def allocate(self, key: str, text: str, storage: Storage) -> NewDisk:
        """A new volume for that entry of the archive's configuration."""
        form = format_for(key)
        values = form.parse(text)
        bare = form.bare or "file"
        kind = format_of(values[bare]) if storage.type in FILE_STORAGES else "raw"
        number = free_number(self.world, storage, self.guest.vmid, self.taken)
        volid = volume_id(storage, self.guest.vmid, number, kind)
        self.taken.add(volid)
        size = size_of_disk(text)
        self.need_group(storage, volid)
        if storage.type in FILE_STORAGES:
            path = f"{storage.path or '/mnt/pve/' + storage.storage}/images"
            name = volid.partition(":")[2]
            self.task.print(f"Formatting '{path}/{name}', fmt={kind} size={size} preallocation=off")
        else:
            self.task.print(f'  Logical volume "{volid.partition(":")[2]}" created.')
        values |= {bare: volid, "size": format_size(size)}
        return NewDisk(key, storage, volid, size, form.print(values))

    def need_group(self, storage: Storage, volid: str) -> None:
        """The volume group must be readable here. Raises ValueError."""
        if storage.vgname:
            name = volid.partition(":")[2]
            try:
                self.world.use_group(self.guest.node, storage.vgname, 0)
            except ValueError as fault:
                raise ValueError(f"lvcreate '{storage.vgname}/{name}' error: {fault}") from fault

    def write(self, storage: Storage, size: float) -> None:
        """Data arrives there, which a volume group on DRBD writes to both nodes."""
        if storage.vgname:
            try:
                self.world.use_group(self.guest.node, storage.vgname, int(size))
            except ValueError as fault:
                raise ValueError(f"write failed: Input/output error ({fault})") from fault

    def rate(self, disks: list[NewDisk]) -> float:
        """Bytes of data a second: what the archive's storage gives and the disks' take."""
        archive = self.order.archive
        smaller = archive.size / max(archive.data, 1)
        read = rate_of(self.order.source) / max(smaller, 0.01)
        write = min((rate_of(disk.storage) for disk in disks), default=DISK_BYTES_PER_SECOND)
        return limited(min(read, write), self.order.bwlimit)

    def free(self, volid: str) -> None:
        """An old volume goes."""
        storage = self.world.storages.get(volid.partition(":")[0])
        if storage is not None and storage.type not in FILE_STORAGES:
            name = volid.partition(":")[2]
            self.task.print(f'  Logical volume "{name}" successfully removed.')

    def forget_past(self, config: dict[str, object]) -> None:
        """Only this is left of the guest's configuration; snapshots and what waited are gone."""
        guest = self.guest
        guest.config.clear()
        guest.config.update(config)
        guest.pending.clear()
        guest.pending_deletes.clear()
        guest.snapshots.clear()
        guest.parent = None

    def take_over(self, config: dict[str, object]) -> None:
        """The guest is what the archive holds."""
        archive, guest = self.order.archive, self.guest
        if self.order.unique:
            self._make_unique(config)
        if str(config.get("vmgenid", "0")) != "0":
            config["vmgenid"] = fresh_uuid(self.world.random)
        self.forget_past({**config, **self.order.options})
        guest.busy, guest.has_system = replace(archive.busy), archive.has_system
        if guest.serves is None and archive.vmid == guest.vmid and archive.serves is not None:
            guest.serves = copy(archive.serves)
        guest.lock = None
        self.world.changed()

    def _make_unique(self, config: dict[str, object]) -> None:
        prefix = str(self.world.options.get("mac_prefix", "BC:24:11"))
        for key in config:
            if key.rstrip("0123456789") == "net":
                mac = mac_of(prefix, f"{self.world.random.random()}")
                config[key] = MAC.sub(mac, str(config[key]))
        if self.guest.kind is Kind.QEMU and "smbios1" in config:
            config["smbios1"] = f"uuid={fresh_uuid(self.world.random)}"


def check_bridges(order: RestoreOrder) -> None:
    """Whoever restores must be allowed to use the bridges of the network cards."""
    for key, value in {**order.archive.config, **order.options}.items():
        found = re.search(r"(?:^|,)bridge=([^,]+)", str(value))
        if key.rstrip("0123456789") == "net" and found:
            order.need(f"/sdn/zones/localnetwork/{found[1]}", "SDN.Use")
