"""/nodes/{node}/storage/{storage}/content: the volumes on a storage, and taking archives away.

Facts: pve-storage API2/Storage/Content.pm.
"""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.api.storage_volumes import ON_FILES, SEE, STORAGE, Row, known_storage
from hapanel.lab.backup.archives import Archive, dump_folder, owner_of
from hapanel.lab.errors import TaskFailed, bad_parameters, died
from hapanel.lab.guests.volumes import Volume, data_in, file_of, volumes_on
from hapanel.lab.migration.disks import disks_of
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, Storage

REMOVE_SECONDS = 0.5
VOLUME = Param("volume")


@api.on(
    "GET",
    "/nodes/{node}/storage/{storage}/content",
    needs=SEE,
    proxied=True,
    protected=True,
    params=[
        STORAGE, maybe("content"), maybe("vmid", Type.INTEGER, minimum=100, maximum=999999999),
    ],
)  # fmt: skip
def storage_content(call: Call) -> object:
    """Volumes of guests, of those the caller may change, and archives he may read."""
    storage = known_storage(call)
    volumes = [
        row
        for guest in call.world.guests.values()
        if _sees_volumes_of(call, storage, guest) and (storage.shared or _is_here(call, guest))
        for row in _volumes(call, storage, guest)
    ]
    found = [*volumes, *_archives(call, storage)]
    return [row for row in found if call.text("content", str(row["content"])) == row["content"]]


def _archives(call: Call, storage: Storage) -> list[Row]:
    return [
        _archive_row(archive)
        for archive in call.world.archives.on(storage, call.text("node"))
        if call.number("vmid", archive.vmid) == archive.vmid and _may_read(call, archive)
    ]


def _may_read(call: Call, archive: Archive) -> bool:
    path = f"/storage/{archive.storage}"
    owns = call.may(path, "Datastore.AllocateSpace") and call.may(
        f"/vms/{archive.vmid}", "VM.Backup"
    )
    return owns or call.may(path, "Datastore.Allocate")


def _archive_row(archive: Archive) -> Row:
    """Of notes the first line; a mark only where there is one."""
    row: Row = {
        "volid": archive.volid,
        "content": "backup",
        "vmid": archive.vmid,
        "subtype": archive.kind.value,
        "format": archive.format,
        "ctime": archive.ctime,
        "size": archive.size,
    }
    if archive.notes:
        row["notes"] = archive.notes.split("\n")[0]
    return row | ({"protected": 1} if archive.protected else {})


def _is_here(call: Call, guest: Guest) -> bool:
    return guest.node == call.text("node")


def _sees_volumes_of(call: Call, storage: Storage, guest: Guest) -> bool:
    if call.has("vmid") and call.number("vmid") != guest.vmid:
        return False
    manages = call.may(f"/storage/{storage.storage}", "Datastore.Allocate")
    return manages or call.may(f"/vms/{guest.vmid}", "VM.Config.Disk")


def _volumes(call: Call, storage: Storage, guest: Guest) -> list[Row]:
    """A file has a parent and a real size, a logical volume has not."""
    rows: list[Row] = []
    for disk in disks_of(guest):
        if disk.storage != storage.storage:
            continue
        row: Row = {
            "volid": disk.volume,
            "vmid": guest.vmid,
            "size": disk.size,
            "format": "qcow2" if disk.volume.endswith(".qcow2") else "raw",
            "content": "images" if guest.kind is Kind.QEMU else "rootdir",
            "ctime": int(call.world.nodes[guest.node].booted_at),
        }
        if storage.type in ON_FILES:
            row |= {"parent": None, "used": data_in(guest, disk.size)}
        rows.append(row)
    return rows


@api.on(
    "GET",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    proxied=True,
    protected=True,
    params=[STORAGE, VOLUME],
)
def volume_info(call: Call) -> object:
    """A volume's path and size; an archive's marks, too."""
    storage, volid = _volume(call)
    for volume in volumes_on(call.world, storage, call.node):
        if volume.volid == volid:
            return _image_info(call, storage, volume)
    archive = _named_archive(call)
    row: Row = {
        "path": f"{dump_folder(storage)}/{archive.file}",
        "size": archive.size,
        "used": archive.size,
        "format": archive.format,
        "protected": int(archive.protected),
    }
    return row if archive.notes is None else {**row, "notes": archive.notes}


