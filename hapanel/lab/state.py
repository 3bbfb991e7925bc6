"""The whole truth about the lab, for `ctl status`: what no API of Proxmox would tell."""

from hapanel.lab.lab import Lab
from hapanel.lab.world import Guest, Outage


def picture(lab: Lab) -> dict[str, object]:
    """Nodes, links, guests with when they were silent, faults; times in epoch seconds."""
    world = lab.world
    return {
        "now": world.now(),
        "speed": lab.speed,
        "nodes": {
            name: {
                "power": node.power.value,
                "address": node.ip,
                "sees": sorted(lab.membership.seen[name]),
                "quorate": lab.membership.is_quorate(name),
                "api": lab.faults[name].kind.value,
                "calls": lab.cluster.calls[name],
                "maintenance": name in lab.ha.world.maintenance_requests,
            }
            for name, node in world.nodes.items()
        },
        "qdevice": _qdevice(lab),
        "links": world.links.as_list(),
        "drbd": {
            resource: {
                node: lab.replication.truth(node, resource)
                for node in lab.world.nodes
                if lab.replication.side(node, resource) is not None
            }
            for resource in lab.replication.resources
        },
        "guests": {str(vmid): _guest(guest) for vmid, guest in world.guests.items()},
        "ha": {
            "master": lab.ha.world.master,
            "services": {
                sid: service.state.value for sid, service in lab.ha.world.services.items()
            },
        },
        "tasks": [
            {"upid": task.upid, "status": task.status, "lines": len(task.lines)}
            for name in world.nodes
            for task in world.tasks.of_node(name)
        ],
    }


def _qdevice(lab: Lab) -> str | None:
    device = lab.membership.qdevice
    if device is None:
        return None
    return "on" if device.is_connected else "off"


def _guest(guest: Guest) -> dict[str, object]:
    return {
        "name": guest.name,
        "kind": guest.kind.value,
        "node": guest.node,
        "runs_on": guest.runs_on,
        "state": guest.state.value,
        "lock": guest.lock,
        "address": guest.serves.address if guest.serves else None,
        "silent": [_outage(outage) for outage in guest.serves.outages] if guest.serves else [],
    }


def _outage(outage: Outage) -> dict[str, object]:
    ms = None if outage.end is None else round((outage.end - outage.start) * 1000, 1)
    return {"from": outage.start, "to": outage.end, "ms": ms, "because": outage.because}
