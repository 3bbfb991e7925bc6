"""Whatever happens, in whatever order: no guest runs twice, and nothing runs on a dead node.

The mixtures are seeded, so a failure comes back with its seed.
"""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from hapanel.ha.engine.actions import (
    Action,
    Command,
    HaltNode,
    Network,
    PowerOff,
    PowerOn,
    ReachQDevice,
    Request,
    RestartLrm,
    SetFileSystem,
    SetLock,
    StartCrm,
    StopCrm,
    apply,
)
from hapanel.ha.engine.events import Event, GuestStarted, ServiceChanged
from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.profile import REAL, REGRESSION, Profile
from hapanel.ha.engine.rules import NodeAffinity, ResourceAffinity, Rule
from hapanel.ha.engine.step import step
from hapanel.ha.engine.words import Halt, Requested, Scheduler, ShutdownPolicy
from hapanel.ha.engine.world import Faults, Guest, QDevice, World
from tests.pure.ha.engine.cluster import cluster, ct, vm


def some_guest(dice: Random, number: int, nodes: list[str]) -> Guest:
    kind = dice.choice([vm, ct])
    faults = Faults(
        starts=dice.choice([0, 0, 0, 2]),
        moves=dice.choice([0, 0, 0, 2]),
        cannot_stop=dice.random() < 0.05,
    )
    return kind(
        number, dice.choice(nodes), failback=dice.random() < 0.7, max_restart=1, faults=faults
    )


def some_rule(dice: Random, name: str, sids: list[str], nodes: list[str]) -> Rule:
    resources = frozenset(dice.sample(sids, min(len(sids), 2)))
    if dice.random() < 0.5:
        return ResourceAffinity(id=name, resources=resources, positive=dice.random() < 0.5)
    places = {node: dice.randint(0, 1) for node in dice.sample(nodes, 2)}
    return NodeAffinity(id=name, resources=resources, nodes=places, strict=dice.random() < 0.5)


def some_world(dice: Random, profile: Profile) -> World:
    nodes = [f"n{i}" for i in range(1, dice.choice([2, 3, 4]) + 1)]
    guests = [some_guest(dice, 100 + i, nodes) for i in range(dice.randint(2, 6))]
    sids = [guest.sid for guest in guests]
    options = Options(
        scheduler=dice.choice(list(Scheduler)),
        rebalance_on_start=dice.random() < 0.4,
        auto_rebalance=AutoRebalance(enabled=dice.random() < 0.5),
        shutdown_policy=dice.choice(list(ShutdownPolicy)),
    )
    rules = tuple(some_rule(dice, f"r{i}", sids, nodes) for i in range(dice.randint(0, 2)))
    qdevice = QDevice() if len(nodes) % 2 == 0 else None
    return cluster(nodes, guests, profile=profile, rules=rules, options=options, qdevice=qdevice)


def something(dice: Random, world: World) -> Action:
    node, sid = dice.choice(sorted(world.machines)), dice.choice(sorted(world.guests))
    actions: list[Action] = [
        PowerOff(node),
        PowerOn(node),
        Network(node, connected=False),
        Network(node, connected=True),
        HaltNode(node, dice.choice(list(Halt))),
        RestartLrm(node),
        StopCrm(node),
        StartCrm(node),
        Command(f"migrate {sid} {node}"),
        Command(f"relocate {sid} {node}"),
        Command(f"enable-node-maintenance {node}"),
        Command(f"disable-node-maintenance {node}"),
        Command("disarm-ha freeze"),
        Command("disarm-ha ignore"),
        Command("arm-ha"),
        Request(sid, dice.choice(list(Requested))),
        SetLock(sid, dice.choice([None, "backup", "create"])),
        SetFileSystem(node, can_write=dice.random() < 0.5),
        SetFileSystem(node, can_update=dice.random() < 0.5),
        ReachQDevice(is_reachable=dice.random() < 0.5),
    ]
    return dice.choice(actions)


def check(world: World) -> None:
    for node, sids in world.running.items():
        assert world.machines[node].has_power or not sids
    running = [sid for sids in world.running.values() for sid in sids]
    assert len(running) == len(set(running))


@pytest.mark.parametrize("profile", [REAL, REGRESSION], ids=["real", "regression"])
@pytest.mark.parametrize("seed", range(6))
def test_no_guest_ever_runs_on_two_nodes(seed: int, profile: Profile) -> None:
    dice = Random(seed)
    world = some_world(dice, profile)
    for _ in range(dice.randint(3, 10)):
        world, _ = apply(world, world.now, something(dice, world))
        until = world.now + dice.choice([3, 20, 90, 200])
        while world.now < until:
            world, _ = step(world, max(world.now + 2, world.round_at))
            check(world)


def told(seed: int, profile: Profile) -> list[Event]:
    """What services went through and where guests were started, in a mixture."""
    dice = Random(seed)
    world = some_world(dice, profile)
    events: list[Event] = []
    for _ in range(dice.randint(3, 10)):
        world, happened = apply(world, world.now, something(dice, world))
        events.extend(happened)
        world, happened = step(world, world.now + dice.choice([3, 20, 90, 200]))
        events.extend(happened)
    return [event for event in events if isinstance(event, ServiceChanged | GuestStarted)]


@pytest.mark.parametrize("seed", range(20, 25))
def test_not_looking_again_changes_nothing_but_the_cost(seed: int) -> None:
    assert told(seed, REAL) == told(seed, replace(REAL, rechecks=False))
