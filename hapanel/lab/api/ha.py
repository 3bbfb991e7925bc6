"""/cluster/ha: status, resources, rules. Groups are gone in 9.x and say so."""

import hashlib
import re

from hapanel.lab.api.routing import AUDIT_CLUSTER, HA_WRITE, Call, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.ha.model import Request, Resource
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.world import Guest

Row = dict[str, object]

SID = Param(
    "sid",
    pattern=r"[a-z]+:\S+|[1-9][0-9]{2,8}",
    invalid="value does not look like a valid ha resource id",
)
STATES = ("started", "stopped", "enabled", "disabled", "ignored")
OPTIONS = [
    maybe("comment", max_length=4096),
    flag("failback"),
    flag("auto-rebalance"),
    maybe("group"),
    maybe("max_relocate", Type.INTEGER, minimum=0),
    maybe("max_restart", Type.INTEGER, minimum=0),
]
GROUPS_GONE = "ha groups have been migrated to rules"


@api.on("GET", "/cluster/ha/status/current", needs=AUDIT_CLUSTER)
def ha_current(call: Call) -> object:
    """Rows for people: quorum, master, fencing, LRMs, services."""
    return call.cluster.ha_wording.current(call.node)


@api.on("GET", "/cluster/ha/status/manager_status", needs=AUDIT_CLUSTER)
def ha_manager_status(call: Call) -> object:
    """The manager's own file."""
    return call.cluster.ha_wording.manager_status(call.node)


@api.on(
    "GET", "/cluster/ha/resources", needs=AUDIT_CLUSTER, params=[maybe("type", enum=("ct", "vm"))]
)
def ha_resources(call: Call) -> object:
    """The configuration, entry by entry."""
    wanted = call.text("type")
    resources = call.cluster.ha.state.resources
    rows = [_entry(call, r) for r in resources.values() if wanted in ("", r.type)]
    return call.shuffled(rows)


def _entry(call: Call, resource: Resource) -> Row:
    row: Row = {
        "sid": resource.sid,
        "type": resource.type,
        "state": resource.state.value,
        "digest": _digest(call),
    }
    if resource.max_restart is not None:
        row["max_restart"] = resource.max_restart
    if resource.max_relocate is not None:
        row["max_relocate"] = resource.max_relocate
    if resource.failback is not None:
        row["failback"] = int(resource.failback)
    if resource.comment is not None:
        row["comment"] = resource.comment
    return row


def _digest(call: Call) -> str:
    text = "\n".join(str(resource) for resource in call.cluster.ha.state.resources.values())
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@api.on("GET", "/cluster/ha/resources/{sid}", needs=AUDIT_CLUSTER)
def ha_resource(call: Call) -> object:
    """One entry; unlike the list it has no defaults either."""
    resource = call.cluster.ha.state.resources.get(_sid(call))
    if resource is None:
        raise died(f"no such resource '{_sid(call)}'")
    return _entry(call, resource)


def _sid(call: Call) -> str:
    """The full id; a bare number is looked up."""
    sid = call.text("sid")
    if not re.fullmatch(SID.pattern or "", sid):
        raise bad_parameters({"sid": f"invalid format - {SID.invalid}\n"})
    if sid.isdigit():
        guest = call.world.guests.get(int(sid))
        if guest is None:
            raise died(f"unable to determine type of guest '{sid}'")
        return guest.sid
    return sid


@api.on(
    "POST",
    "/cluster/ha/resources",
    needs=HA_WRITE,
    params=[SID, maybe("state", enum=STATES), maybe("type", enum=("ct", "vm")), *OPTIONS],
)
async def ha_add(call: Call) -> None:
    """Puts a guest under HA."""
    sid = _sid(call)
    type_ = sid.partition(":")[0]
    if type_ not in ("vm", "ct"):
        raise died(f"unknown section type '{type_}'")
    call.need_quorum()
    if call.has("group"):
        raise died(f"invalid parameter 'group': {GROUPS_GONE}")
    _guest_of(call, sid)
    if sid in call.cluster.ha.state.resources:
        raise died(f"create resource failed: resource ID '{sid}' already defined")
    resource = Resource(sid, _request(call.text("state", "started")))
    _change(call, resource)
    call.cluster.ha.state.resources[sid] = resource


