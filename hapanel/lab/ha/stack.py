"""The HA stack of the cluster: the engine's world, alive by the lab's clock, and the ways in."""

import asyncio
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from hapanel.ha.engine.actions import (
    Action,
    Command,
    HaltNode,
    PowerOff,
    PowerOn,
    Report,
    RestartLrm,
    StartCrm,
    StartLrm,
    StopCrm,
    StopLrm,
    TellMembers,
    apply,
)
from hapanel.ha.engine.environment import Events, Living
from hapanel.ha.engine.events import CrmChanged, JobBegun, LrmChanged
from hapanel.ha.engine.words import Halt, Requested
from hapanel.ha.engine.world import World as HaWorld
from hapanel.lab.clock import Clock
from hapanel.lab.crowd import Crowd
from hapanel.lab.errors import TaskFailed
from hapanel.lab.ha.beginning import empty_world, settled
from hapanel.lab.ha.configuration import Configuration, Resource
from hapanel.lab.ha.effects import Effects
from hapanel.lab.ha.ledger import Ledger
from hapanel.lab.ha.sight import Sight, members_seen
from hapanel.lab.ha.work import Workers
from hapanel.lab.hardware import Hardware
from hapanel.lab.membership import Membership
from hapanel.lab.services import CRM, LRM
from hapanel.lab.world import Guest, Node, World

LOCK_WAIT_SECONDS = 10.0
LEAST_WAIT, LONGEST_WAIT = 0.002, 3600.0
_STARTS: dict[str, Callable[[str], Action]] = {CRM: StartCrm, LRM: StartLrm}
_STOPS: dict[str, Callable[[str], Action]] = {CRM: StopCrm, LRM: StopLrm}


