"""Nodes that are shut down or rebooted over the API, under each shutdown policy, in virtual time.

The seconds are those of recorded runs of the real code on two nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.virtual_time import play

SMALL_MIB = "256"


def ended(
    command: str,
    policy: str,
    then: Callable[[Story, float], Awaitable[None]],
    *,
    scenario: str = "clusterubd-qdevice",
) -> None:
    """master is told to go; `then` watches from that second on."""

    async def story() -> None:
        tale = Story(scenario, master="slave")
        for guest in tale.world.guests.values():
            guest.config["memory"] = SMALL_MIB
        tale.world.options["ha"] = f"shutdown_policy={policy}"
        await asyncio.sleep(14)
        begun = tale.seconds
        await Client(tale).data("master", "POST", "/nodes/master/status", command=command)
        await then(tale, begun)

    play(story())


def all_run_on(tale: Story, node: str) -> Callable[[], bool]:
    """Whether both guests run there."""
    return lambda: all(guest.runs_on == node for guest in tale.world.guests.values())


def is_off(tale: Story, node: str) -> Callable[[], bool]:
    """Whether the node is without power."""
    return lambda: not tale.world.nodes[node].is_on


@pytest.mark.parametrize("policy", ["conditional", "failover"])
def test_guests_of_a_node_that_is_shut_down_start_elsewhere_without_a_wait_for_its_lock(
    policy: str,
) -> None:
    async def then(tale: Story, begun: float) -> None:
        off = await tale.until(is_off(tale, "master"))
        assert 15 < off - begun < 40
        assert tale.task("master", "stopall").status == "OK"
        assert tale.task("master", "qmshutdown").lines[0] == "task started by HA resource agent"
        back = await tale.until(all_run_on(tale, "slave"))
        assert 60 < back - off < 95
        tale.power_on("master")
        await asyncio.sleep(120)
        assert all_run_on(tale, "slave")()

    ended("shutdown", policy, then)


def test_guests_of_a_node_that_reboots_stay_frozen_and_start_there_again() -> None:
    async def then(tale: Story, begun: float) -> None:
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (master, freeze)")
        off = await tale.until(is_off(tale, "master"))
        assert 20 < off - begun < 45
        back = await tale.until(all_run_on(tale, "master"))
        assert back - off < 60

    ended("reboot", "conditional", then)


def test_with_policy_migrate_guests_leave_before_the_reboot_and_come_back_after_it() -> None:
    async def then(tale: Story, begun: float) -> None:
        away = await tale.until(all_run_on(tale, "slave"))
        assert away - begun < 45
        assert tale.cluster.ha_wording.node_state("master") == "maintenance"
        off = await tale.until(is_off(tale, "master"))
        assert tale.cluster.ha_wording.guest_state("vm:100") == "started"
        back = await tale.until(all_run_on(tale, "master"))
        assert back - off < 110
        assert tale.cluster.ha_wording.node_state("master") == "online"

    ended("reboot", "migrate", then)


def test_without_qdevice_the_node_that_took_the_guests_resets_itself_a_minute_later() -> None:
    async def then(tale: Story, begun: float) -> None:
        del begun
        off = await tale.until(is_off(tale, "master"))
        assert all_run_on(tale, "slave")()
        fell = await tale.until(is_off(tale, "slave"))
        assert 50 < fell - off < 80

    ended("shutdown", "migrate", then, scenario="clusterubd")