def _guest_of(call: Call, sid: str) -> Guest:
    type_, _, number = sid.partition(":")
    guest = call.world.guests.get(int(number)) if number.isdigit() else None
    if guest is None:
        raise died(f"resource '{sid}' does not exist in cluster")
    if guest.kind.sid_type != type_:
        what = "container" if type_ == "ct" else "VM"
        raise died(f"resource '{sid}' - guest with ID {number} is not a {what}")
    return guest


def _request(word: str) -> Request:
    return Request.STARTED if word == "enabled" else Request(word)


def _change(call: Call, resource: Resource) -> None:
    if call.has("state"):
        resource.state = _request(call.text("state"))
    if call.has("comment"):
        resource.comment = call.text("comment")
    if call.has("failback"):
        resource.failback = call.flag("failback")
    if call.has("max_restart"):
        resource.max_restart = call.number("max_restart")
    if call.has("max_relocate"):
        resource.max_relocate = call.number("max_relocate")


@api.on(
    "PUT",
    "/cluster/ha/resources/{sid}",
    needs=HA_WRITE,
    params=[
        maybe("state", enum=STATES),
        maybe("delete", max_length=4096),
        maybe("digest", max_length=64),
        *OPTIONS,
    ],
)
async def ha_put(call: Call) -> None:
    """Changes an entry."""
    prefix = "update resources config failed: "
    await call.need_lock("domain-ha", prefix)
    resource = call.cluster.ha.state.resources.get(_sid(call))
    if resource is None:
        raise died(f"{prefix}no such resource '{_sid(call)}'")
    if call.has("group"):
        raise died(f"invalid parameter 'group': {GROUPS_GONE}")
    if call.has("digest") and call.text("digest") != _digest(call):
        raise died(
            f"{prefix}detected modified configuration - file changed by other user? Try again."
        )
    _change(call, resource)
    for name in re.split(r"[,;\s]+", call.text("delete")):
        if name in ("comment", "failback", "max_restart", "max_relocate"):
            setattr(resource, name, None)


@api.on(
    "DELETE",
    "/cluster/ha/resources/{sid}",
    needs=HA_WRITE,
    params=[flag("purge")],
)
async def ha_delete(call: Call) -> None:
    """Takes a guest out of HA; it runs on."""
    sid = _sid(call)
    await call.need_lock("domain-ha", "delete resource failed: ")
    if sid not in call.cluster.ha.state.resources:
        raise died(f"cannot delete service '{sid}', not HA managed!")
    del call.cluster.ha.state.resources[sid]


@api.on("POST", "/cluster/ha/resources/{sid}/migrate", needs=HA_WRITE, params=[Param("node")])
@api.on("POST", "/cluster/ha/resources/{sid}/relocate", needs=HA_WRITE, params=[Param("node")])
async def ha_migrate(call: Call) -> object:
    """Queues the wish; the manager may drop it silently. No task."""
    sid = _sid(call)
    if sid not in call.cluster.ha.state.resources:
        raise died(f"resource '{sid}' is not HA managed")
    await call.need_lock("domain-ha")
    call.cluster.ha.request_migration(sid, call.text("node"))
    return {"sid": sid, "requested-node": call.text("node")}


@api.on(
    "GET",
    "/cluster/ha/rules",
    needs=AUDIT_CLUSTER,
    params=[maybe("resource"), maybe("type", enum=("node-affinity", "resource-affinity"))],
)
def ha_rules(_call: Call) -> object:
    """No rules yet."""
    return []


@api.on(
    "POST",
    "/cluster/ha/groups",
    needs=HA_WRITE,
    params=[Param("group"), Param("nodes"), flag("nofailback"), flag("restricted")],
)
def ha_group_create(_call: Call) -> object:
    """Always an error in 9.x."""
    raise died(f"cannot create group: {GROUPS_GONE}")


@api.on("GET", "/cluster/ha/groups", needs=AUDIT_CLUSTER)
def ha_groups(_call: Call) -> object:
    """Always an error in 9.x, even the list."""
    raise died(f"cannot index groups: {GROUPS_GONE}")
