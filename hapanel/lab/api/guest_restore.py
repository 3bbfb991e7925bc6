"""POST /nodes/{node}/qemu|lxc with an archive: what is refused, and the order for the task."""

import re
from collections.abc import Callable

from hapanel.lab.api.guest_config import check_options, options_of
from hapanel.lab.api.routing import Call
from hapanel.lab.backup.archives import Archive, owner_of
from hapanel.lab.backup.restore_container import failing, restoring_container
from hapanel.lab.backup.restore_vm import restoring_vm
from hapanel.lab.backup.restoring import RestoreOrder
from hapanel.lab.errors import ApiError, TaskFailed, bad_parameters, died
from hapanel.lab.guests.life import NewGuest, reserve
from hapanel.lab.guests.sizes import is_disk_key
from hapanel.lab.guests.volumes import FILE_STORAGES
from hapanel.lab.names import Kind
from hapanel.lab.world import Guest, Storage

Then = Callable[[Guest], Callable[[], None]]
ARCHIVE = "backup"
LOCK = "create"
OTHER_VOLUME = re.compile(
    r"(iso|vztmpl|snippets|import)/[^/]+|[1-9]\d+/[^/]+|(vm|base|subvol)-[1-9]\d+-\S+"
)


def may_overwrite(call: Call) -> bool:
    """VM.Backup is enough for one's own guest that is there already."""
    guest = call.world.guests.get(call.number("vmid"))
    is_here = guest is not None and guest.node == call.node and guest.kind is call.kind
    return call.flag("force") and is_here and call.may(f"/vms/{call.number('vmid')}", "VM.Backup")


def restore_vm(call: Call, then: Then) -> str:
    """qmrestore. What is wrong with an existing guest is said by the task, after its number."""
    options = options_of(call)
    for key in sorted(options):
        if is_disk_key(key) and not key.startswith("unused"):
            raise bad_parameters({key: "option conflicts with option 'archive'"})
    volid = call.text("archive")
    if volid == "-":
        raise died("pipe requires cli environment")
    source = _source(call, volid)
    archive = _archive(call, source, volid)
    check_options(call, options)
    title = f"unable to restore VM {call.number('vmid')} -"
    guest, is_new = _place(call, title)
    storage = call.text("storage") or None
    order = _order(call, archive, source, storage, is_new, then(guest))
    return call.fork("qmrestore", guest.vmid, restoring_vm(call.world, guest, order))


def restore_container(call: Call, then: Then) -> str:
    """vzrestore. All volumes go to one storage, and that is `local` unless told otherwise."""
    volid = call.text("ostemplate")
    if volid == "-":
        raise died("pipe requires cli environment")
    check_options(call, options_of(call))
    source = _source(call, volid)
    storage = _directories(call, call.text("storage", "local"))
    guest, is_new = _place(call, f"unable to restore CT {call.number('vmid')} -")
    try:
        archive = _archive(call, source, volid)
    except ApiError as fault:
        work = failing(call.world, guest, volid, fault.message, is_new=is_new)
        return call.fork("vzrestore", guest.vmid, work)
    order = _order(call, archive, source, storage.storage, is_new, then(guest))
    return call.fork("vzrestore", guest.vmid, restoring_container(call.world, guest, order))


def check_container_number(call: Call) -> None:
    """What LXC asks first: is the number free, or its container there, stopped and unprotected?"""
    vmid = call.number("vmid")
    guest = call.world.guests.get(vmid)
    is_here = guest is not None and guest.node == call.node and guest.kind is Kind.LXC
    if guest is not None and not (is_here and call.flag("restore") and call.flag("force")):
        raise died(f"{guest.kind.label} {vmid} already exists on node '{guest.node}'")
    if guest is not None and guest.is_running:
        raise died("can't overwrite running container")
    if guest is not None and guest.config.get("protection"):
        raise died(f"unable to restore CT {vmid} - protection mode enabled")


def _source(call: Call, volid: str) -> Storage:
    """The archive's storage, if the caller may read that volume. Facts: pve-storage Storage.pm."""
    name, sign, rest = volid.partition(":")
    if not sign or volid.startswith("/"):
        if not call.principal.is_root_itself:
            raise died("Only root can pass arbitrary filesystem paths.")
        raise died(f"can't find file '{volid}'")
    storage = call.world.storages.get(name)
    if storage is None:
        raise died(f"storage '{name}' does not exist")
    owner = owner_of(rest)
    if owner is None:
        if not OTHER_VOLUME.fullmatch(rest):
            word = "directory" if storage.type in FILE_STORAGES else "lvm"
            raise died(f"unable to parse {word} volume name '{rest}'")
        raise died(f"unable to use volume {volid} - content type needs to be '{ARCHIVE}'")
    path = f"/storage/{name}"
    if owner != call.number("vmid") and not call.may(path, "Datastore.Allocate"):
        call.need(path, "Datastore.AllocateSpace")
        call.need(f"/vms/{owner}", "VM.Backup")
    return storage


def _archive(call: Call, source: Storage, volid: str) -> Archive:
    if source.is_disabled:
        raise died(f"storage '{source.storage}' is disabled")
    if not source.is_on(call.node):
        raise died(f"storage '{source.storage}' is not available on node '{call.node}'")
    archive = call.world.archives.find(source, call.node, volid)
    if archive is None:
        raise died(f"volume '{volid}' does not exist")
    return archive


def _directories(call: Call, name: str) -> Storage:
    storage = call.world.storages.get(name)
    if storage is None:
        raise died(f"storage '{name}' does not exist")
    if storage.is_disabled:
        raise died(f"storage '{name}' is disabled")
    if not storage.is_on(call.node):
        raise died(f"storage '{name}' is not available on node '{call.node}'")
    if "rootdir" not in storage.content.split(","):
        text = f"storage '{name}' does not support container directories"
        raise bad_parameters({"storage": text})
    call.need(f"/storage/{name}", "Datastore.AllocateSpace")
    return storage


def _place(call: Call, title: str) -> tuple[Guest, bool]:
    """The guest that is overwritten, or a new one under its number; locked. True for a new one."""
    vmid, world = call.number("vmid"), call.world
    there = world.guests.get(vmid)
    if there is None:
        return reserve(world, NewGuest(vmid, call.kind, call.node, {})), True
    if not call.flag("force"):
        raise died(f"{title} {there.kind.label} {vmid} already exists on node '{there.node}'")
    if there.node != call.node or there.kind is not call.kind:
        file = f"/etc/pve/nodes/{call.node}/{call.kind.config_folder}/{vmid}.conf"
        raise died(f"{title} close (rename) atomic file '{file}' failed: File exists")
    if there.lock is not None:
        raise died(f"{title} {there.kind.label} is locked ({there.lock})")
    there.lock = LOCK
    world.changed()
    return there, False


def _order(
    call: Call,
    archive: Archive,
    source: Storage,
    storage: str | None,
    is_new: bool,
    then: Callable[[], None],
) -> RestoreOrder:
    def need(path: str, privilege: str) -> None:
        try:
            call.need(path, privilege)
        except ApiError as refusal:
            raise TaskFailed(f"403 {refusal.message}") from refusal

    return RestoreOrder(
        archive=archive,
        source=source,
        storage=storage,
        unique=call.flag("unique"),
        is_new=is_new,
        options=options_of(call),
        need=need,
        then=then,
        bwlimit=call.number("bwlimit"),
        is_live=call.flag("live-restore"),
    )
