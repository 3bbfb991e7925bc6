"""What endpoints say second by second agrees with recorded runs of the real code.

Order and time, as far as corosync, pmxcfs, pvestatd and the migrations themselves decide it: what
HA decides (when a guest is fenced, moved, started) is told by test_stories.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hapanel.lab.hardware import BOOT_SECONDS
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.timelines import (
    Course,
    differences,
    look,
    paper_run,
    requests_of,
    sandbox_run,
)
from tests.pure.lab.virtual_time import play

POLL_SECONDS = 2.0
BEFORE_SECONDS = 15.0  # half way between two reports of ten seconds
NOT_HA = "^(node|online|storage|quorate)"
ALL = ""

Event = tuple[float, Callable[[Story, Client], Awaitable[None]]]


def crash(*nodes: str) -> Callable[[Story, Client], Awaitable[None]]:
    """Their cords are pulled."""

    async def event(story: Story, _client: Client) -> None:
        for node in nodes:
            story.crash(node)

    return event


def power_on(node: str) -> Callable[[Story, Client], Awaitable[None]]:
    """The recorded nodes were on at once, the lab's boot first."""

    async def event(story: Story, _client: Client) -> None:
        story.power_on(node)

    return event


def migrate(source: str, target: str) -> Callable[[Story, Client], Awaitable[None]]:
    """A live migration of 100 that HA knows nothing of."""

    async def event(_story: Story, client: Client) -> None:
        path = f"/nodes/{source}/qemu/100/migrate"
        await client.data(source, "POST", path, target=target, online=1)

    return event


def played(story: Callable[[], Story], viewer: str, until: float, *events: Event) -> Course:
    """The run as `viewer` tells it, looked at every two seconds."""

    async def run() -> Course:
        tale, course = story(), Course()
        client = Client(tale)
        course.note(-BEFORE_SECONDS, await look(client, viewer))
        await asyncio.sleep(BEFORE_SECONDS)
        coming = sorted(events, key=lambda event: event[0])
        while tale.seconds - BEFORE_SECONDS < until + POLL_SECONDS:
            while coming and coming[0][0] <= tale.seconds - BEFORE_SECONDS:
                await coming.pop(0)[1](tale, client)
            await asyncio.sleep(POLL_SECONDS / 4)
            course.note(tale.seconds - BEFORE_SECONDS, await look(client, viewer))
            await asyncio.sleep(POLL_SECONDS * 3 / 4)
        return course

    return play(run())


def paper(master: str, scenario: str = "clusterubd-runs") -> Callable[[], Story]:
    """The two nodes, with the manager's seat on `master`."""
    return lambda: Story(scenario, master=master)


def on_at(seconds: float, node: str) -> Event:
    """Powered on so that its boot is over at that second."""
    return seconds - BOOT_SECONDS, power_on(node)


