"""/cluster/ha: status and resources. Rules are in ha_rules.py."""

import hashlib

from hapanel.ha.engine.words import Requested, ServiceState
from hapanel.lab.api.ha_rules import GROUPS_GONE
from hapanel.lab.api.routing import AUDIT_CLUSTER, HA_WRITE, Call, api
from hapanel.lab.errors import MODIFIED, died
from hapanel.lab.formats import CONFIG_ID, HA_RESOURCE_OR_VMID, NODE_NAME
from hapanel.lab.ha.configuration import Resource
from hapanel.lab.schema import Param, Type, flag, items_of, maybe
from hapanel.lab.world import Guest

Row = dict[str, object]

SID = Param("sid", **HA_RESOURCE_OR_VMID)
NODE = Param("node", **NODE_NAME)
STATES = ("started", "stopped", "enabled", "disabled", "ignored")
OPTIONS = [
    maybe("comment", max_length=4096),
    flag("failback"),
    flag("auto-rebalance"),
    maybe("group", **CONFIG_ID),
    maybe("max_relocate", Type.INTEGER, minimum=0),
    maybe("max_restart", Type.INTEGER, minimum=0),
]
INDEX = ("groups", "resources", "rules", "status")
STATUS_INDEX = ("arm-ha", "current", "disarm-ha", "manager_status")


@api.on("GET", "/cluster/ha", needs=AUDIT_CLUSTER)
def ha_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"id": name} for name in INDEX]


@api.on("GET", "/cluster/ha/status")
def ha_status_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in STATUS_INDEX]


@api.on("GET", "/cluster/ha/status/current", needs=AUDIT_CLUSTER)
def ha_current(call: Call) -> object:
    """Rows for people: quorum, master, fencing, LRMs, services."""
    return call.cluster.ha_wording.current(call.node)


@api.on("GET", "/cluster/ha/status/manager_status", needs=AUDIT_CLUSTER)
def ha_manager_status(call: Call) -> object:
    """The manager's own file."""
    return call.cluster.ha_wording.manager_status(call.node)


@api.on(
    "POST",
    "/cluster/ha/status/disarm-ha",
    needs=HA_WRITE,
    params=[Param("resource-mode", enum=("freeze", "ignore"))],
)
async def ha_disarm(call: Call) -> None:
    """Queues the wish that HA lets go of its watchdogs."""
    await call.need_lock("domain-ha")
    call.cluster.ha.command(f"disarm-ha {call.text('resource-mode')}")


@api.on("POST", "/cluster/ha/status/arm-ha", needs=HA_WRITE)
async def ha_arm(call: Call) -> None:
    """Queues the wish that HA takes hold again."""
    await call.need_lock("domain-ha")
    call.cluster.ha.command("arm-ha")


@api.on(
    "GET", "/cluster/ha/resources", needs=AUDIT_CLUSTER, params=[maybe("type", enum=("ct", "vm"))]
)
def ha_resources(call: Call) -> object:
    """The configuration, entry by entry."""
    wanted = call.text("type")
    resources, digest = call.cluster.ha.configuration.resources, _digest(call)
    rows = [_entry(r, digest) for r in resources.values() if wanted in ("", r.type)]
    return call.shuffled(rows)


