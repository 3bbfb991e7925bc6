"""/pools: guests and storages under one name, on which rights can be given."""

from collections.abc import Iterable
from typing import TypeVar

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.api.rows import guest_row, storage_row
from hapanel.lab.auth.accounts import Pool
from hapanel.lab.errors import died, forbidden
from hapanel.lab.formats import POOL_ID, STORAGE_ID, VMID_LIST
from hapanel.lab.schema import Param, flag, items_of, maybe

Row = dict[str, object]
T = TypeVar("T")

POOLID = Param("poolid", **POOL_ID)
MEMBER_TYPES = ("qemu", "lxc", "storage")
ALLOCATE = Needs("/pool/{poolid}", ("Pool.Allocate",))
MEMBERS = [
    flag("allow-move"),
    maybe("comment"),
    flag("delete"),
    maybe("storage", **STORAGE_ID, many=True),
    maybe("vms", **VMID_LIST),
]


@api.on(
    "GET",
    "/pools",
    params=[
        maybe("poolid", **POOL_ID),
        maybe("type", enum=MEMBER_TYPES, requires="poolid"),
    ],
)
def pools(call: Call) -> object:
    """Pools the caller may see; with `poolid` that one and its members."""
    known = call.world.accounts.pools
    if call.has("poolid"):
        name = call.text("poolid")
        _need_audit(call, name)
        return [{"poolid": name, **_with_members(call, _pool(call))}]
    seen = (pool for pool in known.values() if call.may(f"/pool/{pool.name}", "Pool.Audit"))
    return call.shuffled([{"poolid": pool.name, **_comment(pool)} for pool in seen])


def _need_audit(call: Call, name: str) -> None:
    if not call.may(f"/pool/{name}", "Pool.Audit"):
        raise forbidden(f"/pool/{name}", "Pool.Audit")


def _comment(pool: Pool) -> Row:
    return {} if pool.comment is None else {"comment": pool.comment}


def _pool(call: Call, prefix: str = "") -> Pool:
    pool = call.world.accounts.pools.get(call.text("poolid"))
    if pool is None:
        raise died(f"{prefix}pool '{call.text('poolid')}' does not exist")
    return pool


def _with_members(call: Call, pool: Pool) -> Row:
    wanted, guests = call.text("type"), call.world.guests
    members = [guest_row(call, guests[vmid]) for vmid in sorted(pool.vms) if vmid in guests]
    for name in sorted(pool.storages & set(call.world.storages)):
        storage = call.world.storages[name]
        node = next(node for node in call.world.nodes.values() if storage.is_on(node.name))
        members.append(storage_row(call, storage, node))
    return {**_comment(pool), "members": [m for m in members if wanted in ("", m["type"])]}


@api.on(
    "GET",
    "/pools/{poolid}",
    needs=Needs("/pool/{poolid}", ("Pool.Audit",)),
    params=[POOLID, maybe("type", enum=MEMBER_TYPES)],
)
def pool_read(call: Call) -> object:
    """One pool and its members."""
    return _with_members(call, _pool(call))


@api.on("POST", "/pools", params=[POOLID, maybe("comment")])
async def pool_create(call: Call) -> None:
    """Adds an empty pool; a name with slashes lies in another pool."""
    _need_allocate(call)
    prefix, name = "create pool failed: ", call.text("poolid")
    await call.need_lock("file-user_cfg", prefix)
    known, parent = call.world.accounts.pools, name.rpartition("/")[0]
    if name in known:
        raise died(f"{prefix}pool '{name}' already exists")
    if parent and parent not in known:
        raise died(f"{prefix}parent '{parent}' of pool '{name}' does not exist")
    known[name] = Pool(name, call.text("comment") or None)


def _need_allocate(call: Call) -> None:
    path = f"/pool/{call.text('poolid')}"
    if not call.may(path, "Pool.Allocate"):
        raise forbidden(path, "Pool.Allocate")


@api.on("PUT", "/pools", params=[POOLID, *MEMBERS])
@api.on("PUT", "/pools/{poolid}", needs=ALLOCATE, params=[POOLID, *MEMBERS])
async def pool_change(call: Call) -> None:
    """Describes a pool, takes members in, or with `delete` lets them go."""
    _need_allocate(call)
    prefix = "update pools failed: "
    await call.need_lock("file-user_cfg", prefix)
    pool = _pool(call, prefix)
    if call.has("comment"):
        pool.comment = call.text("comment")
    for vmid in map(int, items_of(call.text("vms"))):
        _change_guest(call, pool, vmid, prefix)
    for name in items_of(call.text("storage")):
        _need_right(call, f"/storage/{name}", "Datastore.Allocate")
        _change(pool.storages, name, f"{prefix}Storage '{name}'", delete=call.flag("delete"))


def _change_guest(call: Call, pool: Pool, vmid: int, prefix: str) -> None:
    _need_right(call, f"/vms/{vmid}", "Permissions.Modify")
    others = [p for p in _holding(call.world.accounts.pools.values(), vmid) if p is not pool]
    if others and not call.flag("delete"):
        if not call.flag("allow-move"):
            where = f"belongs already to pool '{others[0].name}' and 'allow-move' is not set"
            raise died(f"{prefix}VM {vmid} {where}")
        others[0].vms.discard(vmid)
    _change(pool.vms, vmid, f"{prefix}VM {vmid}", delete=call.flag("delete"))


def _holding(pools: Iterable[Pool], vmid: int) -> list[Pool]:
    return [pool for pool in pools if vmid in pool.vms]


def _need_right(call: Call, path: str, privilege: str) -> None:
    if not call.may(path, privilege, "Permissions.Modify"):
        raise forbidden(path, privilege)


def _change(members: set[T], member: T, what: str, *, delete: bool) -> None:
    if delete and member not in members:
        raise died(f"{what} is not a pool member")
    if not delete and member in members:
        raise died(f"{what} is already a pool member")
    (members.discard if delete else members.add)(member)


@api.on("DELETE", "/pools", params=[POOLID])
@api.on("DELETE", "/pools/{poolid}", needs=ALLOCATE, params=[POOLID])
async def pool_delete(call: Call) -> None:
    """Removes an empty pool and its entries."""
    _need_allocate(call)
    prefix, known = "delete pool failed: ", call.world.accounts.pools
    await call.need_lock("file-user_cfg", prefix)
    pool = _pool(call, prefix)
    inside = [f"pool '{name}'" for name in known if name.startswith(f"{pool.name}/")]
    inside += [f"VM {vmid}" for vmid in sorted(pool.vms & set(call.world.guests))]
    inside += [f"storage '{name}'" for name in sorted(pool.storages & set(call.world.storages))]
    if inside:
        raise died(f"{prefix}pool '{pool.name}' is not empty (contains {inside[0]})")
    del known[pool.name]
