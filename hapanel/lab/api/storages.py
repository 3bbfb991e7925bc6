"""/storage: the entries of storage.cfg, which the whole cluster shares."""

from dataclasses import replace

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.backup.retention import PRUNE
from hapanel.lab.errors import MODIFIED, died
from hapanel.lab.formats import NODE_NAME, STORAGE_ID
from hapanel.lab.schema import Param, Type, flag, items_of, maybe
from hapanel.lab.storage_types import COMMON, TYPES, check, made
from hapanel.lab.world import Storage

Row = dict[str, object]

ALL_TYPES = (
    "btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs",
    "pbs", "rbd", "zfs", "zfspool",
)  # fmt: skip
ALLOCATE = Needs("/storage", ("Datastore.Allocate",))
STORAGE = Param("storage", **STORAGE_ID)
FIXED = (
    "authsupported", "base", "datastore", "export", "iscsiprovider", "path", "portal", "share",
    "target", "thinpool", "vgname",
)  # fmt: skip
CHANGEABLE = [
    *(
        maybe(name)
        for name in (
            "blocksize", "bwlimit", "comstar_hg", "comstar_tg", "content", "content-dirs",
            "data-pool", "encryption-key", "fs-name", "is_mountpoint", "keyring", "lio_tpg",
            "master-pubkey", "monhost", "mountpoint", "namespace", "options", "pool",
            "saferemove_throughput", "server", "subdir", "username",
            "zfs-base-path",
        )
    ),
    *(
        flag(name)
        for name in (
            "create-base-path", "create-subdirs", "disable", "fuse", "krbd", "mkdir", "nocow",
            "nowritecache", "saferemove", "shared", "skip-cert-verification",
            "snapshot-as-volume-chain", "sparse", "tagged_only",
        )
    ),
    maybe("domain", max_length=256),
    maybe("fingerprint", pattern=r"([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}"),
    maybe("format", enum=("raw", "qcow2", "subvol", "vmdk")),
    maybe("max-protected-backups", Type.INTEGER, minimum=-1),
    maybe("nodes", **NODE_NAME, many=True),
    maybe("password", max_length=256),
    maybe("port", Type.INTEGER, minimum=1, maximum=65535),
    maybe("preallocation", enum=("off", "metadata", "falloc", "full")),
    maybe("saferemove-stepsize", Type.INTEGER, enum=("1", "2", "4", "8", "16", "32")),
    maybe("prune-backups", check=PRUNE.checker()),
    maybe("smbversion", enum=("default", "2.0", "2.1", "3", "3.0", "3.11")),
]  # fmt: skip


def may_see(call: Call, storage: Storage) -> bool:
    """The filter of every storage list."""
    path = f"/storage/{storage.storage}"
    return call.may(path, "Datastore.Audit", "Datastore.AllocateSpace")


@api.on("GET", "/storage", params=[maybe("type", enum=ALL_TYPES)])
def storage_list(call: Call) -> object:
    """The entries the caller may see."""
    return call.shuffled(
        [
            _row(call, storage)
            for storage in call.world.storages.values()
            if may_see(call, storage) and call.text("type", storage.type) == storage.type
        ]
    )


@api.on(
    "GET", "/storage/{storage}",
    needs=Needs("/storage/{storage}", ("Datastore.Allocate",)), params=[STORAGE],
)  # fmt: skip
def storage_entry(call: Call) -> object:
    """One entry; unlike the list it needs Datastore.Allocate."""
    return _row(call, _storage(call))


def _storage(call: Call, prefix: str = "") -> Storage:
    storage = call.world.storages.get(call.text("storage"))
    if storage is None:
        raise died(f"{prefix}storage '{call.text('storage')}' does not exist")
    return storage


def _row(call: Call, storage: Storage) -> Row:
    row: Row = {
        "storage": storage.storage,
        "type": storage.type,
        "content": storage.content,
        "digest": call.world.storage_digest(),
        **{name: value for name, value in storage.options.items() if name != "password"},
    }
    known = {
        "shared": int(storage.shared),
        "disable": int(storage.is_disabled),
        "nodes": ",".join(storage.nodes),
        "vgname": storage.vgname,
        "path": storage.path,
    }
    return row | {name: value for name, value in known.items() if value}


