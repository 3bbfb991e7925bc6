"""/version and /cluster: what any node answers from its own view."""

from collections.abc import Iterator

from hapanel.lab.api.options import properties_of
from hapanel.lab.api.routing import AUDIT_CLUSTER, Call, api
from hapanel.lab.api.rows import guest_rows, network_row, node_row, storage_row
from hapanel.lab.api.task_rows import cluster_row
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.packages import PVE_VERSION
from hapanel.lab.schema import Type, maybe
from hapanel.lab.tasks import FINISHED_PER_NODE_IN_CLUSTER_LIST, Task, TaskBook
from hapanel.lab.world import Node

Row = dict[str, object]

LOG_DEFAULT = 500


@api.on("GET", "/")
def index(_call: Call) -> object:
    """The top of the tree."""
    parts = ("version", "cluster", "nodes", "storage", "access", "pools")
    return [{"subdir": part} for part in parts]


CLUSTER_INDEX = (
    "acme", "backup", "backup-info", "bulk-action", "ceph", "config", "firewall", "ha", "jobs",
    "log", "mapping", "metrics", "notifications", "nextid", "options", "qemu", "replication",
    "resources", "status", "tasks", "sdn",
)  # fmt: skip


@api.on("GET", "/cluster")
def cluster_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in CLUSTER_INDEX]


@api.on("GET", "/version")
def version(_call: Call) -> object:
    """The lab says what the recordings say."""
    return dict(PVE_VERSION)


@api.on("GET", "/cluster/status", needs=AUDIT_CLUSTER, protected=True)
def cluster_status(call: Call) -> object:
    """Members as the answering node sees them. A QDevice never shows here; a single node without
    corosync has number 0 and no row of the cluster.
    """
    world = call.world
    whole = [_cluster_row(call)] if world.has_corosync else []
    return whole + call.shuffled([_member_row(call, node) for node in world.nodes.values()])


def _cluster_row(call: Call) -> Row:
    return {
        "id": "cluster",
        "type": "cluster",
        "name": call.world.cluster_name,
        "version": call.world.config_version,
        "nodes": len(call.world.nodes),
        "quorate": int(call.cluster.membership.tells_quorum(call.node)),
    }


def _member_row(call: Call, node: Node) -> Row:
    return {
        "id": f"node/{node.name}",
        "type": "node",
        "name": node.name,
        "nodeid": node.node_id if call.world.has_corosync else 0,
        "ip": node.ip,
        "online": int(call.cluster.membership.is_online(call.node, node.name)),
        "local": int(node.name == call.node),
        "level": "",
    }


@api.on(
    "GET",
    "/cluster/resources",
    params=[maybe("type", enum=("vm", "storage", "node", "sdn"))],
)
def cluster_resources(call: Call) -> object:
    """Everything, from the reports the answering node has; filtered by what the caller may see."""
    wanted = call.text("type")
    rows: list[object] = [] if wanted else [*_pools(call)]
    if wanted in ("", "vm"):
        rows += guest_rows(call)
    if wanted in ("", "node"):
        rows += call.shuffled([node_row(call, node) for node in call.world.nodes.values()])
    if wanted in ("", "storage"):
        rows += _storages(call)
    if wanted in ("", "sdn"):
        rows += [network_row(node) for node in call.world.nodes if call.may("/sdn", "SDN.Audit")]
    return rows


def _pools(call: Call) -> list[Row]:
    """No type asks for pools alone."""
    return [
        {"id": f"/pool/{name}", "type": "pool", "pool": name}
        for name in call.world.accounts.pools
        if call.may(f"/pool/{name}", "Pool.Audit")
    ]


def _storages(call: Call) -> list[Row]:
    return call.shuffled(
        [
            storage_row(call, storage, node)
            for storage in call.world.storages.values()
            for node in call.world.nodes.values()
            if storage.is_on(node.name)
            and call.may(
                f"/storage/{storage.storage}", "Datastore.Audit", "Datastore.AllocateSpace"
            )
        ]
    )


@api.on("GET", "/cluster/tasks")
def cluster_tasks(call: Call) -> object:
    """Running ones and up to 25 finished per node, also of dead nodes.

    A node's own tasks come newest first; the nodes come in any order.
    """
    now, sees_all = call.world.now(), call.may("/", "Sys.Audit")
    names = list(call.world.nodes)
    call.world.random.shuffle(names)
    return [
        cluster_row(task, now)
        for name in names
        for task in _known_of(call.world.tasks, name)
        if sees_all or task.user == call.principal.auth_id
    ]


def _known_of(tasks: TaskBook, node: str) -> Iterator[Task]:
    finished = 0
    for task in tasks.of_node(node):
        finished += not task.is_running
        if finished > FINISHED_PER_NODE_IN_CLUSTER_LIST:
            return
        yield task


@api.on(
    "GET", "/cluster/nextid", params=[maybe("vmid", Type.INTEGER, minimum=100, maximum=999999999)]
)
def cluster_nextid(call: Call) -> object:
    """A free guest number within the datacenter's range, as a string."""
    taken = call.world.guests
    if call.has("vmid"):
        if call.number("vmid") in taken:
            raise bad_parameters({"vmid": f"VM {call.number('vmid')} already exists"})
        return str(call.number("vmid"))
    bounds = properties_of(call.world.options.get("next-id", ""))
    lower, upper = int(str(bounds.get("lower", 100))), int(str(bounds.get("upper", 1_000_000)))
    free = next((vmid for vmid in range(lower, upper) if vmid not in taken), None)
    if free is None:
        raise died(f"unable to get any free VMID in range [{lower}, {upper}]")
    return str(free)


@api.on("GET", "/cluster/log", params=[maybe("max", Type.INTEGER, minimum=1)])
def cluster_log(call: Call) -> object:
    """Newest first; without Sys.Syslog only the caller's own lines."""
    sees_all = call.may("/", "Sys.Syslog")
    return [
        {
            "uid": str(entry.uid),
            "id": f"{entry.uid}:{entry.node}",
            "node": entry.node,
            "user": entry.user,
            "time": entry.time,
            "pri": entry.pri,
            "pid": entry.pid,
            "tag": entry.tag,
            "msg": entry.msg,
        }
        for entry in call.world.log.newest(call.number("max", LOG_DEFAULT))
        if sees_all or entry.user == call.principal.auth_id
    ]
