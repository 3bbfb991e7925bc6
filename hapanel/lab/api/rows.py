"""Rows of /cluster/resources and /nodes: made of reports, which age."""

from collections.abc import Sequence

import msgspec

from hapanel.lab.api.routing import LONG_LIST, Call
from hapanel.lab.metrics import GuestReport, NodeReport
from hapanel.lab.names import Kind
from hapanel.lab.world import Guest, Node, Storage

Row = dict[str, object]

DISK_USE = 0.31


def fresh_report_of_node(call: Call, node: Node) -> NodeReport | None:
    """The node's last report, unless the viewer has missed it for five minutes or just booted."""
    return None if node.name in call.silent else node.report


Told = tuple[GuestReport | None, str, str | None, str | None, str | None, object]
"""What a guest's row is made of: report, node, lock, state under HA, pool, tags."""


def guest_rows(call: Call) -> Sequence[Row | msgspec.Raw]:
    """The guests that the caller may see, as rows or, while they are many, as texts of rows.

    Lock, node and hastate are fresh; what a guest measures is as old as its report.
    """
    is_seen = call.may_below("/vms", "VM.Audit")
    hastates, pools = call.cluster.ha_wording.guest_states(), _pools_of_guests(call)
    make = _row if len(call.world.guests) < LONG_LIST else _packed_row
    return [
        make(call, guest, _told(call, guest, hastates.get(vmid), pools.get(vmid)))
        for vmid, guest in call.world.guests.items()
        if is_seen(vmid)
    ]


def guest_row(call: Call, guest: Guest) -> Row:
    """One guest, whether the caller may see it or not."""
    hastate = call.cluster.ha_wording.guest_state(guest.sid)
    return _row(call, guest, _told(call, guest, hastate, _pools_of_guests(call).get(guest.vmid)))


def _told(call: Call, guest: Guest, hastate: str | None, pool: str | None) -> Told:
    report = None if guest.node in call.silent else guest.report
    return report, guest.node, guest.lock, hastate, pool, guest.config.get("tags")


def _packed_row(call: Call, guest: Guest, told: Told) -> msgspec.Raw:
    known = call.cluster.packed_rows.get(guest.vmid)
    if known is None or known[0] != told:
        text = msgspec.Raw(msgspec.json.encode(_row(call, guest, told)))
        known = call.cluster.packed_rows[guest.vmid] = told, text
    return known[1]


def _row(_call: Call, guest: Guest, told: Told) -> Row:
    report, node, lock, hastate, pool, tags = told
    row: Row = {"id": guest.id, "type": guest.kind.value, "vmid": guest.vmid, "node": node}
    if hastate is not None:
        row["hastate"] = hastate
    if lock is not None:
        row["lock"] = lock
    if pool is not None:
        row["pool"] = pool
    if report is None:
        return {**row, "status": "unknown"}
    if tags is not None:
        row["tags"] = tags
    return row | _guest_numbers(guest, report)


def _pools_of_guests(call: Call) -> dict[int, str]:
    """The pool of each guest that is in one, for those who may see it."""
    return {
        vmid: pool.name
        for pool in call.world.accounts.pools.values()
        if call.may(f"/pool/{pool.name}", "Pool.Audit")
        for vmid in pool.vms
    }


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
    hastate = call.cluster.ha_wording.node_state(node.name)
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
    used = storage.used + call.world.archives.bytes_on(storage, node.name)
    return {**row, "status": "available", "disk": used, "maxdisk": storage.total}


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
