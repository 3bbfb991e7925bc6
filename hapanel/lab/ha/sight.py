"""What HA sees of the lab: guests, configuration, options and members, as the engine's actions."""

from collections.abc import Iterator

from msgspec.structs import replace

from hapanel.ha.engine.actions import (
    Action,
    Configure,
    Remove,
    SetBystanders,
    SetOptions,
    SetRules,
    SetRunning,
)
from hapanel.ha.engine.words import Scheduler
from hapanel.ha.engine.world import Bystander, Load, Members
from hapanel.ha.engine.world import Guest as HaGuest
from hapanel.ha.engine.world import World as HaWorld
from hapanel.lab.ha.configuration import Configuration, Resource
from hapanel.lab.ha.options import READ, options_of
from hapanel.lab.ha.rules import in_force
from hapanel.lab.membership import Membership
from hapanel.lab.world import Guest, World

# Guests outside HA only count where guests under HA are put; a round of the master is often enough.
BYSTANDERS_SECONDS = 10.0
_UNWEIGHED = Load()


class Sight:
    """Compares the lab with what the engine's world holds of it."""

    def __init__(self, world: World, configuration: Configuration) -> None:
        self._world = world
        self._configuration = configuration
        self._options: tuple[str | None, ...] | None = None
        self._scheduler = Scheduler.BASIC
        self._is_rewritten = True
        self._is_stale = True
        self._due = 0.0
        self._loads: dict[tuple[int, int], Load] = {}

    def note_configuration(self) -> None:
        """Somebody wrote something of a resource."""
        self._is_rewritten = True

    def news(self, known: HaWorld, *, of_guests: bool) -> Iterator[Action]:
        """What the engine does not know yet. of_guests: somebody changed something of guests."""
        written = tuple(self._world.options.get(name) for name in READ)
        if written != self._options:
            self._options = written
            options = options_of(self._world.options)
            self._scheduler, self._is_rewritten = options.scheduler, True
            yield SetOptions(options)
        rules = in_force(self._configuration.rules)
        if rules != known.rules:
            yield SetRules(rules)
        self._is_stale |= of_guests
        is_due = known.now >= self._due and (self._is_stale or self._scheduler is Scheduler.DYNAMIC)
        if self._is_rewritten or is_due:
            self._is_rewritten = False
            yield from self._news_of_resources(known)
        elif of_guests:
            yield from self._news_of_places(known)
        if of_guests:
            yield from self._news_of_running(known)
        if is_due:
            self._is_stale, self._due = False, known.now + BYSTANDERS_SECONDS
            yield from self._everything_that_runs(known)

    def _news_of_resources(self, known: HaWorld) -> Iterator[Action]:
        """All that is configured, and how large it is."""
        resources = self._configuration.resources
        for sid in known.guests.keys() - resources.keys():
            yield Remove(sid)
        for sid, resource in resources.items():
            guest = self._world.guests.get(resource.vmid)
            if guest is None:
                continue
            seen = self._ha_guest(resource, guest)
            if seen != known.guests.get(sid):
                yield Configure(seen)

    def _news_of_places(self, known: HaWorld) -> Iterator[Action]:
        """Where the configurations lie, and whether they are locked: that changes all the time."""
        for sid, before in known.guests.items():
            resource = self._configuration.resources[sid]
            guest = self._world.guests.get(resource.vmid)
            if guest and (guest.node != before.node or guest.lock != before.lock):
                yield Configure(replace(before, node=guest.node, lock=guest.lock))

    def _ha_guest(self, resource: Resource, guest: Guest) -> HaGuest:
        return HaGuest(
            sid=resource.sid,
            node=guest.node,
            requested=resource.state,
            failback=resource.fails_back,
            max_restart=resource.restarts,
            max_relocate=resource.relocations,
            lock=guest.lock,
            load=self._load(guest),
        )

    def _load(self, guest: Guest) -> Load:
        """What it is assigned and uses, as far as the scheduler asks for it."""
        if self._scheduler is Scheduler.BASIC:
            return _UNWEIGHED
        cores, memory, report = guest.cores, guest.memory, guest.report
        if self._scheduler is Scheduler.DYNAMIC and report is not None:
            used = cores * report.cpu
            return Load(maxcpu=float(cores), maxmem=memory, cpu=used, mem=report.mem)
        if (cores, memory) not in self._loads:
            self._loads[cores, memory] = Load(maxcpu=float(cores), maxmem=memory)
        return self._loads[cores, memory]

    def _news_of_running(self, known: HaWorld) -> Iterator[Action]:
        """Where resources run; that is needed at once."""
        changed: dict[str, set[str]] = {}
        for sid, resource in self._configuration.resources.items():
            guest = self._world.guests.get(resource.vmid)
            on = guest.runs_on if guest else None
            if on is not None and sid in known.running.get(on, ()):
                continue
            for node in self._world.nodes:
                running = known.running.get(node, frozenset())
                if (sid in running) != (node == on):
                    changed.setdefault(node, set(running)).symmetric_difference_update({sid})
        for node, sids in changed.items():
            yield SetRunning(node, frozenset(sids))

    def _everything_that_runs(self, known: HaWorld) -> Iterator[Action]:
        running: dict[str, set[str]] = {name: set() for name in self._world.nodes}
        bystanders: dict[str, Bystander] = {}
        resources = self._configuration.resources
        for guest in self._world.guests.values():
            if guest.runs_on is None:
                continue
            sid = guest.sid
            running[guest.runs_on].add(sid)
            if sid not in resources:
                bystanders[sid] = Bystander(node=guest.runs_on, load=self._load(guest))
        for node, sids in running.items():
            if frozenset(sids) != known.running.get(node):
                yield SetRunning(node, frozenset(sids))
        if bystanders != known.bystanders:
            yield SetBystanders(bystanders)


def members_seen(world: World, membership: Membership) -> Members:
    """The quorate side as pmxcfs has it: whoever lost it cannot write, nor be seen."""
    quorate = membership.quorate_nodes()
    viewer = next((name for name in quorate if world.nodes[name].has_file_system), None)
    if viewer is None:
        return Members(online=frozenset(), is_quorate=False, lowest=None)
    online = frozenset(name for name in world.nodes if membership.is_online(viewer, name))
    lowest = min(online, key=lambda name: world.nodes[name].node_id, default=None)
    return Members(online=online, is_quorate=True, lowest=lowest)
