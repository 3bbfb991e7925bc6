"""The daemons of a cluster in the middle of their rounds, with the locks that they hold.

Nobody can see in which second of its round a daemon is; a `Phase` chooses one for each of them,
and a forecast tries several.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hapanel.ha.engine import locks
from hapanel.ha.engine.profile import Profile, real
from hapanel.ha.engine.words import (
    CrmState,
    DisarmMode,
    DisarmState,
    JobResult,
    LrmMode,
    LrmState,
    NodeState,
)
from hapanel.ha.engine.world import Crm, Disarm, Lock, Lrm, LrmStatus, Machine, Memory, Service
from hapanel.ha.forecast.snapshot import SeenNode, Snapshot

NOW = 1_000_000.0
# Steps that fill the unit interval evenly in several dimensions (generalised golden ratio).
_STEPS = (0.7548776662, 0.5698402910)
_BETWEEN_NODES = 0.6180339887
_NODE_STATES = {
    "online": NodeState.ONLINE,
    "maintenance": NodeState.MAINTENANCE,
    "fence": NodeState.FENCE,
}
_LRM_STATES = {
    "active": LrmState.ACTIVE,
    "maintenance": LrmState.MAINTENANCE,
    "lost_agent_lock": LrmState.LOST_AGENT_LOCK,
    # On its way out in order: it holds lock and watchdog until its guests are down.
    "restart": LrmState.ACTIVE,
    "shutdown": LrmState.ACTIVE,
}
_LRM_MODES = {
    "maintenance": LrmMode.MAINTENANCE,
    "restart": LrmMode.RESTART,
    "shutdown": LrmMode.SHUTDOWN,
}


class Phase(msgspec.Struct, frozen=True):
    """Where the daemons are in their rounds: the `n`-th of many evenly spread choices.

    coarse: the daemons of all nodes go in step, and all but the master take longer rests. That is
    many times cheaper, places guests as well, and tells no times.
    """

    n: int = 0
    coarse: bool = False

    def crm(self, index: int) -> float:
        """The elapsed part of a CRM's round, 0 to 1."""
        return (0.5 + self.n * _STEPS[0] + self._apart(index)) % 1.0

    def lrm(self, index: int) -> float:
        """The elapsed part of an LRM's round, 0 to 1."""
        return (0.3 + self.n * _STEPS[1] + self._apart(index)) % 1.0

    def _apart(self, index: int) -> float:
        return 0.0 if self.coarse else index * _BETWEEN_NODES

    def profile(self, nodes: int) -> Profile:
        """The timing of a cluster of so many nodes."""
        timed = msgspec.structs.replace(real(nodes), rechecks=False)
        if not self.coarse:
            return timed
        return msgspec.structs.replace(timed, slave_retry=30.0, waiting=15.0, lrm_active=20.0)


class Daemons:
    """CRMs and LRMs in the middle of their rounds, with the locks that they hold."""

    def __init__(
        self,
        seen: Snapshot,
        machines: Mapping[str, Machine],
        services: Mapping[str, Service],
        phase: Phase,
    ) -> None:
        self._seen = seen
        self._machines = machines
        self._phase = phase
        self.disarm = _disarm(seen)
        self.crms: dict[str, Crm] = {}
        self.lrms: dict[str, Lrm] = {}
        self.locks: dict[str, Lock] = {}
        self.lrm_status: dict[str, LrmStatus] = {}
        self.master = seen.manager_node or None
        self._here: dict[str, dict[str, Service]] = {name: {} for name in machines}
        for sid, service in services.items():
            self._here.setdefault(service.node, {})[sid] = service
        has_work = any(guest.managed for guest in seen.guests)
        for index, node in enumerate(seen.nodes):
            if node.is_member:
                self._place_crm(node, phase.crm(index), has_work)
            self._place_lrm(node, phase.lrm(index))

    def _lock(self, name: str, node: str, renewed: float) -> None:
        self.locks[name] = Lock(holder=node, renewed=renewed, boot=self._machines[node].since)

    def _place_crm(self, node: SeenNode, elapsed: float, has_work: bool) -> None:
        quorate = self._seen.quorate is not False
        if quorate and node.name == self.master and self._seen.manager_state != "dead":
            turn = NOW - 10.0 * elapsed
            seen_at = {each.name: turn for each in self._seen.nodes if each.is_member}
            self.crms[node.name] = Crm(
                state=CrmState.MASTER,
                watchdog=None if self.disarm else turn,
                memory=Memory(last_seen=seen_at),
                due=turn + 10.0,
            )
            self._lock(locks.MANAGER, node.name, turn)
        elif quorate and has_work:
            self.crms[node.name] = Crm(state=CrmState.SLAVE, due=NOW + 1.0 - elapsed)
        else:
            self.crms[node.name] = Crm(due=NOW + 5.0 * (1 - elapsed))

    def _place_lrm(self, node: SeenNode, elapsed: float) -> None:
        here = self._here[node.name]
        results = {each.uid: JobResult.OK for each in here.values()}
        state = _LRM_STATES.get(node.lrm_state, LrmState.WAIT_FOR_AGENT_LOCK)
        mode = LrmMode.DISARM if self.disarm else _mode_of(node)
        status = LrmStatus(state=state, mode=mode, results=results, at=NOW)
        self.lrm_status[node.name] = status
        if not node.is_member or node.lrm_dead:
            return
        turn = NOW - 10.0 * elapsed
        armed = state is not LrmState.WAIT_FOR_AGENT_LOCK and not self.disarm
        if state is LrmState.MAINTENANCE:
            armed = bool(here)
        if armed:
            self._lock(locks.agent(node.name), node.name, turn)
        period = 10.0 if state is LrmState.ACTIVE else 5.0
        self.lrms[node.name] = Lrm(
            state=state,
            mode=mode,
            watchdog=turn if armed else None,
            results=results,
            seen=dict(here),
            node_state=node_state(node),
            due=NOW + period * (1 - elapsed),
        )


def _mode_of(node: SeenNode) -> LrmMode:
    if node.is_member and node.lrm_dead:
        # Stopped in order: it told `restart` before it left, and its services are frozen.
        return LrmMode.RESTART
    if is_in_maintenance(node):
        return LrmMode.MAINTENANCE
    return _LRM_MODES.get(node.lrm_state, LrmMode.ACTIVE)


def _disarm(seen: Snapshot) -> Disarm | None:
    if not seen.armed.startswith("disarm"):
        return None
    states = {guest.managed.state for guest in seen.guests if guest.managed}
    mode = DisarmMode.FREEZE if states <= {"freeze", "error"} else DisarmMode.IGNORE
    done = seen.armed == "disarmed"
    return Disarm(mode=mode, state=DisarmState.DISARMED if done else DisarmState.DISARMING)


def node_state(node: SeenNode) -> NodeState:
    """How the HA manager sees the node."""
    return _NODE_STATES.get(node.status, NodeState.UNKNOWN)


def is_in_maintenance(node: SeenNode) -> bool:
    """Whether somebody asked it to run nothing."""
    return node.status == "maintenance"
