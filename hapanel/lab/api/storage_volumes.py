"""/nodes/{node}/storage: the storages as a node sees them, and the volumes on them."""

from hapanel.lab.api.charts import NODE_FRAMES, chart
from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.api.storages import may_see
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.formats import NODE_NAME, STORAGE_ID
from hapanel.lab.migration.disks import disks_of
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, flag, items_of, maybe
from hapanel.lab.world import Guest, Storage

Row = dict[str, object]

STORAGE = Param("storage", **STORAGE_ID)
SEE = Needs("/storage/{storage}", ("Datastore.Audit", "Datastore.AllocateSpace"), any_of=True)
ON_FILES = ("dir", "nfs", "cifs")


@api.on(
    "GET",
    "/nodes/{node}/storage",
    proxied=True,
    protected=True,
    params=[
        maybe("content"), flag("enabled"), flag("format"), maybe("storage", **STORAGE_ID),
        maybe("target", **NODE_NAME),
    ],
)  # fmt: skip
def node_storages(call: Call) -> object:
    """Storages of the node with their sizes, those the caller may see."""
    contents = set(items_of(call.text("content")))
    rows: list[Row] = [
        {"storage": storage.storage, **_status(storage), **_formats(call, storage)}
        for storage in call.world.storages.values()
        if storage.is_on(call.text("node"))
        and call.text("storage", storage.storage) == storage.storage
        and (not contents or contents & set(storage.content.split(",")))
        and (not call.has("target") or (storage.shared and storage.is_on(call.text("target"))))
        and not (call.flag("enabled") and storage.is_disabled)
        and may_see(call, storage)
    ]
    return call.shuffled(rows)


def _status(storage: Storage) -> Row:
    """A disabled storage is inactive, and inactive ones have no size."""
    active = not storage.is_disabled
    return {
        "type": storage.type,
        "content": storage.content,
        "shared": int(storage.shared),
        "active": int(active),
        "enabled": int(active),
        "total": storage.total if active else 0,
        "used": storage.used if active else 0,
        "avail": storage.total - storage.used if active else 0,
    }


def _formats(call: Call, storage: Storage) -> Row:
    """How full it is, and on request which forms its volumes may have."""
    usable = storage.total and not storage.is_disabled
    row: Row = {"used_fraction": storage.used / storage.total if usable else 0}
    if call.flag("format"):
        supported = ["qcow2", "raw", "subvol", "vmdk"] if storage.type in ON_FILES else ["raw"]
        row["formats"] = {"default": "raw", "supported": supported}
    return row


def _known(call: Call) -> Storage:
    """The storage named by the path, on the node named by the path."""
    storage, node = call.world.storages.get(call.text("storage")), call.text("node")
    if storage is None:
        raise died(f"storage '{call.text('storage')}' does not exist")
    if storage.is_disabled:
        raise died(f"storage '{storage.storage}' is disabled")
    if not storage.is_on(node):
        raise died(f"storage '{storage.storage}' is not available on node '{node}'")
    return storage


@api.on("GET", "/nodes/{node}/storage/{storage}", needs=SEE, params=[STORAGE])
def node_storage_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"subdir": name} for name in ("content", "rrddata", "status")]


@api.on(
    "GET", "/nodes/{node}/storage/{storage}/status",
    needs=SEE, proxied=True, protected=True, params=[STORAGE],
)  # fmt: skip
def node_storage_status(call: Call) -> object:
    """One storage."""
    storage = call.world.storages.get(call.text("storage"))
    if storage is None or not storage.is_on(call.text("node")):
        raise bad_parameters({"storage": "No such storage."})
    return _status(storage)


@api.on(
    "GET",
    "/nodes/{node}/storage/{storage}/rrddata",
    needs=SEE,
    proxied=True,
    protected=True,
    params=[
        STORAGE,
        Param("timeframe", enum=NODE_FRAMES[:-1]),
        maybe("cf", enum=("AVERAGE", "MAX")),
    ],
)
def storage_rrddata(call: Call) -> object:
    """Points of the storage's chart."""
    storage, node = _known(call), call.world.node(call.text("node"))

    def point(at: float) -> Row:
        used = call.world.wave(f"{storage.storage}/used", storage.used, 0.002).at(at)
        return {"total": storage.total, "used": used}

    return chart(call, node.booted_at, point)


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
    """Volumes of guests; of those the caller may change."""
    storage = _known(call)
    return [
        row
        for guest in call.world.guests.values()
        if _sees_volumes_of(call, storage, guest) and (storage.shared or _is_here(call, guest))
        for row in _volumes(call, storage, guest)
        if call.text("content", str(row["content"])) == row["content"]
    ]


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
            row |= {"parent": None, "used": int(disk.size * guest.busy.resident)}
        rows.append(row)
    return rows
