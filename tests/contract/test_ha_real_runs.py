"""The engine's real timing against what Proxmox's own daemons did on two nodes, where that is here.

Each run was recorded every two seconds. The phases of the daemons' loops are not known, so the
engine plays a run in all of them: each must go through the recorded states, and what was recorded
must lie within a round of what they span.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from hapanel.ha.engine.actions import Command, HaltNode, PowerOff, PowerOn, StartLrm, StopLrm
from hapanel.ha.engine.environment import Script, unfold
from hapanel.ha.engine.words import Halt
from hapanel.ha.engine.world import World
from tests.machine import FACTS
from tests.pure.ha.engine.cluster import pair, vm

RUNS = FACTS / "paper-runs"
# A round of the master, and the two seconds between looks.
ROUND = 12.0
Change = tuple[float, str, str]

# run -> seat of the CRM master, QDevice, what was done, seconds looked at
STORIES: dict[str, tuple[str, bool, Script, float]] = {
    "a-live-migration-ha": (
        "master",
        False,
        [(0, Command("migrate vm:100 slave")), (50.7, Command("migrate vm:100 master"))],
        110,
    ),
    "c-maintenance-master": (
        "slave",
        False,
        [
            (0.1, Command("enable-node-maintenance master")),
            (72.7, Command("disable-node-maintenance master")),
        ],
        140,
    ),
    "d1-lrm-stopped-on-master": (
        "master",
        False,
        [(0, StopLrm("master")), (126.4, StartLrm("master"))],
        160,
    ),
    # The LRM heard of the reboot 5.8 s after the API did.
    "e2-noqd-conditional-reboot": ("master", False, [(5.8, HaltNode("master", Halt.REBOOT))], 130),
    "f-master-dies-no-qdevice": (
        "slave",
        False,
        [(0, PowerOff("master")), (362, PowerOn("master"))],
        520,
    ),
    "g-master-dies-qdevice": ("slave", True, [(0, PowerOff("master"))], 180),
    "h-slave-dies-no-qdevice": ("slave", False, [(0, PowerOff("slave"))], 60),
}


def recorded(run: Path, until: float) -> list[Change]:
    """The changes of vm:100 in the manager status, as (second, node, state)."""
    found: list[Change] = []
    for line in (run / "changes.txt").read_text().splitlines():
        at = re.match(r"\s*(-?[\d.]+) (?:master|slave)\s", line)
        state = re.search(r"ms:vm:100=\('(\w+)', '(\w+)'", line)
        if at and state and float(at[1]) < until and (not found or found[-1][1:] != state.groups()):
            found.append((float(at[1]), state[1], state[2]))
    return found[1:]


def played(world: World, script: Script, until: float) -> list[Change]:
    """The same of the engine, looked at every second as the recorder did every two."""
    begun = world.now
    service = world.services["vm:100"]
    last, found = (service.node, service.state.value), []
    lines = sorted(((begun + at, action) for at, action in script), key=lambda line: line[0])
    while world.now < begun + until:
        now = world.now + 1
        due = [line for line in lines if line[0] <= now]
        lines = lines[len(due) :]
        world, _ = unfold(world, now, due)
        service = world.services["vm:100"]
        if (service.node, service.state.value) != last:
            last = (service.node, service.state.value)
            found.append((now - begun, *last))
    return found


def worlds(seat: str, qdevice: bool) -> list[World]:
    """The cluster of the runs at rest, its loops at every phase of a round."""
    world = pair(
        vm(100, "master"), vm(101, "master"), names=("master", "slave"), seat=seat, qdevice=qdevice
    )
    # The recorded reboot took 80 s in all, a good part of it until the node was off.
    world = replace(world, profile=replace(world.profile, reboot=60.0))
    return [unfold(world, world.now + phase)[0] for phase in range(1, 11)]


@pytest.mark.skipif(not RUNS.is_dir(), reason="no recorded runs here")
@pytest.mark.parametrize("name", STORIES)
def test_the_engine_does_what_the_daemons_did(name: str) -> None:
    seat, qdevice, script, until = STORIES[name]
    seen = recorded(RUNS / name, until)
    every = [played(world, script, until) for world in worlds(seat, qdevice)]
    for found in every:
        assert [change[1:] for change in found] == [change[1:] for change in seen]
    for number, (at, node, state) in enumerate(seen):
        times = [found[number][0] for found in every]
        print(f"{name}: ({node}, {state}) at {at:g}, engine {min(times):g} to {max(times):g}")
        assert min(times) - ROUND <= at <= max(times) + ROUND
