"""Two nodes on a real cluster's clock: who dies with whom, and after how long who is back.

The windows hold the phases of the daemons' loops (10 s each); their middles are what the real code
did on two nodes.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hapanel.ha.engine.actions import (
    Command,
    Network,
    PowerOff,
    PowerOn,
    ReachQDevice,
)
from tests.pure.ha.engine.cluster import Tale, ct, pair, story, vm

NODES = ("north", "south")


def within(low: float, value: float, high: float) -> bool:
    return low <= value <= high


def only_start(tale: Tale, sid: str) -> tuple[str, float]:
    (start,) = tale.starts(sid)
    return start


BOTH = (vm(100, "north"), ct(101, "north"))


def test_the_idle_survivor_lives_and_recovers_nothing() -> None:
    world, tale = story(pair(*BOTH, seat="south"), 600, (3, PowerOff("north")))
    assert tale.resets() == []
    assert tale.path("vm:100") == tale.path("ct:101") == []
    assert world.services["vm:100"].state == "started"
    assert not any(world.running.values())


@pytest.mark.parametrize("seat", NODES)
def test_an_armed_survivor_resets_itself_though_the_dead_node_was_idle(seat: str) -> None:
    world, tale = story(pair(*BOTH, seat=seat), 300, (3, PowerOff("south")))
    ((node, at),) = tale.resets()
    assert node == "north"
    assert within(58, at - 3, 82)
    assert not any(world.running.values())


@pytest.mark.parametrize("phase", range(0, 10, 3))
def test_with_a_qdevice_the_guests_start_on_the_survivor(phase: int) -> None:
    world, tale = story(pair(*BOTH, seat="south", qdevice=True), 300, (phase, PowerOff("north")))
    for sid in ("vm:100", "ct:101"):
        node, at = only_start(tale, sid)
        assert node == "south"
        assert within(110, at - phase, 155)
        assert tale.path(sid) == ["fence", "recovery", "started"]
    assert tale.resets() == []
    assert world.guests["vm:100"].node == "south"


@pytest.mark.parametrize("phase", range(0, 10, 3))
def test_with_the_managers_seat_the_dead_node_costs_a_minute_more(phase: int) -> None:
    _, tale = story(pair(*BOTH, qdevice=True), 300, (phase, PowerOff("north")))
    node, at = only_start(tale, "vm:100")
    assert node == "south"
    assert within(165, at - phase, 210)
    assert tale.when("vm:100", "fence") == tale.when("vm:100", "recovery")


def test_the_gap_of_the_qdevice_may_cost_the_master_its_memory() -> None:
    world = pair(*BOTH, seat="south", qdevice=True)
    fences = [
        story(world, 300, (phase, PowerOff("north")))[1].when("vm:100", "fence") - phase
        for phase in range(10)
    ]
    # A minute from when it was last seen, or from when the same node became master again.
    assert all(within(55, fence, 90) for fence in fences)
    assert min(fences) < 68 < 72 < max(fences)


def test_after_its_return_the_first_node_waits_two_minutes_for_locks() -> None:
    script = (2, PowerOff("north")), (60, PowerOn("north"))
    _, tale = story(pair(*BOTH, seat="south"), 400, *script)
    node, at = only_start(tale, "vm:100")
    assert node == "north"
    assert within(118, at - 60, 140)


def test_the_second_node_starts_at_once_when_the_first_has_waited_already() -> None:
    guests = vm(100, "south"), vm(101, "south")
    script = (2, PowerOff("south")), (240, PowerOn("south"))
    _, tale = story(pair(*guests), 400, *script)
    node, at = only_start(tale, "vm:101")
    assert node == "south"
    assert within(0, at - 240, 30)


def test_the_gap_of_the_qdevice_resets_nobody() -> None:
    world, tale = story(pair(*BOTH, qdevice=True), 300, (1, PowerOff("south")))
    assert tale.resets() == []
    assert tale.path("vm:100") == []
    assert world.running["north"] == {"vm:100", "ct:101"}
    assert tale.node_states("south")[0][0] == "unknown"


def test_a_qdevice_out_of_reach_helps_nobody() -> None:
    script = (1, ReachQDevice(False)), (30, PowerOff("south"))
    _, tale = story(pair(*BOTH, qdevice=True), 300, *script)
    assert [node for node, _ in tale.resets()] == ["north"]


def test_a_cut_cable_resets_the_armed_node_and_not_the_idle_one() -> None:
    _, tale = story(pair(*BOTH, seat="south", qdevice=True), 400, (4, Network("north", False)))
    ((node, at),) = tale.resets()
    assert node == "north"
    start, started = only_start(tale, "vm:100")
    assert start == "south"
    assert at < started


def test_two_votes_on_one_node_decide() -> None:
    world = pair(*BOTH)
    heavy = replace(world.machines["north"], votes=2)
    world = replace(world, machines={**world.machines, "north": heavy})
    _, tale = story(world, 300, (3, PowerOff("south")))
    assert tale.resets() == []


def test_a_migration_by_command_takes_a_few_rounds() -> None:
    world, tale = story(pair(*BOTH), 90, (0, Command("migrate vm:100 south")))
    assert tale.path("vm:100") == ["migrate", "started"]
    assert world.running["south"] == {"vm:100"}
    assert tale.starts("vm:100") == []


def test_more_starts_than_workers_queue_up() -> None:
    guests = [vm(100 + n, "north") for n in range(10)]
    _, tale = story(pair(*guests, seat="south", qdevice=True), 300, (0, PowerOff("north")))
    times = sorted(only_start(tale, guest.sid)[1] for guest in guests)
    assert times[3] - times[0] < 1
    assert times[4] > times[3]
    assert times[8] > times[7]