def _image_info(call: Call, storage: Storage, volume: Volume) -> Row:
    guest = call.world.guests[volume.vmid]
    if not _sees_volumes_of(call, storage, guest):
        call.need(f"/storage/{storage.storage}", "Datastore.Allocate")
    used = data_in(guest, volume.size) if storage.type in ON_FILES else 0
    path = file_of(storage, volume.volid)
    return {"path": path, "size": volume.size, "used": used, "format": volume.format}


@api.on(
    "PUT",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    proxied=True,
    params=[STORAGE, VOLUME, maybe("notes"), flag("protected")],
)
def volume_mark(call: Call) -> None:
    """Writes notes and the mark that keeps an archive."""
    archive = _named_archive(call)
    if call.has("notes"):
        archive.notes = call.text("notes") or None
    if call.has("protected"):
        archive.protected = call.flag("protected")


@api.on(
    "DELETE",
    "/nodes/{node}/storage/{storage}/content/{volume}",
    proxied=True,
    params=[STORAGE, VOLUME, maybe("delay", Type.INTEGER, minimum=1, maximum=30)],
)
async def volume_delete(call: Call) -> object:
    """imgdel; with `delay` null when it is done by then."""
    storage, volid, owner = _named(call)
    _need_backup_rights(call, storage, owner)
    work = _removing(call, storage, volid)
    upid = call.fork("imgdel", f"{owner}@{storage.storage}", work)
    if not call.has("delay"):
        return upid
    task = call.world.tasks.find(upid)
    await task.has_ended() if task else None
    if task is not None and task.status not in (None, "OK"):
        raise died(task.status)
    return None


def _removing(call: Call, storage: Storage, volid: str) -> Work:
    node = call.node

    async def work(task: Task) -> None:
        await call.world.clock.pass_time(REMOVE_SECONDS)
        archive = call.world.archives.find(storage, node, volid)
        name = volid.partition(":")[2]
        if archive is None:
            file = name.rpartition("/")[2]
            task.print(f"disk image '{dump_folder(storage)}/{file}' does not exist")
        elif archive.protected:
            place = f"'{name}' on '{storage.storage}'"
            raise TaskFailed(f"cannot remove protected volume {place}")
        else:
            call.world.archives.remove(archive)
        task.print(f"Removed volume '{volid}'")

    return work


def _volume(call: Call) -> tuple[Storage, str]:
    """The volume of the path; its storage may stand before its name or not."""
    volume, name = call.text("volume"), call.text("storage")
    if ":" in volume and volume.partition(":")[0] != name:
        wrong = f"storage ID mismatch ({volume.partition(':')[0]} != {name})"
        raise bad_parameters({"volume": wrong})
    return known_storage(call), volume if ":" in volume else f"{name}:{volume}"


def _named(call: Call) -> tuple[Storage, str, int]:
    """Storage, volume and guest of an archive."""
    storage, volid = _volume(call)
    owner = owner_of(volid.partition(":")[2])
    if owner is None:
        word = "directory" if storage.type in ON_FILES else "lvm"
        raise died(f"unable to parse {word} volume name '{volid.partition(':')[2]}'")
    return storage, volid, owner


def _need_backup_rights(call: Call, storage: Storage, owner: int) -> None:
    call.need(f"/storage/{storage.storage}", "Datastore.AllocateSpace")
    call.need(f"/vms/{owner}", "VM.Backup")


def _named_archive(call: Call) -> Archive:
    storage, volid, owner = _named(call)
    if not call.may(f"/storage/{storage.storage}", "Datastore.Allocate"):
        _need_backup_rights(call, storage, owner)
    archive = call.world.archives.find(storage, call.node, volid)
    if archive is None:
        raise died(f"volume '{volid}' does not exist")
    return archive
