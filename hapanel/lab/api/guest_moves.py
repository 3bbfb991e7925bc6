"""POST /nodes/{node}/qemu/{vmid}/move_disk and /lxc/{vmid}/move_volume: to another storage.

Giving a disk to another guest is answered like a method that is not there.
"""

from hapanel.lab.api.routing import Call, Needs, api, not_implemented
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.formats import STORAGE_ID
from hapanel.lab.guests.moving import Move, moving
from hapanel.lab.guests.options import CT_DISK_KEYS, UNUSED, VM_DISK_KEYS
from hapanel.lab.guests.sizes import is_disk
from hapanel.lab.guests.volumes import FILE_STORAGES, format_of
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.world import Guest, Storage

DISKS = Needs("/vms/{vmid}", ("VM.Config.Disk",))
STALE = "detected modified configuration - file changed by other user? Try again."
_UNUSED = tuple(f"unused{number}" for number in range(UNUSED))
_VMID = maybe("target-vmid", Type.INTEGER, minimum=100, maximum=999999999)
_COMMON = [
    maybe("storage", **STORAGE_ID),
    flag("delete"),
    maybe("digest", max_length=40),
    maybe("target-digest", max_length=40),
    _VMID,
]


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/move_disk",
    needs=DISKS,
    proxied=True,
    params=[
        Param("disk", enum=(*VM_DISK_KEYS, *_UNUSED)),
        maybe("target-disk", enum=(*VM_DISK_KEYS, *_UNUSED)),
        maybe("format", enum=("raw", "qcow2", "vmdk")),
        maybe("bwlimit", Type.INTEGER, minimum=0),
        *_COMMON,
    ],
)
def vm_move_disk(call: Call) -> object:
    """qmmove, also while the VM runs."""
    return _move(call, call.text("disk"), "qmmove", ("images", "vm images"))


@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/move_volume",
    needs=DISKS,
    proxied=True,
    params=[
        Param("volume", enum=(*CT_DISK_KEYS, *_UNUSED)),
        maybe("target-volume", enum=(*CT_DISK_KEYS, *_UNUSED)),
        maybe("bwlimit", Type.NUMBER, minimum=0),
        *_COMMON,
    ],
)
def ct_move_volume(call: Call) -> object:
    """move_volume, of a stopped container only."""
    if call.has("storage") and call.has("target-vmid"):
        raise died("either set storage or target-vmid, but not both")
    key = call.text("volume")
    return _move(call, key, "move_volume", ("rootdir", "container directories"))


def _move(call: Call, key: str, type_: str, content: tuple[str, str]) -> str:
    if not call.has("storage"):
        path = call.route.path.format(node=call.text("node"), vmid=call.number("vmid"))
        raise not_implemented("POST", path)
    call.need(f"/storage/{call.text('storage')}", "Datastore.AllocateSpace")
    guest = call.guest()
    if guest.lock is not None:
        raise died(f"{guest.kind.label} is locked ({guest.lock})")
    if call.has("digest") and call.text("digest") != guest.digest():
        raise died(STALE)
    volid = _volume(guest, key)
    storage = _target(call, content)
    form = call.text("format") or _natural_format(storage, volid)
    if guest.kind is Kind.QEMU and (storage.storage, form) == (
        _storage_of(volid),
        format_of(volid),
    ):
        raise died("you can't move to the same storage with same format")
    if guest.snapshots and call.flag("delete"):
        what = "disk" if guest.kind is Kind.QEMU else "volume"
        raise died(f"you can't move a {what} with snapshots and delete the source")
    call.need_writable(guest)
    move = Move(key, storage.storage, form, call.flag("delete"))
    return call.fork(type_, guest.vmid, moving(call.world, guest, move))


def _volume(guest: Guest, key: str) -> str:
    entry = guest.config.get(key)
    if guest.kind is Kind.LXC:
        if guest.is_running:
            raise died("cannot move volumes of a running container")
        if entry is None or not is_disk(key, entry):
            only = "only configured volumes can be moved to another storage"
            raise died(f"cannot move volume '{key}', {only}")
    if entry is None:
        raise died(f"disk '{key}' does not exist")
    if not is_disk(key, entry):
        raise died("you can't move a cdrom")
    return str(entry).split(",")[0]


def _target(call: Call, content: tuple[str, str]) -> Storage:
    name = call.text("storage")
    storage = call.world.storages.get(name)
    if storage is None:
        raise died(f"storage '{name}' does not exist")
    if not storage.is_on(call.node):
        raise died(f"storage '{name}' is not available on node '{call.node}'")
    if content[0] not in storage.content.split(","):
        raise bad_parameters({"storage": f"storage '{name}' does not support {content[1]}"})
    return storage


def _storage_of(volid: str) -> str:
    return volid.partition(":")[0]


def _natural_format(storage: Storage, volid: str) -> str:
    """Files keep their format, block storages know only raw."""
    return format_of(volid) if storage.type in FILE_STORAGES else "raw"
