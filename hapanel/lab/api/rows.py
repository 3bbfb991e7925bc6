"""Rows of /cluster/resources and /nodes: made of reports, which age."""

from hapanel.lab.api.routing import Call
from hapanel.lab.metrics import GuestReport, NodeReport
from hapanel.lab.names import Kind
from hapanel.lab.world import Guest, Node, Storage

Row = dict[str, object]

DISK_USE = 0.31


def fresh_report_of_node(call: Call, node: Node) -> NodeReport | None:
    """The node's last report, unless the viewer has missed it for five minutes or just booted."""
    return None if node.name in call.silent else node.report


def guest_row(call: Call, guest: Guest) -> Row:
    """One guest. Lock, node and hastate are fresh; what it measures is as old as its report."""
    row: Row = {"id": guest.id, "type": guest.kind.value, "vmid": guest.vmid, "node": guest.node}
    hastate = call.cluster.ha_wording.guest_state(guest.sid)
    if hastate is not None:
        row["hastate"] = hastate
    if guest.lock is not None:
        row["lock"] = guest.lock
    if call.world.accounts.pools:
        row |= _pool(call, guest)
    report = None if guest.node in call.silent else guest.report
    if report is None:
        return {**row, "status": "unknown"}
    if "tags" in guest.config:
        row["tags"] = guest.config["tags"]
    known = call.cluster.measured_rows
    if guest.vmid not in known or known[guest.vmid][0] is not report:
        known[guest.vmid] = report, _guest_numbers(guest, report)
    return row | known[guest.vmid][1]


def _pool(call: Call, guest: Guest) -> Row:
    """The pool of the guest, for those who may see it."""
    for pool in call.world.accounts.pools.values():
        if guest.vmid in pool.vms and call.may(f"/pool/{pool.name}", "Pool.Audit"):
            return {"pool": pool.name}
    return {}


def _guest_numbers(guest: Guest, report: GuestReport) -> Row:
    fills_disk = guest.kind is Kind.LXC and report.uptime > 0
    return {
        "name": guest.name,
        "status": report.status,
        "template": int(guest.is_template),
        "uptime": report.uptime,
        "cpu": report.cpu or 0,
        "maxcpu": guest.cores,
        "mem": report.mem,
        "maxmem": guest.memory,
        "memhost": report.mem,
        "disk": int(guest.disk * DISK_USE) if fills_disk else 0,
        "maxdisk": guest.disk,
        "netin": report.netin,
        "netout": report.netout,
        "diskread": report.diskread,
        "diskwrite": report.diskwrite,
    }


def node_row(call: Call, node: Node) -> Row:
    """One node of /cluster/resources."""
    row: Row = {
        "id": f"node/{node.name}",
        "type": "node",
        "node": node.name,
        "status": node_status(call, node),
        "cgroup-mode": 2,
    }
    hastate = call.cluster.ha.state.node_status.get(node.name)
    if hastate is not None:
        row["hastate"] = hastate
    return row | _node_numbers(call, node)


def node_status(call: Call, node: Node) -> str:
    """Offline comes from membership at once; online without a report is unknown."""
    if not call.cluster.membership.is_online(call.node, node.name):
        return "offline"
    return "unknown" if fresh_report_of_node(call, node) is None else "online"


def _node_numbers(call: Call, node: Node) -> Row:
    report = fresh_report_of_node(call, node)
    if report is None:
        return {} if node_status(call, node) == "offline" else {"level": ""}
    if not call.may(f"/nodes/{node.name}", "Sys.Audit"):
        return {"level": ""}
    row: Row = {
        "level": "",
        "maxcpu": node.cores,
        "maxmem": node.memory,
        "maxdisk": node.disk,
    }
    if node_status(call, node) == "online":
        row |= {"cpu": report.cpu, "mem": report.mem, "disk": report.disk, "uptime": report.uptime}
    return row


def node_list_row(call: Call, node: Node) -> Row:
    """One node of /nodes."""
    row: Row = {
        "id": f"node/{node.name}",
        "type": "node",
        "node": node.name,
        "status": node_status(call, node),
        "ssl_fingerprint": node.fingerprint,
    }
    return row | _node_numbers(call, node)


def storage_row(call: Call, storage: Storage, node: Node) -> Row:
    """One storage on one node; without a report of the node it is unknown."""
    row: Row = {
        "id": f"storage/{node.name}/{storage.storage}",
        "type": "storage",
        "storage": storage.storage,
        "node": node.name,
        "plugintype": storage.type,
        "content": storage.content,
        "shared": int(storage.shared),
    }
    if fresh_report_of_node(call, node) is None or storage.is_disabled:
        return {**row, "status": "unknown"}
    return {**row, "status": "available", "disk": storage.used, "maxdisk": storage.total}


def network_row(node: str) -> Row:
    """The zone every node has."""
    return {
        "id": f"network/{node}/zone/localnetwork",
        "type": "network",
        "network-type": "zone",
        "network": "localnetwork",
        "node": node,
        "status": "ok",
    }
