"""CRM and LRMs in their simplest true form: requests, rounds of ten seconds, one worker a guest.

Recovery after a crash is not here (docs/lab.md): hapanel.ha's engine will decide it.
"""

import asyncio
from collections.abc import Callable, Iterable

from hapanel.lab.errors import TaskFailed
from hapanel.lab.ha.model import CrmState, Lrm, Request, Resource, Service, fresh_uid
from hapanel.lab.membership import Membership
from hapanel.lab.migration.container import container_migration
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration, offline_migration
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, task_type, work_of
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

ROUND_SECONDS = 10.0
FIRST_ROUND_SECONDS = 1.0
LOCK_LIFETIME_SECONDS = 120.0
LOCK_WAIT_SECONDS = 10.0
HA_USER = "root@pam"


class HaManager:
    """The HA stack of the cluster. One CRM is master, each node has an LRM."""

    def __init__(self, world: World, membership: Membership) -> None:
        self._world = world
        self._membership = membership
        self.resources: dict[str, Resource] = {}
        self.services: dict[str, Service] = {}
        self.node_status: dict[str, str] = {}
        self.maintenance: set[str] = set()
        self.lrms = {name: Lrm(name) for name in world.nodes}
        self.master: str | None = None
        self.timestamp = 0.0
        self._commands: list[tuple[str, str]] = []
        self._rounds: list[asyncio.Task[None]] = []
        self._may_lead_at = 0.0

    def adopt(self, vmids: Iterable[int], master: str | None) -> None:
        """Guests that were under HA all along: everything is settled."""
        now = self._world.now()
        for vmid in vmids:
            guest = self._world.guests[vmid]
            self.resources[guest.sid] = Resource(guest.sid, max_restart=1, max_relocate=1)
            service = Service(guest.sid, guest.node, CrmState.STARTED, runs=True, reported=0)
            self.services[guest.sid] = service
            self.lrms[guest.node].state = "active"
            self._report(self.lrms[guest.node], service, 0)
        if self.resources:
            self.master = master or next(iter(self._world.nodes))
        self.timestamp = now
        for name, lrm in self.lrms.items():
            lrm.timestamp = now
            self.node_status[name] = "online"

    def run(self) -> None:
        """Starts the rounds."""
        loop = asyncio.get_running_loop()
        self._rounds.append(
            loop.create_task(self._every_round(FIRST_ROUND_SECONDS, self.crm_round))
        )
        for number, name in enumerate(self._world.nodes):
            self._rounds.append(loop.create_task(self._lrm_rounds(name, number)))

    async def close(self) -> None:
        """Stops the rounds."""
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)

    async def _lrm_rounds(self, name: str, number: int) -> None:
        await self._every_round(FIRST_ROUND_SECONDS + 3 + number * 2, lambda: self.lrm_round(name))

    async def _every_round(self, first: float, play: Callable[[], None]) -> None:
        await self._world.clock.pass_time(first)
        while True:
            play()
            await self._world.clock.pass_time(ROUND_SECONDS)

    def is_managed(self, guest: Guest) -> bool:
        """Whether power and migrate calls go through HA."""
        resource = self.resources.get(guest.sid)
        return resource is not None and resource.state is not Request.IGNORED

    def request_migration(self, sid: str, target: str) -> None:
        """Queues `migrate` for the manager, who may refuse it silently."""
        self._commands.append((sid, target))

    def request_state(self, sid: str, state: Request) -> None:
        """Changes the requested state in the HA configuration."""
        self.resources[sid].state = state

    async def write_through(self, node: str, command: str) -> None:
        """What `ha-manager` needs for a write: the cluster lock, so quorum, or it gives up."""
        if self._membership.is_quorate(node):
            return
        await self._world.clock.pass_time(LOCK_WAIT_SECONDS)
        raise TaskFailed(f"command 'ha-manager {command}' failed: exit code 13")

    # -- the manager --------------------------------------------------------------------------

    def crm_round(self) -> None:
        """One round of the manager; nothing happens without quorum."""
        leader = self._leader()
        if leader is None:
            return
        self.master = leader
        self.timestamp = self._world.now()
        self._judge_nodes(leader)
        self._take_resources_over()
        self._run_commands(leader)
        for service in self.services.values():
            self._judge(service)

    def _leader(self) -> str | None:
        """The present master if it may go on, else a node that takes over a free lock."""
        quorate = self._membership.quorate_nodes()
        now, lifetime = self._world.now(), self._world.clock.shortened(LOCK_LIFETIME_SECONDS)
        if not quorate:
            self._may_lead_at = 0.0
            return None
        if self.master is None:
            return quorate[0]
        is_fresh = now - self.timestamp < lifetime
        if self.master in quorate and (is_fresh or now >= self._lock_free_at(now, lifetime)):
            return self.master
        if now >= self._lock_free_at(now, lifetime):
            return quorate[0]
        return None

    def _lock_free_at(self, now: float, lifetime: float) -> float:
        """A lost lock frees itself after its lifetime, counted by a quorate cluster."""
        if not self._may_lead_at:
            self._may_lead_at = max(now, self.timestamp) + lifetime
        if now >= self._may_lead_at:
            self._may_lead_at = 0.0
            return now
        return self._may_lead_at

    def _judge_nodes(self, leader: str) -> None:
        for name in self._world.nodes:
            if not self._membership.is_online(leader, name):
                self.node_status[name] = "unknown"
            else:
                self.node_status[name] = "maintenance" if name in self.maintenance else "online"

    def _take_resources_over(self) -> None:
        for sid, resource in self.resources.items():
            guest = self._world.guests.get(resource.vmid)
            if sid not in self.services and guest is not None:
                wanted = resource.state is Request.STARTED
                state = CrmState.STARTED if wanted else CrmState.REQUEST_STOP
                self.services[sid] = Service(sid, guest.node, state)
        for sid in [sid for sid in self.services if sid not in self.resources]:
            del self.services[sid]

    def _run_commands(self, leader: str) -> None:
        commands, self._commands = self._commands, []
        for sid, target in commands:
            service = self.services.get(sid)
            if service is None or service.state not in (CrmState.STARTED, CrmState.STOPPED):
                continue
            if target == service.node or not self._membership.is_online(leader, target):
                continue
            self._change(service, CrmState.MIGRATE, target)

    def _change(self, service: Service, state: CrmState, target: str | None = None) -> None:
        service.state, service.target = state, target
        service.runs, service.reported = False, None
        service.uid = fresh_uid()

    def _judge(self, service: Service) -> None:
        request = self.resources[service.sid].state
        match service.state:
            case CrmState.MIGRATE:
                self._judge_migration(service)
            case CrmState.STARTED if request is not Request.STARTED:
                self._change(service, CrmState.REQUEST_STOP)
            case CrmState.STARTED:
                service.runs = service.reported == 0
            case CrmState.REQUEST_STOP if service.reported == 0:
                self._change(service, CrmState.STOPPED)
            case CrmState.STOPPED | CrmState.REQUEST_STOP if request is Request.STARTED:
                self._change(service, CrmState.STARTED)

    def _judge_migration(self, service: Service) -> None:
        if service.reported is None:
            return
        guest = self._world.guests[self.resources[service.sid].vmid]
        service.node = guest.node
        wanted = self.resources[service.sid].state is Request.STARTED
        self._change(service, CrmState.STARTED if wanted else CrmState.REQUEST_STOP)

    # -- the local managers -------------------------------------------------------------------

    def lrm_round(self, name: str) -> None:
        """One round of a node's LRM."""
        if not self._world.nodes[name].is_on or not self._membership.is_quorate(name):
            return
        lrm = self.lrms[name]
        lrm.timestamp = self._world.now()
        mine = [service for service in self.services.values() if service.node == name]
        is_led = self.master is not None and not self._is_old(self.timestamp)
        if not is_led:
            return
        if mine or lrm.state == "active":
            lrm.state = "active"
        for service in mine:
            self._attend(lrm, service)

    def _is_old(self, timestamp: float) -> bool:
        return self._world.now() - timestamp > self._world.clock.shortened(30)

    def _attend(self, lrm: Lrm, service: Service) -> None:
        guest = (
            self._world.guests.get(self.resources[service.sid].vmid)
            if (service.sid in self.resources)
            else None
        )
        worker = lrm.workers.get(service.sid)
        if guest is None or (worker is not None and worker.is_running):
            return
        match service.state:
            case CrmState.MIGRATE if service.reported is None and service.target is not None:
                self._start_migration(lrm, service, guest, service.target)
            case CrmState.STARTED if not guest.is_running and guest.node == lrm.node:
                self._start_power(lrm, service, guest, Action.START)
            case CrmState.REQUEST_STOP if guest.is_running:
                self._start_power(lrm, service, guest, Action.SHUTDOWN)
            case CrmState.STARTED | CrmState.REQUEST_STOP:
                self._report(lrm, service, 0)

    def _start_power(self, lrm: Lrm, service: Service, guest: Guest, action: Action) -> None:
        work = work_of(self._world, guest.vmid, guest.kind, lrm.node, action, by_ha=True)
        self._start_worker(lrm, service, guest, task_type(guest.kind, action), work)

    def _start_migration(self, lrm: Lrm, service: Service, guest: Guest, target: str) -> None:
        order = Order(guest.vmid, lrm.node, target, by_ha=True)
        if guest.lock is not None:
            self._report(lrm, service, 1)
            return
        guest.lock = "migrate"
        if guest.kind is Kind.LXC:
            work = container_migration(self._world, order, restart=True, online=False)
        elif guest.is_running:
            work = live_migration(self._world, order)
        else:
            work = offline_migration(self._world, order)
        self._start_worker(lrm, service, guest, guest.kind.migration_task, work)

    def _start_worker(
        self, lrm: Lrm, service: Service, guest: Guest, type_: str, work: Work
    ) -> None:
        uid = service.uid

        async def and_report(task: Task) -> None:
            exit_code = 1
            try:
                await work(task)
                exit_code = 0
            finally:
                if service.uid == uid and not task.lost:
                    self._report(lrm, service, exit_code)

        node = self._world.nodes[lrm.node]
        task = self._world.tasks.start(node, type_, str(guest.vmid), HA_USER, and_report)
        lrm.workers[service.sid] = task

    def _report(self, lrm: Lrm, service: Service, exit_code: int) -> None:
        service.reported = exit_code
        lrm.results = {
            uid: result for uid, result in lrm.results.items() if result["sid"] != service.sid
        }
        lrm.results[service.uid] = {
            "sid": service.sid,
            "state": service.state.value,
            "exit_code": exit_code,
        }