def _entry(resource: Resource, digest: str) -> Row:
    row: Row = {
        "sid": resource.sid,
        "type": resource.type,
        "state": resource.state.value,
        "digest": digest,
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
    text = "\n".join(str(resource) for resource in call.cluster.ha.configuration.resources.values())
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@api.on("GET", "/cluster/ha/resources/{sid}", needs=AUDIT_CLUSTER, params=[SID])
def ha_resource(call: Call) -> object:
    """One entry; unlike the list it has no defaults either."""
    resource = call.cluster.ha.configuration.resources.get(_sid(call))
    if resource is None:
        raise died(f"no such resource '{_sid(call)}'")
    return _entry(resource, _digest(call))


def _sid(call: Call) -> str:
    """The full id; a bare number is looked up."""
    sid = call.text("sid")
    if sid.isdigit():
        guest = call.world.guests.get(int(sid))
        if guest is None:
            raise died(f"unable to detect SID from VMID - VM/CT {sid} does not exist")
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
    if sid in call.cluster.ha.configuration.resources:
        raise died(f"create resource failed: resource ID '{sid}' already defined")
    resource = Resource(sid, _request(call.text("state", "started")))
    _change(call, resource)
    call.cluster.ha.configuration.write(resource)


def _guest_of(call: Call, sid: str) -> Guest:
    type_, _, number = sid.partition(":")
    guest = call.world.guests.get(int(number)) if number.isdigit() else None
    if guest is None:
        raise died(f"resource '{sid}' does not exist in cluster")
    if guest.kind.sid_type != type_:
        what = "container" if type_ == "ct" else "VM"
        raise died(f"resource '{sid}' - guest with ID {number} is not a {what}")
    return guest


def _request(word: str) -> Requested:
    return Requested.STARTED if word == "enabled" else Requested(word)


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
        SID,
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
    resource = call.cluster.ha.configuration.resources.get(_sid(call))
    if resource is None:
        raise died(f"{prefix}no such resource '{_sid(call)}'")
    if call.has("group"):
        raise died(f"invalid parameter 'group': {GROUPS_GONE}")
    if call.has("digest") and call.text("digest") != _digest(call):
        raise died(f"{prefix}{MODIFIED}")
    _refuse_in_error(call, resource.sid, is_cure=call.text("state") == "disabled")
    _change(call, resource)
    for name in items_of(call.text("delete")):
        if name in ("comment", "failback", "max_restart", "max_relocate"):
            setattr(resource, name, None)
    call.cluster.ha.configuration.write(resource)


@api.on(
    "DELETE",
    "/cluster/ha/resources/{sid}",
    needs=HA_WRITE,
    params=[SID, flag("purge", default=True)],
)
async def ha_delete(call: Call) -> None:
    """Takes a guest out of HA; it runs on."""
    sid = _sid(call)
    await call.need_lock("domain-ha", "delete resource failed: ")
    if sid not in call.cluster.ha.configuration.resources:
        raise died(f"cannot delete service '{sid}', not HA managed!")
    call.cluster.ha.configuration.remove(sid, purge=call.flag("purge"))


def _refuse_in_error(call: Call, sid: str, *, is_cure: bool = False) -> None:
    service = call.cluster.ha.world.services.get(sid)
    if service is not None and service.state is ServiceState.ERROR and not is_cure:
        raise died(f"service '{sid}' in error state, must be disabled and fixed first")


@api.on("POST", "/cluster/ha/resources/{sid}/migrate", needs=HA_WRITE, params=[SID, NODE])
@api.on("POST", "/cluster/ha/resources/{sid}/relocate", needs=HA_WRITE, params=[SID, NODE])
async def ha_move(call: Call) -> object:
    """Queues the wish, and says whom rules take along or what stands in the way. No task."""
    sid, node, ha = _sid(call), call.text("node"), call.cluster.ha
    if sid not in ha.configuration.resources:
        raise died(f"resource '{sid}' is not HA managed")
    _refuse_in_error(call, sid)
    await call.need_lock("domain-ha")
    ha.command(f"{call.route.path.rpartition('/')[2]} {sid} {node}")
    answer: Row = {"sid": sid, "requested-node": node}
    together, apart = ha.configuration.rules.partners(sid)
    there = {other for other, each in ha.world.services.items() if each.node == node}
    if together:
        answer["comigrated-resources"] = sorted(together)
    if apart & there:
        cause = "resource-affinity"
        blocking = [{"sid": other, "cause": cause} for other in sorted(apart & there)]
        answer["blocking-resources"] = blocking
    return answer
