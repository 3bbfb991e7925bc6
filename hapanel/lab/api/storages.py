"""/storage, the storages of a node and its volume groups."""

from hapanel.lab.api.routing import AUDIT_CLUSTER, Call, Needs, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.schema import flag, maybe
from hapanel.lab.world import Storage

Row = dict[str, object]


@api.on(
    "GET",
    "/nodes/{node}/storage",
    proxied=True,
    params=[maybe("content"), flag("enabled"), flag("format"), maybe("storage"), maybe("target")],
)
def node_storages(call: Call) -> object:
    """Storages of the node with their sizes, those the caller may see."""
    rows = [
        _storage_status(storage)
        for storage in call.world.storages.values()
        if storage.is_on(call.text("node"))
        and call.text("storage", storage.storage) == storage.storage
        and (not call.has("content") or call.text("content") in storage.content.split(","))
        and (not call.has("target") or storage.is_on(call.text("target")))
        and may_see(call, storage)
    ]
    return call.shuffled([{"storage": s, **row} for s, row in rows])


def may_see(call: Call, storage: Storage) -> bool:
    """The filter of every storage list."""
    path = f"/storage/{storage.storage}"
    return call.may(path, "Datastore.Audit", "Datastore.AllocateSpace")


def _storage_status(storage: Storage) -> tuple[str, Row]:
    return storage.storage, {
        "type": storage.type,
        "content": storage.content,
        "shared": int(storage.shared),
        "active": 1,
        "enabled": 1,
        "total": storage.total,
        "used": storage.used,
        "avail": storage.total - storage.used,
        "used_fraction": storage.used / storage.total,
    }


@api.on("GET", "/nodes/{node}/storage/{storage}/status", proxied=True)
def node_storage_status(call: Call) -> object:
    """One storage; Datastore.Audit is checked on it."""
    storage = call.world.storages.get(call.text("storage"))
    if storage is None or not may_see(call, storage):
        raise bad_parameters({"storage": "No such storage."})
    return _storage_status(storage)[1]


@api.on(
    "GET",
    "/storage",
    params=[
        maybe(
            "type",
            enum=(
                "btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin",
                "nfs", "pbs", "rbd", "zfs", "zfspool",
            ),
        )
    ],
)  # fmt: skip
def storage_list(call: Call) -> object:
    """storage.cfg, the entries the caller may see."""
    digest = call.world.config_digest()
    return call.shuffled(
        [
            {**_storage_entry(storage), "digest": digest}
            for storage in call.world.storages.values()
            if may_see(call, storage) and call.text("type", storage.type) == storage.type
        ]
    )


@api.on("GET", "/storage/{storage}", needs=Needs("/storage/{storage}", ("Datastore.Allocate",)))
def storage_entry(call: Call) -> object:
    """One entry; unlike the list it needs Datastore.Allocate."""
    storage = call.world.storages.get(call.text("storage"))
    if storage is None:
        raise died(f"storage '{call.text('storage')}' does not exist")
    return {**_storage_entry(storage), "digest": call.world.config_digest()}


def _storage_entry(storage: Storage) -> Row:
    row: Row = {"storage": storage.storage, "type": storage.type, "content": storage.content}
    if storage.shared:
        row["shared"] = 1
    if storage.nodes:
        row["nodes"] = ",".join(storage.nodes)
    if storage.vgname:
        row["vgname"] = storage.vgname
    if storage.path:
        row["path"] = storage.path
    return row


@api.on("GET", "/nodes/{node}/disks/lvm", needs=AUDIT_CLUSTER, proxied=True)
def node_lvm(call: Call) -> object:
    """Volume groups and what they lie on."""
    groups: list[Row] = []
    for storage in call.world.storages.values():
        if storage.vgname and storage.is_on(call.text("node")):
            free = storage.total - storage.used
            below = {"name": storage.device, "size": storage.total, "free": free, "leaf": 1}
            groups.append(
                {
                    "name": storage.vgname,
                    "size": storage.total,
                    "free": free,
                    "leaf": 0,
                    "lvcount": sum(1 for _ in call.world.guests),
                    "children": [below],
                }
            )
    return {"leaf": 0, "children": groups}
