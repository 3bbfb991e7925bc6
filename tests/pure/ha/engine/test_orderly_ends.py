"""Maintenance, shutdown policies and restarts: nothing is broken, so nothing may break."""

from __future__ import annotations

from functools import cache

import pytest

from hapanel.ha.engine.actions import (
    Command,
    HaltNode,
    PowerOff,
    PowerOn,
    RestartLrm,
    StartLrm,
    StopLrm,
)
from hapanel.ha.engine.events import LockTaken
from hapanel.ha.engine.options import Options
from hapanel.ha.engine.profile import REGRESSION
from hapanel.ha.engine.words import Halt, ShutdownPolicy
from hapanel.ha.engine.world import Faults, World
from tests.pure.ha.engine.cluster import cluster, ct, only_on, story, vm

THREE = ("ash", "birch", "cedar")


@cache
def three(policy: ShutdownPolicy = ShutdownPolicy.CONDITIONAL, **fields: object) -> World:
    guests = [vm(1, "ash"), ct(2, "ash"), vm(3, "birch")]
    options = Options(shutdown_policy=policy)
    return cluster(THREE, guests, options=options, **fields)  # type: ignore[arg-type]


def test_maintenance_moves_guests_away_and_brings_them_back() -> None:
    script = (
        (0, Command("enable-node-maintenance ash")),
        (90, Command("disable-node-maintenance ash")),
    )
    world, tale = story(three(), 80, script[0])
    assert world.node_states["ash"] == "maintenance"
    assert tale.path("vm:1") == ["migrate", "started"]
    assert tale.path("ct:2") == ["relocate", "started"]
    assert not world.running["ash"]
    assert world.services["vm:1"].maintenance_node == "ash"
    assert world.lrms["ash"].watchdog is None
    world, _ = story(world, 100, (10, Command("disable-node-maintenance ash")))
    assert world.running["ash"] == {"vm:1", "ct:2"}
    assert world.services["vm:1"].maintenance_node is None


def test_a_node_in_maintenance_may_lose_power_without_a_fence() -> None:
    script = (0, Command("enable-node-maintenance ash")), (100, PowerOff("ash"))
    world, tale = story(three(), 400, *script)
    assert world.node_states["ash"] == "maintenance"
    assert "fence" not in tale.path("vm:1")


def test_maintenance_of_both_nodes_moves_nothing() -> None:
    world = cluster(("ash", "birch"), [vm(1, "ash"), vm(2, "birch")])
    script = [(0, Command(f"enable-node-maintenance {node}")) for node in ("ash", "birch")]
    world, tale = story(world, 200, *script)
    assert tale.path("vm:1") == []
    assert world.running == {"ash": {"vm:1"}, "birch": {"vm:2"}}


def test_a_pinned_guest_stays_in_maintenance() -> None:
    world = cluster(THREE, [vm(1, "ash")], rules=(only_on({"ash": 0}, "vm:1"),))
    world, tale = story(world, 120, (0, Command("enable-node-maintenance ash")))
    assert tale.path("vm:1") == []
    assert world.running["ash"] == {"vm:1"}
    assert world.lrms["ash"].watchdog is not None


ENDS = [
    # policy, how it ends, states of vm:1 until 400 s later while the node stays away
    (ShutdownPolicy.CONDITIONAL, Halt.SHUTDOWN, ["fence", "recovery", "started"]),
    (ShutdownPolicy.CONDITIONAL, Halt.REBOOT, ["freeze", "started"]),
    (ShutdownPolicy.FREEZE, Halt.SHUTDOWN, ["freeze"]),
    (ShutdownPolicy.FREEZE, Halt.REBOOT, ["freeze", "started"]),
    (ShutdownPolicy.FAILOVER, Halt.SHUTDOWN, ["fence", "recovery", "started"]),
    (ShutdownPolicy.MIGRATE, Halt.SHUTDOWN, ["migrate", "started"]),
    (ShutdownPolicy.MIGRATE, Halt.REBOOT, ["migrate", "started", "migrate", "started"]),
]


