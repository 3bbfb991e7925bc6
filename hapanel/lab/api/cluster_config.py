"""/cluster/config: corosync.conf, as any node has it."""

from datetime import UTC, datetime

from hapanel.lab.api.routing import AUDIT_CLUSTER, Call, api
from hapanel.lab.errors import ApiError, died
from hapanel.lab.formats import NODE_NAME
from hapanel.lab.membership import QDevice
from hapanel.lab.schema import Param, Type, maybe
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Node

Row = dict[str, object]

INDEX = ("nodes", "totem", "join", "qdevice", "apiversion")
JOIN_API_VERSION = 1
CREATE_SECONDS = 3.0


@api.on("GET", "/cluster/config", needs=AUDIT_CLUSTER)
def config_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in INDEX]


@api.on("GET", "/cluster/config/apiversion", needs=AUDIT_CLUSTER)
def config_apiversion(_call: Call) -> object:
    """Version of the join call's form."""
    return JOIN_API_VERSION


@api.on(
    "POST",
    "/cluster/config",
    params=[
        Param("clustername", max_length=15, **NODE_NAME),
        maybe("link0"),
        maybe("nodeid", Type.INTEGER, minimum=1),
        maybe("token-coefficient", Type.INTEGER, minimum=0),
        maybe("votes", Type.INTEGER, minimum=1),
    ],
)
def config_create(call: Call) -> object:
    """Makes a single node the first of a cluster; a node that is in one refuses."""
    if not call.principal.is_root_itself:
        raise ApiError(403, "Permission check failed")
    if call.world.has_corosync:
        raise died("cluster config '/etc/pve/corosync.conf' already exists")
    name = call.text("clustername")
    return call.fork("clustercreate", name, _create(call, name))


def _create(call: Call, name: str) -> Work:
    async def work(task: Task) -> None:
        world, node = call.world, call.world.nodes[call.node]
        task.print("Corosync Cluster Engine Authentication key generator.")
        task.print("Gathering 2048 bits for key from /dev/urandom.")
        task.print("Writing corosync key to /etc/corosync/authkey.")
        task.print("Writing corosync config to /etc/pve/corosync.conf")
        task.print("Restart corosync and cluster filesystem")
        await world.clock.pass_time(CREATE_SECONDS)
        world.cluster_name, world.config_version, world.has_corosync = name, 1, True
        node.node_id, node.votes = call.number("nodeid", 1), call.number("votes", 1)

    return work


@api.on("GET", "/cluster/config/nodes", needs=AUDIT_CLUSTER)
def config_nodes(call: Call) -> object:
    """corosync's node list; numbers are strings there."""
    if not call.world.has_corosync:
        return []
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
    """corosync's totem section; null where there is none."""
    return _totem(call) if call.world.has_corosync else None


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


@api.on("GET", "/cluster/config/join", needs=AUDIT_CLUSTER, params=[maybe("node", **NODE_NAME)])
def config_join(call: Call) -> object:
    """What a joining node needs: addresses and fingerprints of all nodes."""
    if not call.world.has_corosync:
        raise ApiError(424, "node is not in a cluster, no join info available!", newline=False)
    if call.text("node", call.node) not in call.world.nodes:
        raise died(f"unknown node '{call.text('node')}'")
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


@api.on("GET", "/cluster/config/qdevice", needs=AUDIT_CLUSTER, protected=True)
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