def _given(call: Call) -> dict[str, str]:
    """What was told about the storage, as the file holds it."""
    names = (p.name for p in call.route.params)
    told = [n for n in names if n not in ("storage", "type", "delete", "digest") and call.has(n)]
    values = {name: call.values[name] for name in told}
    return {n: str(int(v)) if isinstance(v, bool) else str(v) for n, v in values.items()}


@api.on(
    "POST",
    "/storage",
    needs=ALLOCATE,
    params=[
        STORAGE,
        Param("type", enum=ALL_TYPES),
        *(maybe(name) for name in FIXED),
        *CHANGEABLE,
    ],
)
async def storage_create(call: Call) -> object:
    """Adds an entry, if the lab has such a place."""
    name, type_, given = call.text("storage"), call.text("type"), _given(call)
    if type_ not in TYPES:
        raise died(f"create storage failed: storage '{name}' is not online")
    check(type_, given)
    _check_content(type_, given)
    await call.need_lock("file-storage_cfg", "create storage failed: ")
    if name in call.world.storages:
        raise died(f"create storage failed: storage ID '{name}' already defined")
    call.world.storages[name] = made(call.world, name, type_, given)
    call.world.has_storage_config = True
    return {"storage": name, "type": type_}


def _check_content(type_: str, given: dict[str, str]) -> None:
    for kind in items_of(given.get("content", "")):
        if kind not in TYPES[type_].kinds:
            raise died(f"storage does not support content type '{kind}'")


@api.on(
    "PUT",
    "/storage/{storage}",
    needs=ALLOCATE,
    params=[
        STORAGE, *CHANGEABLE, maybe("delete", max_length=4096), maybe("digest", max_length=64),
    ],
)  # fmt: skip
async def storage_change(call: Call) -> object:
    """Changes an entry; where its volumes lie is fixed."""
    prefix, given = "update storage failed: ", _given(call)
    await call.need_lock("file-storage_cfg", prefix)
    storage = _storage(call, prefix)
    if call.has("digest") and call.text("digest") != call.world.storage_digest():
        raise died(f"{prefix}{MODIFIED}")
    if storage.type in TYPES:
        check(storage.type, {**dict.fromkeys(TYPES[storage.type].mandatory, ""), **given})
        _check_content(storage.type, given)
    deleted = items_of(call.text("delete"))
    _check_deleted(storage, given, deleted, prefix)
    call.world.storages[storage.storage] = _changed(storage, given, deleted)
    return {"storage": storage.storage, "type": storage.type}


def _check_deleted(
    storage: Storage, given: dict[str, str], deleted: list[str], prefix: str
) -> None:
    for name in deleted:
        if name in given:
            raise died(f"{prefix}cannot set and delete property '{name}' at the same time!")
        if name in FIXED:
            raise died(f"{prefix}unable to delete fixed option '{name}'")
        if storage.type in TYPES and name not in TYPES[storage.type].optional:
            raise died(f"{prefix}no such option '{name}'")


def _changed(storage: Storage, given: dict[str, str], deleted: list[str]) -> Storage:
    told = {**given, **dict.fromkeys(deleted, "")}
    options = {name: value for name, value in storage.options.items() if name not in told}
    options |= {name: value for name, value in given.items() if name not in COMMON}
    content = told.get("content", storage.content)
    if not content and storage.type in TYPES:
        content = TYPES[storage.type].content
    return replace(
        storage,
        content=content,
        shared=told["shared"] == "1" if "shared" in told else storage.shared,
        nodes=tuple(items_of(told["nodes"])) if "nodes" in told else storage.nodes,
        is_disabled=told["disable"] == "1" if "disable" in told else storage.is_disabled,
        options=options,
    )


@api.on("DELETE", "/storage/{storage}", needs=ALLOCATE, params=[STORAGE])
async def storage_delete(call: Call) -> None:
    """Forgets an entry; its volumes stay where they are."""
    await call.need_lock("file-storage_cfg", "delete storage failed: ")
    name = _storage(call, "delete storage failed: ").storage
    if any(_stands_on(storage, name) for storage in call.world.storages.values()):
        raise died(
            "delete storage failed: can't remove storage - storage is used as base of"
            " another storage"
        )
    del call.world.storages[name]


def _stands_on(storage: Storage, name: str) -> bool:
    return str(storage.options.get("base", "")).startswith(f"{name}:")
