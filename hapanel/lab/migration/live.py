"""Moving a virtual machine, live or switched off, as a task with PVE's log.

Line forms and ends are those of Proxmox VE (qemu-server QemuMigrate.pm, AbstractMigrate.pm).
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from hapanel.lab.errors import TaskFailed
from hapanel.lab.migration import lines
from hapanel.lab.migration.arithmetic import PreCopy
from hapanel.lab.migration.disks import LocalDisks
from hapanel.lab.migration.journey import KIB, Journey, MigrationFailed, Order
from hapanel.lab.names import RunState
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import World

TICK_SECONDS = 0.1
LINE_EVERY_SECONDS = 1.0
REMOTE_START_SECONDS = 2.0
TUNNEL_SECONDS = 1.0
SETUP_SECONDS = 1.0
FLIP_SECONDS = 1.0
CLEANUP_SECONDS = 3.0
CANCEL_SECONDS = 2.5
STALL_SECONDS = 30.0
OFFLINE_SECONDS = 1.5


def live_migration(world: World, order: Order) -> Work:
    """The work of a `qmigrate` task for a running VM."""

    async def work(task: Task) -> None:
        await LiveMigration(world, order, task).run()

    return work


def offline_migration(world: World, order: Order) -> Work:
    """The work of a `qmigrate` task for a stopped VM: disks are copied, the config moves."""

    async def work(task: Task) -> None:
        journey = Journey(world, order, task)
        try:
            journey.begin()
            await journey.reach_target()
            journey.announce()
            disks = LocalDisks(journey, journey.rate)
            disks.find(is_live=False)
            with journey.on_the_link():
                await disks.copy_offline()
            await world.clock.pass_time(OFFLINE_SECONDS)
            journey.move_config()
        except (MigrationFailed, asyncio.CancelledError) as fault:
            journey.abort(fault)
        journey.succeed()

    return work


@dataclass
class _Pace:
    """When the last line was written and what had been sent by then."""

    line_at: float
    ticked_at: float
    sent: float = 0.0
    silent_for: float = 0.0


class LiveMigration(Journey):
    """Phase 1 prepares, phase 2 copies memory, phase 3 cleans up on the source."""

    async def run(self) -> None:
        """Runs to the end. Raises TaskFailed with PVE's exit status."""
        try:
            self.begin()
            await self._prepare()
        except (MigrationFailed, asyncio.CancelledError) as fault:
            self.abort(fault)
        try:
            await self._start_on_target()
            with self.on_the_link():
                await self.disks.mirror()
                copy = await self._copy_memory()
        except (MigrationFailed, asyncio.CancelledError) as fault:
            await self._give_up(fault)
            return
        await self._shielded(self._arrive(copy))

    async def _prepare(self) -> None:
        self.task.say(
            "conntrack state migration not supported or disabled, "
            "active connections might get dropped"
        )
        await self.reach_target()
        self.announce()
        self.disks = LocalDisks(self, self.rate)
        self.disks.find(is_live=True)

    async def _start_on_target(self) -> None:
        vmid, target = self.guest.vmid, self.order.target
        self.task.say(f"starting VM {vmid} on remote node '{target}'")

        async def listen(task: Task) -> None:
            await self.world.clock.pass_time(REMOTE_START_SECONDS * 0.6)
            task.print(f"migration listens on unix:/run/qemu-server/{vmid}.migrate")

        node = self.world.nodes[target]
        self.open_disks(target)
        self.world.tasks.start(node, "qmstart", str(vmid), "root@pam", listen)
        await self.world.clock.pass_time(REMOTE_START_SECONDS)
        self.disks.announce_targets()
        self.task.say("start remote tunnel")
        await self.world.clock.pass_time(TUNNEL_SECONDS)
        self.task.say("ssh tunnel ver 1")

    def _say_parameters(self, socket: str) -> None:
        say = self.task.say
        say(f"starting online/live migration on {socket}")
        say("set migration capabilities")
        if self.order.limit_kib:
            say(f"migration speed limit: {lines.render_bytes(self.order.limit_kib * KIB)}/s")
        say("migration downtime limit: 100 ms")
        say(lines.cache_size(self.guest.memory))
        say("set migration parameters")
        say(f"start migrate command to {socket}")

    async def _copy_memory(self) -> PreCopy:
        self._say_parameters(f"unix:/run/qemu-server/{self.guest.vmid}.migrate")
        await self.world.clock.pass_time(SETUP_SECONDS)
        busy = self.guest.busy
        copy = PreCopy(
            self.guest.memory, busy.resident, busy.dirty_bytes, busy.working_set, self.speed
        )
        now = self.world.now()
        pace = _Pace(line_at=now, ticked_at=now)
        self.memory_since = now
        while not copy.is_ready:
            await self._tick(copy, pace)
        return copy

    async def _tick(self, copy: PreCopy, pace: _Pace) -> None:
        await self.world.clock.pause(TICK_SECONDS)
        now, rate = self.world.now(), self.rate()
        copy.dirty_rate = self.guest.busy.dirty_bytes
        copy.advance(now - pace.ticked_at, rate)
        self._notice_trouble(copy, pace, now - pace.ticked_at, rate)
        pace.ticked_at = now
        if now - pace.line_at >= LINE_EVERY_SECONDS and not copy.is_ready:
            pace.line_at += LINE_EVERY_SECONDS
            self._say_progress(copy, pace, rate)

    def _notice_trouble(self, copy: PreCopy, pace: _Pace, passed: float, rate: float) -> None:
        pace.silent_for = pace.silent_for + passed if rate <= 0 else 0.0
        if not self.world.nodes[self.order.target].is_on:
            pace.silent_for += passed
        if pace.silent_for > self.world.clock.shortened(STALL_SECONDS):
            raise MigrationFailed("Unable to write to socket: Connection timed out")
        text = self.guest.busy.fail_next_migration
        if text is not None and copy.transferred > copy.total * 0.3:
            self.guest.busy.fail_next_migration = None
            raise MigrationFailed(text)

    def _say_progress(self, copy: PreCopy, pace: _Pace, rate: float) -> None:
        if copy.transferred <= pace.sent:
            return
        self.task.say(lines.progress(copy, rate))
        if copy.passes > 1:
            again = copy.transferred - copy.memory * self.guest.busy.resident
            miss = self.world.random.uniform(4, 38)
            self.task.say(lines.xbzrle(max(0.0, again), miss))
        for limit in copy.raised_limits:
            self.task.say(f"auto-increased downtime to continue migration: {limit} ms")
        copy.raised_limits.clear()
        pace.sent = copy.transferred

    async def _arrive(self, copy: PreCopy) -> None:
        downtime = await self._switch_over(copy)
        say = self.task.say
        elapsed = self.world.now() - self.memory_since
        if elapsed * self.speed >= 1:
            say(lines.average_speed(self.guest.memory, elapsed, downtime))
        say(f"migration completed, transferred {lines.render_bytes(copy.transferred)} VM-state")
        say("migration status: completed")
        self.disks.complete()
        await self.world.clock.pass_time(FLIP_SECONDS)
        self.move_config()
        if self.disks.disks:
            say("stopping NBD storage migration server on target.")
        await self.world.clock.pass_time(CLEANUP_SECONDS)

    async def _switch_over(self, copy: PreCopy) -> int:
        """The guest stands still for exactly as many milliseconds as the log will say."""
        device = self.world.random.randint(18, 45)
        real_rate = max(self.rate() / self.speed, 1.0)
        forced = self.guest.busy.forced_downtime_ms
        downtime = copy.downtime_ms(real_rate, device) if forced is None else forced
        was = self.guest.state
        self.guest.state = RunState.PAUSED
        self.world.changed()
        try:
            await self.world.clock.pause(downtime / 1000)
            copy.switch_over()
            self.guest.runs_on = self.order.target
        finally:
            if self.guest.is_running:
                self.guest.state = was
            self.world.changed()
        return downtime

    async def _shielded(self, rest: Coroutine[Any, Any, None]) -> None:
        """From the switch-over on, a stop only leaves a line: the move is finished."""
        inner = asyncio.get_running_loop().create_task(rest)
        interrupted = False
        while not inner.done():
            try:
                await asyncio.shield(inner)
            except asyncio.CancelledError:
                if self.task.lost:
                    inner.cancel()
                    raise
                interrupted = True
                self.task.say("ERROR: received interrupt - delayed")
        if interrupted:
            self.unlock()
            self.end_with_problems()
        self.succeed()

    async def _give_up(self, fault: BaseException) -> None:
        """Phase 2 failed: the guest runs on at the source."""
        if self.task.lost:
            raise fault
        reason = (
            "interrupted by signal" if isinstance(fault, asyncio.CancelledError) else str(fault)
        )
        self.task.say(f"ERROR: online migrate failure - {reason}")
        self.task.say("aborting phase 2 - cleanup resources")
        self.task.say("migrate_cancel")
        node = self.world.nodes[self.order.target]
        if node.is_on:
            self.world.tasks.start(node, "qmstop", str(self.guest.vmid), "root@pam", _nothing)
        await self.world.clock.pass_time(CANCEL_SECONDS)
        if isinstance(fault, asyncio.CancelledError):
            self.task.say("ERROR: writing to tunnel failed: broken pipe")
        self.unlock()
        self.end_with_problems()

    def end_with_problems(self) -> None:
        """The end that does not say where the guest is."""
        self.task.say(f"ERROR: migration finished with problems (duration {self.took()})")
        raise TaskFailed("migration problems")


async def _nothing(_task: Task) -> None:
    return
