"""HA switched off: nothing fails over, nobody resets, and the way there and back is orderly."""

from __future__ import annotations

from functools import cache

import pytest

from hapanel.ha.engine.actions import Command, MovePastHa, PowerOff, PowerOn
from hapanel.ha.engine.events import CommandRefused, DisarmCompleted, DisarmDeferred, Rearmed
from hapanel.ha.engine.world import World
from tests.pure.ha.engine.cluster import cluster, story, vm

THREE = ("ash", "birch", "cedar")


@cache
def three() -> World:
    return cluster(THREE, [vm(1, "ash"), vm(2, "birch"), vm(3, "cedar")])


def test_freezing_holds_every_service_and_opens_every_watchdog() -> None:
    world, tale = story(three(), 60, (0, Command("disarm-ha freeze")))
    assert {service.state for service in world.services.values()} == {"freeze"}
    assert [crm.watchdog for crm in world.crms.values()] == [None] * 3
    assert [lrm.watchdog for lrm in world.lrms.values()] == [None] * 3
    assert len(tale.of(DisarmCompleted)) == 1
    assert world.disarm
    assert world.disarm.state == "disarmed"


@pytest.mark.parametrize("mode", ["freeze", "ignore"])
def test_a_disarmed_pair_survives_the_loss_of_a_node(mode: str) -> None:
    world = cluster(("ash", "birch"), [vm(1, "ash"), vm(2, "birch")])
    script = (0, Command(f"disarm-ha {mode}")), (60, PowerOff("birch"))
    world, tale = story(world, 600, *script)
    assert tale.resets() == []
    assert world.running["ash"] == {"vm:1"}


def test_what_died_while_frozen_stays_frozen_after_arming() -> None:
    script = (0, Command("disarm-ha freeze")), (60, PowerOff("cedar")), (300, Command("arm-ha"))
    world, tale = story(three(), 700, *script)
    assert tale.path("vm:1") == ["freeze", "started"]
    assert tale.path("vm:3") == ["freeze"]
    assert world.disarm is None


def test_what_died_while_ignored_is_recovered_after_arming() -> None:
    script = (0, Command("disarm-ha ignore")), (60, PowerOff("cedar")), (300, Command("arm-ha"))
    _, tale = story(three(), 700, *script)
    assert tale.path("vm:3") == ["fence", "recovery", "started"]
    assert tale.when("vm:3", "fence") < 325


def test_arming_finds_a_guest_that_was_moved_meanwhile() -> None:
    script = (
        (0, Command("disarm-ha ignore")),
        (60, MovePastHa("vm:3", "ash")),
        (120, Command("arm-ha")),
    )
    world, tale = story(three(), 240, *script)
    assert world.services["vm:3"].node == "ash"
    assert tale.path("vm:3") == []


def test_disarming_waits_for_a_fence_and_its_recovery() -> None:
    script = (0, PowerOff("cedar")), (75, Command("disarm-ha freeze"))
    _, tale = story(three(), 300, *script)
    assert tale.of(DisarmDeferred)
    assert tale.path("vm:3") == ["fence", "recovery", "started", "freeze"]
    assert tale.of(DisarmCompleted)[0].at > tale.of(DisarmDeferred)[-1].at


def test_disarming_lets_a_move_under_way_end() -> None:
    script = (0, Command("migrate vm:1 birch")), (14, Command("disarm-ha freeze"))
    world, tale = story(three(), 120, *script)
    assert tale.path("vm:1")[:2] == ["migrate", "started"]
    assert world.services["vm:1"].node == "birch"
    assert tale.of(DisarmCompleted)


def test_asking_twice_is_refused_with_the_reason() -> None:
    script = (
        (0, Command("arm-ha")),
        (10, Command("disarm-ha freeze")),
        (60, Command("disarm-ha ignore")),
        (90, Command("disarm-ha sideways")),
        (120, Command("arm-ha")),
    )
    _, tale = story(three(), 200, *script)
    reasons = [e.reason for e in tale.of(CommandRefused)]
    assert reasons == [
        "HA stack is not disarmed",
        "already disarmed or disarming",
        "already disarmed or disarming",
    ]
    assert len(tale.of(Rearmed)) == 1


def test_a_new_master_takes_over_disarmed() -> None:
    world = three()
    seat = str(world.master)
    world, tale = story(world, 500, (0, Command("disarm-ha freeze")), (60, PowerOff(seat)))
    assert world.master != seat
    assert world.crms[str(world.master)].watchdog is None
    world, tale = story(world, 400, (0, PowerOn(seat)), (60, Command("arm-ha")))
    assert {s.state for s in world.services.values()} == {"started"}
    assert tale.resets() == []