PAPER_RUNS = {
    "f-master-dies-no-qdevice": (
        "slave", "master pulled", ALL, 480.0, paper("slave"),
        ((0.0, crash("master")), on_at(362.1, "master")),
    ),
    "f2-crm-master-dies-no-qdevice": (
        "slave", "master pulled", ALL, 160.0, paper("master"),
        ((0.0, crash("master")), on_at(46.7, "master")),
    ),
    "g-master-dies-qdevice": (
        "slave", "master pulled", NOT_HA, 260.0, paper("slave", "clusterubd-qdevice"),
        ((0.0, crash("master")), on_at(186.4, "master")),
    ),
    "h-slave-dies-no-qdevice": (
        "master", "slave pulled", NOT_HA, 60.0, paper("slave"),
        ((0.0, crash("slave")),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("run", PAPER_RUNS)
def test_a_nodes_death_and_return_are_told_in_the_recorded_seconds(run: str, facts: Path) -> None:
    viewer, start, pattern, until, story, events = PAPER_RUNS[run]
    recorded = paper_run(facts / "paper-runs" / run, viewer, lambda event: start in event)
    ours = played(story, viewer, until, *events).only(pattern, until)
    assert not list(differences(recorded.only(pattern, until), ours))


SANDBOX_RUNS = {
    "node-failure-pve3-killed": (("gamma",), NOT_HA + "|qemu/1102", 130.0),
    "quorum-loss-pve2-pve3-killed": (("beta", "gamma"), ALL, 330.0),
}


@pytest.mark.parametrize("run", SANDBOX_RUNS)
def test_lost_nodes_of_three_are_told_in_the_recorded_seconds(
    run: str, facts: Path, tmp_path: Path
) -> None:
    lost, pattern, until = SANDBOX_RUNS[run]
    recorded = sandbox_run(facts / "pve" / "timelines" / f"{run}.jsonl.gz")
    path = tmp_path / "sandbox.json"
    path.write_text(SANDBOX)
    ours = played(lambda: Story(str(path)), "alpha", until, (0.0, crash(*lost)))
    noticed = recorded.first(f"online {lost[0]}", "0") - ours.first(f"online {lost[0]}", "0")
    theirs = recorded.shifted(noticed).only(pattern, until - noticed)
    assert not list(differences(theirs, ours.only(pattern, until - noticed)))


SANDBOX = """{
  "cluster": "realpve", "crm_master": "alpha",
  "nodes": [{"name": "alpha"}, {"name": "beta"}, {"name": "gamma"}],
  "storages": [
    {"storage": "local", "type": "dir", "content": "images"},
    {"storage": "shared1", "type": "dir", "content": "images", "shared": true}
  ],
  "guests": [
    {"vmid": 1100, "kind": "qemu", "name": "a", "node": "alpha", "memory_mib": 128, "disk_gib": 1,
     "storage": "shared1"},
    {"vmid": 1101, "kind": "qemu", "name": "b", "node": "beta", "memory_mib": 128, "disk_gib": 1,
     "storage": "shared1"},
    {"vmid": 1102, "kind": "qemu", "name": "c", "node": "gamma", "memory_mib": 64, "disk_gib": 1,
     "storage": "shared1"}
  ]
}"""


def test_a_plain_live_migration_is_told_in_the_recorded_order(facts: Path) -> None:
    folder = facts / "paper-runs" / "b-plain-migration"
    recorded = paper_run(folder, "slave", lambda event: event.startswith("b1:"))
    theirs = recorded.only("^qemu/100$", 15)

    def without_ha() -> Story:
        tale = Story("clusterubd-runs")
        tale.ha.configuration.remove("vm:100", purge=True)
        return tale

    ours = played(without_ha, "slave", 120, (0.0, migrate("master", "slave")))
    assert not list(differences(theirs, ours.only("^qemu/100$", 120), in_time=False))


ASKED_RUNS = {
    "f-master-dies-no-qdevice": ("clusterubd-runs", "master", 300.0),
    "g-master-dies-qdevice": ("clusterubd-qdevice", "master", 180.0),
    "h-slave-dies-no-qdevice": ("clusterubd-runs", "slave", 130.0),
}
NOT_DONE = (
    "POST /nodes/slave/qemu",
    "PUT /nodes/master/qemu/100/config",
    "DELETE /cluster/config/nodes/master",
)
"""Calls that the lab does not have, or not yet: they may answer 501."""


@pytest.mark.parametrize("run", ASKED_RUNS)
def test_who_asks_while_a_node_is_dead_is_answered_as_recorded(run: str, facts: Path) -> None:
    """Every request of the run, at its second."""
    scenario, dead, until = ASKED_RUNS[run]
    requests = [a for a in requests_of(facts / "paper-runs" / run) if 0 < a.at < until]
    assert requests

    async def ask_all() -> list[str]:
        tale, found = Story(scenario, master="slave"), []
        client = Client(tale)
        await asyncio.sleep(BEFORE_SECONDS)
        tale.crash(dead)
        for asked in requests:
            await asyncio.sleep(max(0.0, BEFORE_SECONDS + asked.at - tale.seconds))
            answer = await client.ask(asked.node, asked.method, asked.path, asked.params)
            what = f"{asked.method} {asked.path}"
            if answer.status == 501 and what in NOT_DONE:
                continue
            reason = re.sub(r"\.tmp\.\d+", ".tmp.PID", answer.reason)
            if (answer.status, reason) != (asked.status, asked.reason):
                said = f"{answer.status} {answer.reason}"
                found.append(f"{what}: {said} instead of {asked.status} {asked.reason}")
        return found

    assert not play(ask_all())
