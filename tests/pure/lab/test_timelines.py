"""What endpoints say second by second agrees with recorded runs of the real code.

Of three nodes, as far as corosync, pmxcfs and pvestatd decide it, and how single requests of two
nodes' runs are answered. Those runs as a whole are in test_paper_runs.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.timelines import (
    Course,
    differences,
    look,
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
