"""How the HA stack words its state: GET /cluster/ha/status/current and manager_status (PVE 9.2)."""

import base64
import hashlib
from datetime import UTC, datetime

from hapanel.ha.engine.words import DisarmState, JobResult, LrmMode, LrmState, ServiceState
from hapanel.ha.engine.world import LrmStatus, Service
from hapanel.lab.ha.configuration import Configuration, Resource
from hapanel.lab.ha.service_words import verbose
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.membership import Membership
from hapanel.lab.world import World

Row = dict[str, object]

OLD_SECONDS = 30.0
# Exit codes of pve-ha-manager's Tools.pm.
EXIT_CODES = {
    JobResult.OK: 0,
    JobResult.FAILED: 1,
    JobResult.RETRY: 2,
    JobResult.WRONG_NODE: 3,
    JobResult.NO_CONFIGURATION: 7,
    JobResult.IGNORED: 8,
}
IDLE = (ServiceState.STOPPED, ServiceState.FREEZE, ServiceState.ERROR, ServiceState.REQUEST_START)


class HaWording:
    """The same state for two readers: rows for people, a tree for programs."""

    def __init__(self, world: World, membership: Membership, ha: HaManager) -> None:
        self._world = world
        self._membership = membership
        self._ha = ha

    @property
    def _configuration(self) -> Configuration:
        return self._ha.configuration

    # -- rows ---------------------------------------------------------------------------------

    def current(self, viewer: str) -> list[Row]:
        """Rows of status/current as `viewer` answers them."""
        rows = [self._quorum(viewer)]
        told = self._ha.world
        if told.master is not None:
            rows.append(self._master(told.master))
        rows.append(self._fencing(viewer))
        if told.master is not None:
            rows += [self._lrm(node, status) for node, status in sorted(told.lrm_status.items())]
        sids = self._configuration.resources.keys() | told.services.keys()
        return rows + [self._service(sid) for sid in sorted(sids)]

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

    def _is_old(self, epoch: float) -> bool:
        return self._world.now() - epoch > self._world.clock.shortened(OLD_SECONDS)

    def _written_at(self) -> float:
        """When the manager wrote its state last, in epoch seconds."""
        return self._ha.epoch(self._ha.world.status_at)

    def _master(self, name: str) -> Row:
        at = self._written_at()
        word = "old timestamp - dead?" if self._is_old(at) else "active"
        disarmed = self._disarmed()
        return {
            "id": "master",
            "type": "master",
            "node": name,
            "status": f"{name} ({word}, {_date(at)})" + (f" - {disarmed}" if disarmed else ""),
            "timestamp": int(at),
        }

    def _disarmed(self) -> str:
        disarm = self._ha.world.disarm
        return f"{disarm.state.value}, resource mode: {disarm.mode.value}" if disarm else ""

    def _fencing(self, viewer: str) -> Row:
        told = self._ha.world
        row: Row = {"id": "fencing", "type": "fencing", "node": told.master or viewer}
        if told.disarm is not None:
            done = told.disarm.state is DisarmState.DISARMED
            watchdog = "released" if done else "active"
            return {
                **row,
                "armed-state": told.disarm.state.value,
                "resource_mode": told.disarm.mode.value,
                "status": f"{self._disarmed()} (CRM watchdog {watchdog})",
            }
        is_armed = told.master is not None and not self._is_old(self._written_at())
        word, watchdog = ("armed", "active") if is_armed else ("standby", "standby")
        return {**row, "armed-state": word, "status": f"{word} (CRM watchdog {watchdog})"}

    def _lrm(self, node: str, status: LrmStatus) -> Row:
        at = self._ha.epoch(status.at)
        word, watchdog = self._lrm_words(node, status, is_old=self._is_old(at))
        return {
            "id": f"lrm:{node}",
            "type": "lrm",
            "node": node,
            "status": f"{node} ({word}, watchdog {watchdog}, {_date(at)})",
            "timestamp": int(at),
        }

    def _lrm_words(self, node: str, status: LrmStatus, *, is_old: bool) -> tuple[str, str]:
        if is_old:
            return "old timestamp - dead?", "standby"
        if status.mode is LrmMode.DISARM:
            return "disarm mode", "released"
        if status.mode is not LrmMode.ACTIVE:
            return f"{status.mode.value} mode", "active"
        if status.state is LrmState.ACTIVE:
            return "active", "active"
        waits = status.state is LrmState.WAIT_FOR_AGENT_LOCK and not self._has_work(node)
        return "idle" if waits else status.state.value, "standby"

    def _has_work(self, node: str) -> bool:
        services = self._ha.world.services.values()
        return any(node in (s.node, s.target) and s.state not in IDLE for s in services)

    def _service(self, sid: str) -> Row:
        service = self._ha.world.services.get(sid)
        resource = self._configuration.resources.get(sid)
        guest = self._world.guests.get(int(sid.partition(":")[2]))
        node = service.node if service else guest.node if guest else ""
        state = verbose(service, resource)
        row: Row = {
            "id": f"service:{sid}",
            "type": "service",
            "sid": sid,
            "node": node,
            "state": state,
            "status": f"{sid} ({node}, {state})",
            **(_configured(resource) if resource else {}),
        }
        if service is not None:
            row["crm_state"] = service.state.value
        return row

    # -- the tree -----------------------------------------------------------------------------

    def manager_status(self, viewer: str) -> Row:
        """The tree of manager_status."""
        told = self._ha.world
        quorum: Row = {
            "node": viewer,
            "quorate": "1" if self._membership.is_quorate(viewer) else "",
        }
        if told.master is None:
            return {"quorum": quorum, "manager_status": {"node_status": {}}}
        manager: Row = {
            "master_node": told.master,
            "timestamp": int(self._written_at()),
            "node_status": {name: state.value for name, state in told.node_states.items()},
            "service_status": {s: self._service_status(x) for s, x in told.services.items()},
        }
        if told.maintenance_requests:
            manager["node_request"] = {n: {"maintenance": 1} for n in told.maintenance_requests}
        if told.disarm is not None:
            state = told.disarm
            manager["disarm"] = {"mode": state.mode.value, "state": state.state.value}
        lrms = {node: self._lrm_status(status) for node, status in told.lrm_status.items()}
        return {"quorum": quorum, "manager_status": manager, "lrm_status": lrms}

    def _service_status(self, service: Service) -> Row:
        row: Row = {
            "node": service.node,
            "state": service.state.value,
            "uid": self._uid(service.uid),
        }
        if service.target is not None:
            row["target"] = service.target
        if service.is_running:
            row["running"] = 1
        if service.maintenance_node is not None:
            row["maintenance_node"] = service.maintenance_node
        if service.failed_nodes:
            row["failed_nodes"] = list(service.failed_nodes)
        return row

    def _lrm_status(self, status: LrmStatus) -> Row:
        results: Row = {}
        for uid, result in status.results.items():
            meant = self._ha.ledger.meaning(uid)
            if meant is not None:
                sid, state = meant
                code = EXIT_CODES[result]
                results[self._uid(uid)] = {"sid": sid, "state": state, "exit_code": code}
        return {
            "mode": status.mode.value,
            "state": status.state.value,
            "timestamp": int(self._ha.epoch(status.at)),
            "results": results,
        }

    def _uid(self, number: int) -> str:
        """Sixteen bytes in base64 without padding, another one for each number."""
        text = f"{self._world.cluster_name}/{number}"
        digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
        return base64.b64encode(digest).decode().rstrip("=")

    # -- states in other lists ----------------------------------------------------------------

    def guest_states(self) -> dict[int, str | None]:
        """`hastate` of all guests under HA, by their numbers."""
        resources = self._configuration.resources
        return {r.vmid: self.guest_state(sid) for sid, r in resources.items()}

    def guest_state(self, sid: str) -> str | None:
        """`hastate` of a guest in /cluster/resources: the manager's word, else the request."""
        resource = self._configuration.resources.get(sid)
        if resource is None:
            return None
        service = self._ha.world.services.get(sid)
        return service.state.value if service else resource.state.value

    def node_state(self, node: str) -> str | None:
        """`hastate` of a node there; None while no manager has seen it."""
        state = self._ha.world.node_states.get(node)
        return state.value if state else None


def _configured(resource: Resource) -> Row:
    row: Row = {
        "request_state": resource.state.value,
        "max_restart": resource.restarts,
        "max_relocate": resource.relocations,
        "failback": int(resource.fails_back),
    }
    if resource.comment is not None:
        row["comment"] = resource.comment
    return row


def _date(epoch: float) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%a %b %e %H:%M:%S %Y")
