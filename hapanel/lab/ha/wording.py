"""How the HA stack words its state: GET /cluster/ha/status/current and manager_status (PVE 9.2)."""

from datetime import UTC, datetime

from hapanel.lab.ha.model import OLD_SECONDS, CrmState, HaState, Lrm, Resource, Service
from hapanel.lab.membership import Membership
from hapanel.lab.world import World

Row = dict[str, object]


class HaWording:
    """The same state for two readers: rows for people, a tree for programs."""

    def __init__(self, world: World, membership: Membership, state: HaState) -> None:
        self._world = world
        self._membership = membership
        self._state = state

    def current(self, viewer: str) -> list[Row]:
        """Rows of status/current as `viewer` answers them."""
        rows = [self._quorum(viewer)]
        if self._state.master is not None:
            rows.append(self._master())
        rows.append(self._fencing(viewer))
        if self._state.master is not None:
            rows += [
                self._lrm(lrm) for lrm in sorted(self._state.lrms.values(), key=lambda x: x.node)
            ]
        rows += [self._service(resource) for _, resource in sorted(self._state.resources.items())]
        return rows

    def _quorum(self, viewer: str) -> Row:
        quorate = self._membership.is_quorate(viewer)
        status = "OK" if quorate else f"No quorum on node '{viewer}'!"
        return {
            "id": "quorum",
            "type": "quorum",
            "node": viewer,
            "status": status,
            "quorate": int(quorate),
        }

    def _is_old(self, timestamp: float) -> bool:
        return self._world.now() - timestamp > self._world.clock.shortened(OLD_SECONDS)

    def _master(self) -> Row:
        name, at = str(self._state.master), self._state.timestamp
        word = "old timestamp - dead?" if self._is_old(at) else "active"
        return {
            "id": "master",
            "type": "master",
            "node": name,
            "status": f"{name} ({word}, {_date(at)}){self._disarmed(' - ')}",
            "timestamp": int(at),
        }

    def _disarmed(self, before: str = "") -> str:
        mode = self._state.disarmed
        return f"{before}disarmed, resource mode: {mode}" if mode else ""

    def _fencing(self, viewer: str) -> Row:
        if self._state.disarmed:
            return {
                "id": "fencing",
                "type": "fencing",
                "node": str(self._state.master),
                "armed-state": "disarmed",
                "resource_mode": self._state.disarmed,
                "status": f"{self._disarmed()} (CRM watchdog released)",
            }
        is_armed = self._state.master is not None and not self._is_old(self._state.timestamp)
        word = "armed" if is_armed else "standby"
        watchdog = "active" if is_armed else "standby"
        return {
            "id": "fencing",
            "type": "fencing",
            "node": str(self._state.master or viewer),
            "armed-state": word,
            "status": f"{word} (CRM watchdog {watchdog})",
        }

    def _lrm(self, lrm: Lrm) -> Row:
        waits = lrm.state if self._state.services_on(lrm.node) else "idle"
        word, watchdog = waits, "standby"
        if self._is_old(lrm.timestamp):
            word = "old timestamp - dead?"
        elif lrm.mode == "disarm":
            word, watchdog = "disarm mode", "released"
        elif lrm.node in self._state.maintenance:
            word, watchdog = "maintenance mode", "active"
        elif lrm.state == "active":
            word = watchdog = "active"
        at = lrm.timestamp
        return {
            "id": f"lrm:{lrm.node}",
            "type": "lrm",
            "node": lrm.node,
            "status": f"{lrm.node} ({word}, watchdog {watchdog}, {_date(at)})",
            "timestamp": int(at),
        }

    def _service(self, resource: Resource) -> Row:
        service = self._state.services.get(resource.sid)
        guest = self._world.guests.get(resource.vmid)
        node = service.node if service else guest.node if guest else ""
        state = _verbose(service, resource)
        row: Row = {
            "id": f"service:{resource.sid}",
            "type": "service",
            "sid": resource.sid,
            "node": node,
            "state": state,
            "status": f"{resource.sid} ({node}, {state})",
            "request_state": resource.state.value,
            "max_restart": 1 if resource.max_restart is None else resource.max_restart,
            "max_relocate": 1 if resource.max_relocate is None else resource.max_relocate,
            "failback": 1 if resource.failback is None else int(resource.failback),
        }
        if service is not None:
            row["crm_state"] = service.state.value
        if resource.comment is not None:
            row["comment"] = resource.comment
        return row

    def manager_status(self, viewer: str) -> Row:
        """The tree of manager_status."""
        quorum: Row = {
            "node": viewer,
            "quorate": "1" if self._membership.is_quorate(viewer) else "",
        }
        if self._state.master is None:
            return {"quorum": quorum, "manager_status": {"node_status": {}}}
        manager: Row = {
            "master_node": self._state.master,
            "timestamp": int(self._state.timestamp),
            "node_status": dict(self._state.node_status),
            "service_status": {s.sid: _service_status(s) for s in self._state.services.values()},
        }
        if self._state.maintenance:
            manager["node_request"] = {name: {"maintenance": 1} for name in self._state.maintenance}
        lrms = {lrm.node: _lrm_status(lrm) for lrm in self._state.lrms.values()}
        return {"quorum": quorum, "manager_status": manager, "lrm_status": lrms}

    def guest_states(self) -> dict[int, str | None]:
        """The same of all guests under HA, by their numbers."""
        return {r.vmid: self.guest_state(sid) for sid, r in self._state.resources.items()}

    def guest_state(self, sid: str) -> str | None:
        """`hastate` of a guest in /cluster/resources: the manager's word, else the request."""
        resource = self._state.resources.get(sid)
        if resource is None:
            return None
        service = self._state.services.get(sid)
        return service.state.value if service else resource.state.value


def _verbose(service: Service | None, resource: Resource) -> str:
    """The word for people: a service that waits for its first result is `starting`."""
    if resource.state == "ignored":
        return "ignored"
    if service is None:
        return "queued"
    if service.state is CrmState.STARTED and not service.runs:
        return "starting"
    return service.state.value


def _service_status(service: Service) -> Row:
    row: Row = {"node": service.node, "state": service.state.value, "uid": service.uid}
    if service.target is not None:
        row["target"] = service.target
    if service.runs:
        row["running"] = 1
    return row


def _lrm_status(lrm: Lrm) -> Row:
    return {
        "mode": lrm.mode,
        "state": lrm.state,
        "timestamp": int(lrm.timestamp),
        "results": dict(lrm.results),
    }


def _date(epoch: float) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%a %b %e %H:%M:%S %Y")
