"""What became of a case, in the form of the recordings' `expected`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from hapanel.ha.engine.events import (
    Event,
    ServiceAdded,
    ServiceChanged,
    ServiceDropped,
    ServiceRelocated,
)
from hapanel.ha.engine.words import ServiceState
from hapanel.ha.engine.world import World

Json: TypeAlias = dict[str, Any]


def outcome(world: World, events: Iterable[Event]) -> Json:
    """Transitions, placements and the end of a played case, ready for JSON."""
    listed = list(events)
    return {
        "service_transitions": _transitions(listed),
        "placements": [line for event in listed if (line := _placement(event))],
        "final": _final(world),
    }


def _transitions(events: Iterable[Event]) -> list[Json]:
    """In the order of time, but the entry of a service stands right before its next line.

    The manager does not log the state in which a service enters, so the recordings know it only
    from the first change, and date it with that.
    """
    lines: list[Json] = []
    entries: dict[str, Json] = {}
    for event in events:
        if isinstance(event, ServiceAdded):
            entries[event.sid] = _line(event.at, event.sid, None, event.state, event.node)
        elif line := _transition(event):
            entry = entries.pop(line["sid"], None)
            lines += [entry | {"t": line["t"]}, line] if entry else [line]
    return lines + list(entries.values())


def _transition(event: Event) -> Json | None:
    if isinstance(event, ServiceDropped):
        line = _line(event.at, event.sid, event.state, None, event.node)
        return line | {"reason": event.reason}
    if not isinstance(event, ServiceChanged):
        return None
    line = _line(event.at, event.sid, event.old, event.new, event.node)
    if event.target is not None:
        line["target"] = event.target
    if event.timeout is not None:
        line["timeout"] = event.timeout
    if event.by_disarm:
        line["via"] = "disarm"
    return line


def _line(
    at: float, sid: str, old: ServiceState | None, new: ServiceState | None, node: str
) -> Json:
    return {"t": _seconds(at), "sid": sid, "from": old, "to": new, "node": node}


def _seconds(at: float) -> int:
    return round(at)


def _placement(event: Event) -> Json | None:
    if isinstance(event, ServiceAdded):
        origin, why = None, "added"
    elif isinstance(event, ServiceRelocated):
        origin, why = event.origin, "service_node_update"
    elif isinstance(event, ServiceChanged) and event.origin != event.node:
        recovered = event.old is ServiceState.RECOVERY
        origin, why = event.origin, "recovery" if recovered else f"{event.old}->{event.new}"
    else:
        return None
    return {
        "t": _seconds(event.at),
        "sid": event.sid,
        "from": origin,
        "node": event.node,
        "why": why,
    }


def _final(world: World) -> Json:
    disarm = world.disarm
    return {
        "services": {
            sid: _service(world, sid) for sid in sorted(world.guests.keys() | world.services.keys())
        },
        "nodes": dict(sorted(world.node_states.items())),
        "master": world.master,
        "powered": {name: each.has_power for name, each in sorted(world.machines.items())},
        "disarm": disarm and {"mode": disarm.mode, "state": disarm.state},
    }


def _service(world: World, sid: str) -> Json:
    service, guest = world.services.get(sid), world.guests.get(sid)
    target = {"target": service.target} if service and service.target else {}
    return {
        "state": service and service.state,
        "node": service and service.node,
        "config_node": guest and guest.node,
        "requested": guest and guest.requested,
        "running_on": sorted(node for node, sids in world.running.items() if sid in sids),
        "failed_nodes": list(service.failed_nodes) if service else [],
        "maintenance_node": service and service.maintenance_node,
        **target,
    }
