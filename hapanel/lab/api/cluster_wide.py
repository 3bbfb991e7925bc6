"""/version and /cluster: what any node answers from its own view."""

from collections.abc import Iterator
from datetime import UTC, datetime

from hapanel.lab.api.routing import AUDIT_CLUSTER, Call, api
from hapanel.lab.api.rows import guest_row, network_row, node_row, storage_row
from hapanel.lab.api.task_rows import cluster_row
from hapanel.lab.errors import died
from hapanel.lab.membership import QDevice
from hapanel.lab.schema import Type, maybe
from hapanel.lab.tasks import FINISHED_PER_NODE_IN_CLUSTER_LIST, Task, TaskBook
from hapanel.lab.world import Node

Row = dict[str, object]

VERSION = {"version": "9.2.11", "release": "9.2", "repoid": "14a22df3bbbb0000"}
FIRST_VMID = 100
LOG_DEFAULT = 500


@api.on("GET", "/")
def index(_call: Call) -> object:
    """The top of the tree."""
    parts = ("version", "cluster", "nodes", "storage", "access", "pools")
    return [{"subdir": part} for part in parts]


@api.on("GET", "/version")
def version(_call: Call) -> object:
    """The lab says what the recordings say."""
    return dict(VERSION)


@api.on("GET", "/cluster/status", needs=AUDIT_CLUSTER)
def cluster_status(call: Call) -> object:
    """Members as the answering node sees them. A QDevice never shows here."""
    membership, world = call.cluster.membership, call.world
    rows: list[Row] = [
        {
            "id": "cluster",
            "type": "cluster",
            "name": world.cluster_name,
            "version": world.config_version,
            "nodes": len(world.nodes),
            "quorate": int(membership.is_quorate(call.node)),
        }
    ]
    members: list[Row] = [
        {
            "id": f"node/{node.name}",
            "type": "node",
            "name": node.name,
            "nodeid": node.node_id,
            "ip": node.ip,
            "online": int(membership.is_online(call.node, node.name)),
            "local": int(node.name == call.node),
            "level": "",
        }
        for node in world.nodes.values()
    ]
    return rows + call.shuffled(members)


@api.on(
    "GET",
    "/cluster/resources",
    params=[maybe("type", enum=("vm", "storage", "node", "sdn"))],
)
def cluster_resources(call: Call) -> object:
    """Everything, from the reports the answering node has; filtered by what the caller may see."""
    wanted = call.text("type")
    rows: list[Row] = []
    if wanted in ("", "vm"):
        rows += _guests(call)
    if wanted in ("", "node"):
        rows += call.shuffled([node_row(call, node) for node in call.world.nodes.values()])
    if wanted in ("", "storage"):
        rows += _storages(call)
    if wanted in ("", "sdn"):
        rows += [network_row(node) for node in call.world.nodes if call.may("/sdn", "SDN.Audit")]
    return rows


def _guests(call: Call) -> list[Row]:
    return [
        guest_row(call, guest)
        for guest in call.world.guests.values()
        if call.may(f"/vms/{guest.vmid}", "VM.Audit")
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


@api.on("GET", "/cluster/options")
def cluster_options(call: Call) -> object:
    """datacenter.cfg."""
    options = {"allowed-tags": [], **call.world.options}
    if not call.may("/", "Sys.Audit"):
        return {"allowed-tags": []}
    return options


@api.on(
    "GET", "/cluster/nextid", params=[maybe("vmid", Type.INTEGER, minimum=100, maximum=999999999)]
)
def cluster_nextid(call: Call) -> object:
    """A free guest number, as a string."""
    taken = call.world.guests
    if call.has("vmid"):
        if call.number("vmid") in taken:
            raise died(f"VM {call.number('vmid')} already exists")
        return str(call.number("vmid"))
    return str(next(vmid for vmid in range(FIRST_VMID, FIRST_VMID + 10**6) if vmid not in taken))


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


@api.on("GET", "/cluster/config/nodes", needs=AUDIT_CLUSTER)
def config_nodes(call: Call) -> object:
    """corosync's node list; numbers are strings there."""
    return call.shuffled(
        [{"node": node.name, **_corosync(node)} for node in call.world.nodes.values()]
    )


def _corosync(node: Node) -> Row:
    return {
        "name": node.name,
        "nodeid": str(node.node_id),
        "quorum_votes": str(node.votes),
        "ring0_addr": node.ip,
    }


@api.on("GET", "/cluster/config/totem", needs=AUDIT_CLUSTER)
def config_totem(call: Call) -> object:
    """corosync's totem section."""
    return _totem(call)


def _totem(call: Call) -> Row:
    return {
        "cluster_name": call.world.cluster_name,
        "config_version": str(call.world.config_version),
        "interface": {"0": {"linknumber": "0"}},
        "ip_version": "ipv4-6",
        "link_mode": "passive",
        "secauth": "on",
        "token_coefficient": "125",
        "version": "2",
    }


@api.on("GET", "/cluster/config/join", needs=AUDIT_CLUSTER, params=[maybe("node")])
def config_join(call: Call) -> object:
    """What a joining node needs: addresses and fingerprints of all nodes."""
    nodes = [
        {**_corosync(node), "pve_addr": node.ip, "pve_fp": node.fingerprint}
        for node in call.world.nodes.values()
    ]
    return {
        "config_digest": call.world.config_digest(),
        "nodelist": call.shuffled(list(nodes)),
        "preferred_node": call.text("node", call.node),
        "totem": _totem(call),
    }


@api.on("GET", "/cluster/config/qdevice", needs=AUDIT_CLUSTER)
def config_qdevice(call: Call) -> object:
    """State of the QDevice as the answering node sees it; empty when there is none."""
    device = call.cluster.membership.qdevice
    return {} if device is None else _qdevice(call, device)


def _qdevice(call: Call, device: QDevice) -> Row:
    at = datetime.fromtimestamp(int(call.world.now()), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    even = len(call.world.nodes) % 2 == 0
    return {
        "Model": "Net",
        "Algorithm": "Fifty-Fifty split" if even else "LMS",
        "Tie-breaker": "Node with lowest node ID",
        "QNetd host": device.host,
        "State": "Connected" if device.is_connected else "Connect failed",
        "Last poll call": f"{at} (cast vote)",
    }