@pytest.mark.parametrize(("policy", "how", "path"), ENDS, ids=[f"{p}-{h}" for p, h, _ in ENDS])
def test_each_policy_has_its_own_end(policy: ShutdownPolicy, how: Halt, path: list[str]) -> None:
    world, tale = story(three(policy), 400, (0, HaltNode("ash", how)))
    assert tale.path("vm:1") == path
    assert world.machines["ash"].has_power == (how is Halt.REBOOT)
    assert tale.resets() == []
    came_back = "ash" if how is Halt.REBOOT else None
    here = {node for node, sids in world.running.items() if "vm:1" in sids}
    if path == ["freeze"]:
        assert here == set()
    elif came_back:
        assert here == {came_back}
    else:
        assert here & {"birch", "cedar"}


def test_an_orderly_power_off_is_recovered_within_a_good_minute() -> None:
    # The seat must not go with the node, or a new master would start to count anew.
    world = three()
    node = next(name for name in ("ash", "birch") if name != world.master)
    sid = "vm:1" if node == "ash" else "vm:3"
    _, tale = story(world, 300, (0, HaltNode(node, Halt.SHUTDOWN)))
    ((_, at),) = tale.starts(sid)
    assert 60 < at < 105


def test_an_orderly_power_off_resets_the_armed_peer_of_two() -> None:
    world = cluster(("ash", "birch"), [vm(1, "ash"), vm(2, "birch")])
    _, tale = story(world, 300, (0, HaltNode("birch", Halt.SHUTDOWN)))
    ((node, at),) = tale.resets()
    assert node == "ash"
    assert 60 < at < 110


def test_two_nodes_shut_down_with_policy_migrate_wait_for_each_other() -> None:
    options = Options(shutdown_policy=ShutdownPolicy.MIGRATE)
    world = cluster(("ash", "birch"), [vm(1, "ash"), vm(2, "birch")], options=options)
    script = [(0, HaltNode(node, Halt.SHUTDOWN)) for node in ("ash", "birch")]
    world, _ = story(world, 900, *script)
    assert all(machine.has_power for machine in world.machines.values())
    assert world.running == {"ash": {"vm:1"}, "birch": {"vm:2"}}


def test_a_guest_that_does_not_stop_keeps_the_lock_of_its_node() -> None:
    took = []
    for faults in (Faults(), Faults(cannot_stop=True)):
        guests = [vm(1, "ash"), vm(3, "birch", faults=faults)]
        world = cluster(THREE, guests, profile=REGRESSION)
        _, tale = story(world, 400, (0, HaltNode("birch", Halt.SHUTDOWN)))
        took.append(tale.when("vm:3", "recovery"))
    assert took[1] - took[0] == 60


def test_a_restarted_lrm_freezes_and_thaws_without_touching_guests() -> None:
    world, tale = story(three(), 120, (0, RestartLrm("ash")))
    assert tale.path("vm:1") == ["freeze", "started"]
    assert tale.starts("vm:1") == []
    assert world.running["ash"] == {"vm:1", "ct:2"}


def test_stopping_the_ha_services_is_no_failure() -> None:
    world, tale = story(three(), 400, (0, StopLrm("ash")), (150, Command("migrate vm:1 birch")))
    assert tale.path("vm:1") == ["freeze"]
    assert tale.node_states("ash") == []
    assert world.running["ash"] == {"vm:1", "ct:2"}
    world, tale = story(world, 60, (0, StartLrm("ash")))
    assert tale.path("vm:1") == ["started"]
    assert world.services["vm:1"].order is None


def test_a_frozen_guest_is_not_recovered_when_its_node_dies() -> None:
    script = (0, HaltNode("ash", Halt.REBOOT)), (50, PowerOff("ash"))
    world, tale = story(three(), 600, *script)
    assert tale.path("vm:1") == ["freeze"]
    assert tale.starts("vm:1") == []
    assert not any("vm:1" in sids for sids in world.running.values())


def test_back_in_time_a_master_goes_on_without_an_election() -> None:
    world = cluster(THREE, [vm(1, "birch")], profile=REGRESSION)
    assert world.master == "ash"
    _, tale = story(world, 300, (0, PowerOff("ash")), (100, PowerOn("ash")))
    assert tale.of(LockTaken) == []
    assert tale.path("vm:1") == []
