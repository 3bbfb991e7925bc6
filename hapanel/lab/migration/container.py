"""Moving a container: switched off, moved, started again (pve-container LXC/Migrate.pm)."""

import asyncio

from hapanel.lab.migration.disks import LocalDisks, disks_of
from hapanel.lab.migration.journey import SSH, Journey, MigrationFailed, Order
from hapanel.lab.names import RunState
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import World

SHUTDOWN_SECONDS = 4.0
MOVE_SECONDS = 2.0
START_SECONDS = 3.0


def container_migration(world: World, order: Order, *, restart: bool, online: bool) -> Work:
    """The work of a `vzmigrate` task."""

    async def work(task: Task) -> None:
        await ContainerMigration(world, order, task).run(restart=restart, online=online)

    return work


class ContainerMigration(Journey):
    """No percent anywhere: shut down, move the configuration, start."""

    async def run(self, *, restart: bool, online: bool) -> None:
        """Runs to the end. Raises TaskFailed with PVE's exit status."""
        was_running = self.guest.is_running
        try:
            self.begin()
            if was_running and online:
                raise MigrationFailed("lxc live migration is currently not implemented")
            if was_running and not restart:
                raise MigrationFailed("running container can only be migrated in restart mode")
            await self.reach_target()
            if was_running:
                await self._shut_down()
            await self._move()
        except (MigrationFailed, asyncio.CancelledError) as fault:
            if was_running and not self.guest.is_running and not self.task.lost:
                self.task.say("start container on source node")
                self.world.start_guest(self.guest, self.order.source)
            self.abort(fault)
        self.task.say("start final cleanup")
        if was_running:
            await self._start_on_target()
        self.succeed()

    async def _shut_down(self) -> None:
        self.task.say(f"shutdown CT {self.guest.vmid}")
        await self.world.clock.pass_time(SHUTDOWN_SECONDS)
        if self.guest.state is not RunState.STOPPED:
            self.world.stop_guest(self.guest)

    async def _move(self) -> None:
        self.announce()
        local = LocalDisks(self, self.rate)
        for disk in disks_of(self.guest):
            if disk in local.disks:
                self.task.say(f"found local volume '{disk.volume}' (in current VM config)")
            else:
                self.task.say(f"volume '{disk.volume}' is on shared storage '{disk.storage}'")
        with self.on_the_link():
            await local.copy_volumes()
        text = self.guest.busy.fail_next_migration
        if text is not None:
            self.guest.busy.fail_next_migration = None
            raise MigrationFailed(text)
        await self.world.clock.pass_time(MOVE_SECONDS)
        self.move_config()

    async def _start_on_target(self) -> None:
        target = self.world.nodes[self.order.target]
        vmid = self.guest.vmid
        self.task.say("start container on target node")
        self.task.say(f"# {SSH.format(name=target.name, ip=target.ip)} pct start {vmid}")

        async def start(_task: Task) -> None:
            await self.world.clock.pass_time(START_SECONDS)
            self.world.start_guest(self.guest, target.name)

        started = self.world.tasks.start(target, "vzstart", str(vmid), "root@pam", start)
        await started.has_ended()
