"""The cluster resource manager: one of them leads, every ten seconds it judges nodes and services.

Fencing and recovery are the plain rules (60 s unknown, then the dead node's lock); placement is
the emptiest node. hapanel.ha's engine knows more and will take this over.
"""

from hapanel.lab.ha.locks import Locks
from hapanel.lab.ha.model import CrmState, HaState, Request, Service
from hapanel.lab.membership import Membership
from hapanel.lab.services import HA_MANAGER
from hapanel.lab.world import World

FENCE_AFTER_SECONDS = 60.0
ONLINE = ("online", "maintenance")


class Crm:
    """All CRMs of the cluster; the one that holds the manager's lock acts."""

    def __init__(self, world: World, membership: Membership, state: HaState, locks: Locks) -> None:
        self._world = world
        self._membership = membership
        self._state = state
        self._locks = locks

    def round(self) -> None:
        """One round; nothing happens without a leader, and none leads without quorum."""
        leader = self._leader()
        if leader is None:
            return
        self._state.timestamp = self._world.now()
        self._take_resources_over()
        if self._rests():
            return
        for name in self._world.nodes:
            self._judge_node(leader, name)
        self._run_commands()
        for service in self._state.services.values():
            self._judge(service)

    def _rests(self) -> bool:
        """Takes a wish to disarm or arm over; disarmed, all services are frozen and nobody acts."""
        state = self._state
        state.disarmed = state.wanted_disarmed
        for service in state.services.values():
            if state.disarmed and service.state is not CrmState.FREEZE:
                service.change(CrmState.FREEZE)
            elif not state.disarmed and service.state is CrmState.FREEZE:
                wanted = state.resources[service.sid].state is Request.STARTED
                service.change(CrmState.STARTED if wanted else CrmState.REQUEST_STOP)
        return state.disarmed is not None

    def _leader(self) -> str | None:
        """The present master first, then who else has quorum."""
        lock = self._state.manager_lock
        nodes = self._world.nodes
        if lock.holder and nodes[lock.holder].is_on and not self._runs_on(lock.holder):
            lock.holder = None
        quorate = filter(self._runs_on, self._membership.quorate_nodes())
        candidates = sorted(quorate, key=lambda n: n != lock.holder)
        return next((name for name in candidates if self._locks.renew(lock, name)), None)

    def _runs_on(self, node: str) -> bool:
        """Whether the CRM of that node was not stopped; who stops one gives its lock back."""
        return self._world.nodes[node].services.runs(HA_MANAGER)

    def _take_resources_over(self) -> None:
        """The configuration's new entries become services, the removed ones are forgotten."""
        state = self._state
        for sid, resource in state.resources.items():
            guest = self._world.guests.get(resource.vmid)
            if sid not in state.services and guest is not None:
                wanted = resource.state is Request.STARTED
                first = CrmState.STARTED if wanted else CrmState.REQUEST_STOP
                state.services[sid] = Service(sid, guest.node, first)
        for sid in [sid for sid in state.services if sid not in state.resources]:
            del state.services[sid]

    # -- nodes --------------------------------------------------------------------------------

    def _judge_node(self, leader: str, name: str) -> None:
        status, now = self._state.node_status, self._world.now()
        if self._membership.is_online(leader, name):
            status[name] = "maintenance" if name in self._state.maintenance else "online"
            return
        if status.get(name, "online") in ONLINE:
            status[name] = "unknown"
            self._state.unknown_since[name] = now
        since = self._state.unknown_since.setdefault(name, now)
        overdue = now - since > self._world.clock.shortened(FENCE_AFTER_SECONDS)
        if status.get(name) == "unknown" and overdue and self._state.services_on(name):
            status[name] = "fence"
            for service in self._state.services_on(name):
                service.change(CrmState.FENCE)
        if status.get(name) == "fence" and self._locks.is_free(self._state.lrms[name].lock, leader):
            status[name] = "unknown"
            self._recover_all_of(name)

    def _recover_all_of(self, dead: str) -> None:
        """The dead node's lock is ours: its guests' configurations move to living nodes.

        What the node left locked is unlocked, since nobody can be at it any more.
        """
        for service in self._state.services_on(dead):
            target = self._emptiest_node()
            guest = self._world.guests.get(self._state.resources[service.sid].vmid)
            if target is None or guest is None:
                service.change(CrmState.RECOVERY)
                continue
            guest.node = service.node = target
            guest.lock = None
            wanted = self._state.resources[service.sid].state is Request.STARTED
            service.change(CrmState.STARTED if wanted else CrmState.REQUEST_STOP)
        self._world.changed()

    def _emptiest_node(self) -> str | None:
        online = [name for name, status in self._state.node_status.items() if status == "online"]
        return min(online, key=lambda name: len(self._state.services_on(name)), default=None)

    # -- services -----------------------------------------------------------------------------

    def _run_commands(self) -> None:
        commands, self._state.commands = self._state.commands, []
        for sid, target in commands:
            together, apart = self._state.rules.partners(sid)
            if not apart & {service.sid for service in self._state.services_on(target)}:
                for member in sorted({sid, *together}):
                    self._move(member, target)

    def _move(self, sid: str, target: str) -> None:
        service = self._state.services.get(sid)
        if service is None or service.state not in (CrmState.STARTED, CrmState.STOPPED):
            return
        if target != service.node and self._state.node_status.get(target) == "online":
            service.change(CrmState.MIGRATE, target)

    def _judge(self, service: Service) -> None:
        request = self._state.resources[service.sid].state
        match service.state:
            case CrmState.MIGRATE:
                self._judge_migration(service, request)
            case CrmState.STARTED if request is not Request.STARTED:
                service.change(CrmState.REQUEST_STOP)
            case CrmState.STARTED:
                self._judge_start(service)
            case CrmState.REQUEST_STOP if service.reported == 0:
                service.change(CrmState.STOPPED)
            case CrmState.STOPPED | CrmState.REQUEST_STOP if request is Request.STARTED:
                service.change(CrmState.STARTED)
            case CrmState.ERROR if request is Request.DISABLED:
                service.failed_starts = 0
                service.change(CrmState.STOPPED)

    def _judge_start(self, service: Service) -> None:
        service.runs = service.reported == 0
        if service.runs:
            service.failed_starts = 0
        elif service.reported is not None:
            service.failed_starts += 1
            limit = self._state.resources[service.sid].max_restart
            may_try = service.failed_starts <= (1 if limit is None else limit)
            service.change(CrmState.STARTED if may_try else CrmState.ERROR)

    def _judge_migration(self, service: Service, request: Request) -> None:
        """Done or failed: back to started, where the configuration lies now."""
        if service.reported is None:
            return
        service.node = self._world.guests[self._state.resources[service.sid].vmid].node
        wanted = request is Request.STARTED
        service.change(CrmState.STARTED if wanted else CrmState.REQUEST_STOP)
