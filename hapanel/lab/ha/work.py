"""What an LRM asks for, as tasks of its node. Facts: pve-ha-manager, PVEVM.pm and PVECT.pm."""

from hapanel.ha.engine.events import JobBegun
from hapanel.ha.engine.words import JobResult, ServiceState
from hapanel.lab.migration.container import container_migration
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration, offline_migration
from hapanel.lab.names import Kind
from hapanel.lab.power import SHUTDOWN_TIMEOUT, Action, How, task_type, work_of
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

HA_USER = "root@pam"


class Workers:
    """The workers that LRMs fork, and how their work ends."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def carry_out(self, job: JobBegun, timeout: int | None) -> JobResult:
        """Does the job. `timeout` is the patience of a stop in seconds, None for the usual one."""
        guest = self._world.guests.get(int(job.sid.partition(":")[2]))
        if guest is None:
            return JobResult.NO_CONFIGURATION
        match job.state:
            case ServiceState.STARTED:
                return await self._power(job, guest, Action.START)
            case ServiceState.REQUEST_STOP | ServiceState.STOPPED:
                return await self._stop(job, guest, timeout)
            case _:
                return await self._move(job, guest, str(job.target))

    async def _power(
        self, job: JobBegun, guest: Guest, action: Action, how: How | None = None
    ) -> JobResult:
        world = self._world
        work = work_of(world, guest.vmid, guest.kind, job.node, action, by_ha=True, how=how)
        return await self._ended(job, guest, task_type(guest.kind, action), work)

    async def _stop(self, job: JobBegun, guest: Guest, timeout: int | None) -> JobResult:
        """A time-out of 0 pulls the plug; a VM that does not go in time is killed."""
        if timeout == 0:
            return await self._power(job, guest, Action.STOP)
        patience = SHUTDOWN_TIMEOUT if timeout is None else float(timeout)
        how = How(timeout=patience, force=guest.kind is Kind.QEMU)
        return await self._power(job, guest, Action.SHUTDOWN, how)

    async def _move(self, job: JobBegun, guest: Guest, target: str) -> JobResult:
        """Live for a running VM that migrates; all others are shut down before. It went well when
        the configuration is no longer here.
        """
        if guest.lock is not None:
            return JobResult.FAILED
        live = job.state is ServiceState.MIGRATE and guest.kind is Kind.QEMU
        if guest.is_running and not live:
            stopped = await self._stop(job, guest, None)
            if stopped is not JobResult.OK:
                return stopped
        guest.lock = "migrate"
        order = Order(guest.vmid, job.node, target, by_ha=True, with_local_disks=True)
        work = self._migration(guest, order)
        await self._ended(job, guest, guest.kind.migration_task, work)
        return JobResult.FAILED if guest.node == job.node else JobResult.OK

    def _migration(self, guest: Guest, order: Order) -> Work:
        if guest.kind is Kind.LXC:
            return container_migration(self._world, order, restart=False, online=False)
        start = live_migration if guest.is_running else offline_migration
        return start(self._world, order)

    async def _ended(self, job: JobBegun, guest: Guest, type_: str, work: Work) -> JobResult:
        """Forks a worker as root@pam and waits for its end."""
        node = self._world.nodes[job.node]
        task = self._world.tasks.start(node, type_, str(guest.vmid), HA_USER, work)
        await task.has_ended()
        return JobResult.OK if _went_well(task) else JobResult.FAILED


def _went_well(task: Task) -> bool:
    return task.status == "OK" or str(task.status).startswith("WARNINGS")