class _Moments:
    """The lab's clock as the kernel's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


class HaManager:
    """What the API and the program may ask of HA."""

    def __init__(self, world: World, membership: Membership, hardware: Hardware) -> None:
        self._world = world
        self._membership = membership
        self._hardware = hardware
        self.configuration = Configuration()
        self.ledger = Ledger()
        self._sight = Sight(world, self.configuration)
        self._workers = Workers(world)
        self._effects = Effects(world, hardware, self.configuration)
        self._jobs = Crowd()
        self._guests_changed = True
        self._counted: object = None
        self._halting: dict[str, bool] = {}
        self._served: dict[tuple[str, str], bool] = {}
        self._powered = dict.fromkeys(world.nodes, True)
        self._living = self._begin(empty_world(world.nodes.values()))
        self._real = self._living.world.profile
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None
        hardware.is_managed = self.is_managed
        hardware.farewell = self.halt
        self.configuration.on_change = self._note_configuration

    def _begin(self, world: HaWorld) -> Living:
        return Living(world, _Moments(self._world.clock), self._world.clock.speed)

    def adopt(self, vmids: Iterable[int], master: str | None) -> None:
        """Guests that were under HA all along: everything is settled."""
        for vmid in vmids:
            sid = self._world.guests[vmid].sid
            self.configuration.resources[sid] = Resource(sid, max_restart=1, max_relocate=1)
        world = self._living.world
        news = self._sight.news(world, of_guests=True)
        world, _ = apply(world, world.now, *news)
        world = settled(world, master or next(iter(self._world.nodes)))
        self._living = self._begin(world)
        self.ledger.note(world)

    def run(self) -> None:
        """Starts the rounds."""
        self._world.on_change(self._on_change)
        self._membership.on_change(self._on_change)
        self._loop = asyncio.get_running_loop()
        self._on_change()
        self._set_alarm()

    def _set_alarm(self) -> None:
        """The engine says when it has something to do again."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._loop is not None:
            wait = min(self._living.may_wait(), LONGEST_WAIT) + LEAST_WAIT
            self._alarm = self._loop.call_later(wait, self._enter)

    async def close(self) -> None:
        """Stops the rounds."""
        self._loop = None
        self._set_alarm()
        await self._jobs.close()

    # how things are

    @property
    def world(self) -> HaWorld:
        """The engine's world, as it was at its last turn."""
        return self._living.world

    def epoch(self, seconds: float) -> float:
        """When it was that second of the engine's world."""
        return self._living.moment(seconds).timestamp()

    def is_managed(self, guest: Guest) -> bool:
        """Whether power and migrate calls go through HA."""
        resource = self.configuration.resources.get(guest.sid)
        disarm = self.world.disarm
        if resource is None or (disarm is not None and disarm.mode == "ignore"):
            return False
        return resource.state is not Requested.IGNORED

    def has_daemon(self, node: str, service: str) -> bool:
        """Whether that daemon still runs on the node."""
        return node in (self.world.crms if service == CRM else self.world.lrms)

    # ways in

    def command(self, text: str) -> None:
        """Queues a line for the manager, who may throw it away silently."""
        self._enter(Command(text))

    def request_state(self, sid: str, state: Requested) -> None:
        """Changes the requested state in the HA configuration."""
        resource = self.configuration.resources[sid]
        resource.state = state
        self.configuration.write(resource)

    def restart_daemon(self, node: str, service: str) -> None:
        """Stops a daemon in order; it comes back by itself."""
        self._enter(RestartLrm(node) if service == LRM else StopCrm(node))

    def set_watchdogs(self, *, bite: bool) -> None:
        """Whether a watchdog that nobody feeds resets its node."""
        seconds = self._real.watchdog if bite else math.inf
        world = self._living.world
        self._living.world = replace(world, profile=replace(world.profile, watchdog=seconds))
        self._set_alarm()

    def halt(self, node: Node, *, comes_back: bool) -> None:
        """The node is going down in order: its daemons settle its guests and leave. Then the
        hardware is told."""
        self._halting[node.name] = comes_back
        self._enter(HaltNode(node.name, Halt.REBOOT if comes_back else Halt.SHUTDOWN))

    async def write_through(self, node: str, command: str) -> None:
        """What `ha-manager` needs for a write: the cluster lock, so quorum, or it gives up."""
        if self._membership.is_quorate(node):
            return
        await self._world.clock.pass_time(LOCK_WAIT_SECONDS)
        raise TaskFailed(f"command 'ha-manager {command}' failed: exit code 13")

    # the turns

    def _note_configuration(self) -> None:
        self._sight.note_configuration()
        self._guests_changed = True

    def _on_change(self) -> None:
        """Machines, members and services are followed at once, guests at the next turn.

        Machines come first: an LRM must not see that its guests are gone before it is gone itself.
        """
        power = list(self._news_of_power())
        if power:
            self._take_in(self._living.enter(*power))
        self._guests_changed = True
        actions = [*self._news_of_services(), *self._news_of_members()]
        if actions:
            self._enter(*actions)
        else:
            self._set_alarm()

    def _news_of_power(self) -> Iterable[Action]:
        for name, node in self._world.nodes.items():
            if self._powered[name] and not node.is_on:
                self._powered[name] = False
                self._halting.pop(name, None)
                yield PowerOff(name)
            elif node.is_on and not self._powered[name] and self._membership.seen[name]:
                # Its daemons wait for pmxcfs, which waits for corosync.
                self._powered[name] = True
                yield PowerOn(name)

    def _news_of_services(self) -> Iterable[Action]:
        for name, node in self._world.nodes.items():
            for service in (CRM, LRM):
                runs = node.services.runs(service)
                if runs != self._served.get((name, service), True):
                    yield (_STARTS if runs else _STOPS)[service](name)
                self._served[name, service] = runs

    def _news_of_members(self) -> Iterable[Action]:
        """Counted anew when a view, a vote or a file system is another one."""
        machines = tuple((each.is_on, each.has_file_system) for each in self._world.nodes.values())
        counted = (self._membership.revision, machines)
        if counted != self._counted:
            self._counted = counted
            yield TellMembers(members_seen(self._world, self._membership))

    def _enter(self, *actions: Action) -> None:
        """Lets the engine see the lab, do what is due, and take the actions in."""
        known = self._living.world
        news = list(self._sight.news(known, of_guests=self._guests_changed))
        self._guests_changed = False
        if news:
            self._living.world, events = apply(known, known.now, *news)
            self._take_in(events)
        self._take_in(self._living.enter(*self._news_of_services(), *actions))
        self._set_alarm()

    def _take_in(self, events: Events) -> None:
        self.ledger.note(self.world)
        for event in events:
            match event:
                case JobBegun():
                    self._jobs.spawn(self._do(event))
                case CrmChanged(node=node, new=None):
                    self._comes_back(node, CRM)
                case LrmChanged(node=node, new=None):
                    self._comes_back(node, LRM)
                case _:
                    self._effects.follow(event)
        for name in list(self._halting):
            if not self.world.machines[name].has_power:
                comes_back = self._halting.pop(name)
                self._hardware.go_down(self._world.nodes[name], comes_back=comes_back)

    async def _do(self, job: JobBegun) -> None:
        service = self.world.services.get(job.sid)
        patience = service.timeout if service is not None and service.uid == job.uid else None
        result = await self._workers.carry_out(job, patience)
        self._guests_changed = True
        self._enter(Report(job.node, job.sid, job.uid, result))

    def _comes_back(self, node: str, service: str) -> None:
        """A daemon that left, though systemd wants it to run, is started again."""
        machine = self.world.machines[node]
        wanted = self._world.nodes[node].services.runs(service)
        if wanted and machine.has_power and machine.halt is None:
            self._jobs.spawn(self._start_daemon(node, service))

    async def _start_daemon(self, node: str, service: str) -> None:
        self._enter(_STARTS[service](node))
