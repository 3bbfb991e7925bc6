"""Machines that fall and rise, and what becomes of those who ran on them."""

from collections.abc import Callable
from typing import Protocol

from hapanel.lab.crowd import Crowd
from hapanel.lab.membership import Membership
from hapanel.lab.power import Action, How, task_type, work_of
from hapanel.lab.services import STATISTICS
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, Node, Power, World

BOOT_SECONDS = 20.0
# From the order to go down until the HA daemons hear of it, from their end until the others notice
# that corosync has left, and from then until the power is off.
ORDER_SECONDS = 5.0
FAREWELL_SECONDS = 3.0
POWER_OFF_SECONDS = 3.0
STOPALL_TIMEOUT = 180.0
REPORT_SECONDS = 10.0
FIRST_REPORT_SECONDS = 14.0


class Farewell(Protocol):
    """What a node that goes down in order waits for; whoever it is calls `go_down` then."""

    def __call__(self, node: Node, *, comes_back: bool) -> None: ...


class Hardware:
    """Power of the nodes, and the reports their pvestatd sends while they have it.

    `is_managed` says which guests HA starts and stops, so that `startall` and `stopall` leave them
    out. `farewell` is HA's part of a node's orderly end.
    """

    def __init__(self, world: World, membership: Membership) -> None:
        self._world = world
        self._membership = membership
        self.is_managed: Callable[[Guest], bool] = lambda _guest: False
        self.farewell: Farewell = self.go_down
        self._crowd = Crowd()

    def run(self) -> None:
        """Starts the reports of every node."""
        nodes = self._world.nodes
        for number, node in enumerate(nodes.values()):
            self._report(node)
            self._crowd.spawn(self._reports(node, REPORT_SECONDS * (number + 1) / len(nodes)))

    def crash(self, node: Node) -> None:
        """The power cord is pulled."""
        if node.power is Power.OFF:
            return
        node.power = Power.OFF
        self._world.tasks.lose_all_of(node.name)
        for guest in list(self._world.guests.values()):
            if guest.runs_on == node.name:
                self._world.stop_guest(guest)
        self._world.changed()
        self._membership.disturbed()

    def shut_down(self, node: Node, *, comes_back: bool) -> None:
        """The machine stops its guests, HA settles its own, and it goes off, or boots again."""
        self._crowd.spawn(self._shut_down(node, comes_back))

    async def _shut_down(self, node: Node, comes_back: bool) -> None:
        boot = node.booted_at
        await self._world.clock.pass_time(ORDER_SECONDS)
        node.services.stop(STATISTICS)
        stopall = self._world.tasks.start(node, "stopall", "", "root@pam", self._stop_all(node))
        await stopall.has_ended()
        if node.is_on and node.booted_at == boot:
            self.farewell(node, comes_back=comes_back)

    def go_down(self, node: Node, *, comes_back: bool) -> None:
        """Nothing holds the machine any more: it leaves the cluster and goes off."""
        self._crowd.spawn(self._go_down(node, comes_back))

    async def _go_down(self, node: Node, comes_back: bool) -> None:
        boot = node.booted_at
        await self._world.clock.pass_time(FAREWELL_SECONDS)
        if node.is_on and node.booted_at == boot:
            self._membership.leave(node.name)
        await self._world.clock.pass_time(POWER_OFF_SECONDS)
        if not node.is_on or node.booted_at != boot:
            return
        self.crash(node)
        if comes_back:
            self.power_on(node)

    def power_on(self, node: Node) -> None:
        """The machine boots; it answers after BOOT_SECONDS."""
        if node.power is not Power.OFF:
            return
        node.power = Power.BOOTING
        self._crowd.spawn(self._boot(node))

    def reset(self, node: Node) -> None:
        """Off and on again, as a watchdog does it."""
        self.crash(node)
        self.power_on(node)

    async def _boot(self, node: Node) -> None:
        clock = self._world.clock
        await clock.pass_time(BOOT_SECONDS)
        node.power = Power.ON
        node.services.start_all()
        node.booted_at = self._world.now()
        self._crowd.spawn(self._reports(node, FIRST_REPORT_SECONDS))
        self._world.tasks.close_lost_of(node.name)
        self._world.changed()
        self._membership.join(node.name)
        while not self._membership.is_quorate(node.name):
            await clock.pass_time(1)
        self._world.tasks.start(node, "startall", "", "root@pam", self._start_all(node))

    def _start_all(self, node: Node) -> Work:
        async def work(task: Task) -> None:
            for guest in list(self._world.guests_of(node.name)):
                if guest.lock == "backup":
                    guest.lock = None
                    task.print(f"removed left over backup lock from '{guest.vmid}'!")
                if self.is_managed(guest) or guest.config.get("onboot") != 1:
                    continue
                start = work_of(self._world, guest.vmid, guest.kind, node.name, Action.START)
                type_ = task_type(guest.kind, Action.START)
                self._world.tasks.start(node, type_, str(guest.vmid), "root@pam", start)

        return work

    def _stop_all(self, node: Node) -> Work:
        async def work(_task: Task) -> None:
            running = [guest for guest in self._world.guests_of(node.name) if guest.is_running]
            tasks = [self._stop(node, guest) for guest in running if not self.is_managed(guest)]
            for task in tasks:
                await task.has_ended()

        return work

    def _stop(self, node: Node, guest: Guest) -> Task:
        how = How(timeout=STOPALL_TIMEOUT, force=True)
        work = work_of(self._world, guest.vmid, guest.kind, node.name, Action.SHUTDOWN, how=how)
        type_ = task_type(guest.kind, Action.SHUTDOWN)
        return self._world.tasks.start(node, type_, str(guest.vmid), "root@pam", work)

    async def _reports(self, node: Node, first: float) -> None:
        """The reports of one boot, at the node's own beat; what was told before stays until the
        first one replaces it.
        """
        clock, boot = self._world.clock, node.booted_at
        await clock.pass_time(first)
        while node.is_on and node.booted_at == boot:
            if node.has_file_system and node.services.runs(STATISTICS):
                self._report(node)
            await clock.pass_time(REPORT_SECONDS)

    def _report(self, node: Node) -> None:
        node.report = self._world.measure_node(node)
        for guest in self._world.guests_of(node.name):
            guest.report = self._world.measure_guest(guest)
            guest.is_charted = True

    async def close(self) -> None:
        """Ends what runs."""
        await self._crowd.close()
