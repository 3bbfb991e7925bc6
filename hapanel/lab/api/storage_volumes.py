"""/nodes/{node}/storage: the storages as a node sees them."""

from hapanel.lab.api.charts import NODE_FRAMES, chart
from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.api.storages import may_see
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.formats import NODE_NAME, STORAGE_ID
from hapanel.lab.schema import Param, flag, items_of, maybe
from hapanel.lab.world import Storage

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
        {"storage": storage.storage, **_status(call, storage), **_formats(call, storage)}
        for storage in call.world.storages.values()
        if storage.is_on(call.text("node"))
        and call.text("storage", storage.storage) == storage.storage
        and (not contents or contents & set(storage.content.split(",")))
        and (not call.has("target") or (storage.shared and storage.is_on(call.text("target"))))
        and not (call.flag("enabled") and storage.is_disabled)
        and may_see(call, storage)
    ]
    return call.shuffled(rows)


def _used(call: Call, storage: Storage) -> int:
    """What the scenario says, and backups."""
    return storage.used + call.world.archives.bytes_on(storage, call.text("node"))


def _status(call: Call, storage: Storage) -> Row:
    """A disabled storage is inactive, and inactive ones have no size."""
    active, used = not storage.is_disabled, _used(call, storage)
    return {
        "type": storage.type,
        "content": storage.content,
        "shared": int(storage.shared),
        "active": int(active),
        "enabled": int(active),
        "total": storage.total if active else 0,
        "used": used if active else 0,
        "avail": storage.total - used if active else 0,
    }


def _formats(call: Call, storage: Storage) -> Row:
    """How full it is, and on request which forms its volumes may have."""
    usable = storage.total and not storage.is_disabled
    row: Row = {"used_fraction": _used(call, storage) / storage.total if usable else 0}
    if call.flag("format"):
        supported = ["qcow2", "raw", "subvol", "vmdk"] if storage.type in ON_FILES else ["raw"]
        row["formats"] = {"default": "raw", "supported": supported}
    return row


def known_storage(call: Call) -> Storage:
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
    return _status(call, storage)


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
    storage, node = known_storage(call), call.world.node(call.text("node"))

    def point(at: float) -> Row:
        base = _used(call, storage)
        used = call.world.wave(f"{storage.storage}/used", base, 0.002).at(at)
        return {"total": storage.total, "used": used}

    return chart(call, node.booted_at, point)
