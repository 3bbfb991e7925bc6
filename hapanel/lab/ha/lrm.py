"""The local resource managers: each works off what the manager wants of its node."""

from hapanel.lab.ha.locks import Locks
from hapanel.lab.ha.model import CrmState, HaState, Lrm, Service
from hapanel.lab.membership import Membership
from hapanel.lab.migration.container import container_migration
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration, offline_migration
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, task_type, work_of
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

HA_USER = "root@pam"
ACTIVE, WAITING = "active", "wait_for_agent_lock"


class LocalManager:
    """The LRM of one node."""

    def __init__(
        self, world: World, membership: Membership, state: HaState, locks: Locks, name: str
    ) -> None:
        self._world = world
        self._membership = membership
        self._state = state
        self._locks = locks
        self._node = world.nodes[name]
        self._lrm = state.lrms[name]

    def round(self) -> None:
        """One round. It works only with its agent lock, and without quorum it cannot even write."""
        lrm, name = self._lrm, self._node.name
        if not self._node.is_on or not self._membership.is_quorate(name):
            return
        if self._node.booted_at > lrm.timestamp:
            lrm.state, lrm.workers = WAITING, {}
        lrm.timestamp = self._world.now()
        lrm.mode = "disarm" if self._state.disarmed else "active"
        if lrm.mode == "disarm":
            lrm.state = WAITING
            return
        mine = self._state.services_on(name)
        if not mine and lrm.state != ACTIVE:
            return
        lrm.state = ACTIVE if self._locks.renew(lrm.lock, name) else WAITING
        if lrm.state == ACTIVE:
            for service in mine:
                self._attend(service)

    def _attend(self, service: Service) -> None:
        """Starts the worker that the service's state asks for, if none is at it."""
        resource = self._state.resources.get(service.sid)
        guest = self._world.guests.get(resource.vmid) if resource else None
        worker = self._lrm.workers.get(service.sid)
        if guest is None or (worker is not None and worker.is_running):
            return
        match service.state:
            case CrmState.MIGRATE if service.reported is None and service.target is not None:
                self._migrate(service, guest, service.target)
            case CrmState.STARTED if not guest.is_running and guest.node == self._node.name:
                if service.reported in (None, 0):
                    self._power(service, guest, Action.START)
            case CrmState.REQUEST_STOP if guest.is_running:
                self._power(service, guest, Action.SHUTDOWN)
            case CrmState.STARTED | CrmState.REQUEST_STOP:
                self._lrm.report(service, 0)

    def _power(self, service: Service, guest: Guest, action: Action) -> None:
        name = self._node.name
        work = work_of(self._world, guest.vmid, guest.kind, name, action, by_ha=True)
        self._work(service, guest, task_type(guest.kind, action), work)

    def _migrate(self, service: Service, guest: Guest, target: str) -> None:
        order = Order(guest.vmid, self._node.name, target, by_ha=True, with_local_disks=True)
        if guest.lock is not None:
            self._lrm.report(service, 1)
            return
        guest.lock = "migrate"
        if guest.kind is Kind.LXC:
            work = container_migration(self._world, order, restart=True, online=False)
        elif guest.is_running:
            work = live_migration(self._world, order)
        else:
            work = offline_migration(self._world, order)
        self._work(service, guest, guest.kind.migration_task, work)

    def _work(self, service: Service, guest: Guest, type_: str, work: Work) -> None:
        """Forks a worker as root@pam; its exit code is reported for the state it served."""
        uid, lrm = service.uid, self._lrm

        async def and_report(task: Task) -> None:
            exit_code = 1
            try:
                await work(task)
                exit_code = 0
            finally:
                if service.uid == uid and not task.lost:
                    lrm.report(service, exit_code)

        vmid = str(guest.vmid)
        lrm.workers[service.sid] = self._world.tasks.start(
            self._node, type_, vmid, HA_USER, and_report
        )


def settled(lrm: Lrm, service: Service, now: float) -> None:
    """The LRM has had this service for a long time."""
    lrm.state = ACTIVE
    lrm.lock.holder, lrm.lock.renewed_at = lrm.node, now
    lrm.report(service, 0)
