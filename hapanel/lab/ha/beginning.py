"""A cluster whose HA has been at rest for a long time: the engine's world at the lab's start."""

from collections.abc import Iterable

from msgspec.structs import replace

from hapanel.ha.engine.actions import PowerOn, TellMembers
from hapanel.ha.engine.environment import Script, unfold
from hapanel.ha.engine.profile import Jobs, real
from hapanel.ha.engine.world import Machine, Members, World
from hapanel.lab.world import Node

# Two rounds of the master and one of each LRM, after the last node is on.
SETTLING_SECONDS = 45.0
SPREAD_SECONDS = 10


def empty_world(nodes: Iterable[Node]) -> World:
    """Nodes without power and nothing to do. The lab's tasks do the work and report it; who is a
    member is told by its membership, and what runs by its guests.
    """
    machines = {
        node.name: Machine(
            name=node.name,
            node_id=node.node_id,
            votes=node.votes,
            maxcpu=float(node.cores),
            maxmem=node.memory,
        )
        for node in nodes
    }
    profile = replace(real(len(machines)), jobs=Jobs.REPORTED)
    return World(profile=profile, machines=machines)


def settled(world: World, seat: str) -> World:
    """The same after all nodes were switched on, `seat` first, so that its CRM leads.

    The others follow second by second: each daemon has its own place in the round, and several
    are due at once in large clusters.
    """
    names = [seat, *(name for name in world.machines if name != seat)]
    lowest = min(world.machines.values(), key=lambda machine: machine.node_id)
    members = Members(online=frozenset(names), is_quorate=True, lowest=lowest.name)
    script: Script = [(0.0, TellMembers(members))]
    for number, name in enumerate(names):
        at = float(number and 1 + number % (SPREAD_SECONDS - 1))
        script = [*script, (at, PowerOn(name))]
    world, _ = unfold(world, SETTLING_SECONDS, script)
    return world
