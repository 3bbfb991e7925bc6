"""The ten recorded runs of the paper's two nodes, played in the lab, and both told side by side.

    python -m tests.pure.lab.paper_runs [RUN ...]

prints for each run, each node that was asked and each fact when it changed there and here.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from hapanel.lab import hardware
from hapanel.lab.links import Network
from hapanel.lab.scenario import load
from tests.machine import FACTS
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.timelines import Course, all_facts_of, look, paper_run
from tests.pure.lab.virtual_time import play

RUNS = FACTS / "paper-runs"
POLL_SECONDS = 2.0
ROUND_SECONDS = 10.0
# A recorded node refused until its proxy was up; the lab's answers from its first second on.
DEAF_SECONDS = 8.0
GUEST_MIB = 256

Deed = Callable[["Stage"], Awaitable[object]]


@dataclass
class Stage:
    """A run that is being played."""

    story: Story
    client: Client
    upids: list[str] = field(default_factory=list)

    async def do(self, node: str, method: str, path: str, /, **params: object) -> None:
        """A request that must be good; a task's UPID is kept."""
        told = await self.client.data(node, method, path, **params)
        if isinstance(told, str) and told.startswith("UPID:"):
            self.upids.append(told)


def ask(node: str, method: str, path: str, /, **params: object) -> Deed:
    """A request of the run."""
    return lambda stage: stage.do(node, method, path, **params)


def stop_task(node: str) -> Deed:
    """The migration that was begun before the last task is ended by its user."""
    return lambda stage: stage.do(node, "DELETE", f"/nodes/{node}/tasks/{stage.upids[-2]}")


def at_once(act: Callable[[Story], object]) -> Deed:
    """Something that is done to the hardware or by `ha-manager`."""

    async def deed(stage: Stage) -> None:
        act(stage.story)

    return deed


def crash(node: str) -> Deed:
    """Its cord is pulled."""
    return at_once(lambda story: story.crash(node))


def power_on(node: str) -> Deed:
    """It begins to boot, so that it is on BOOT_SECONDS later."""
    return at_once(lambda story: story.power_on(node))


def command(text: str) -> Deed:
    """`ha-manager crm-command`."""
    return at_once(lambda story: story.ha.command(text))


def link(mbit: float) -> Deed:
    """The sandbox's two busy cores made a migration slow; here its link does."""

    def slow(story: Story) -> None:
        story.world.links.between("master", "slave", Network.REPLICATION).mbit = mbit

    return at_once(slow)


@dataclass(frozen=True)
class Run:
    """What was done when, in seconds from the event whose text begins with `start`.

    seat: whose CRM leads. armed: slave's LRM is still active from guests it had. since, until: the
    time in which both are compared; facts in `only_until` end earlier. asked: the nodes whose
    answers are. boot: seconds from off to on.
    """

    seat: str
    start: str
    until: float
    deeds: tuple[tuple[float, Deed], ...]
    qdevice: bool = False
    armed: bool = True
    since: float = 0.0
    asked: tuple[str, ...] = ("master", "slave")
    boot: float = 20.0
    only_until: Mapping[str, float] = field(default_factory=dict)


def on(seconds: float, node: str) -> tuple[float, Deed]:
    """Its boot is over at that second."""
    return seconds - hardware.BOOT_SECONDS, power_on(node)


MIGRATE_100 = "/nodes/{}/qemu/100/migrate"
SERVICES = "/nodes/master/services"
# Two CRMs wait for the lock of the last manager; which of them gets it is a matter of moments.
EITHER = "ha master"
PAPER: dict[str, Run] = {
    "a-live-migration-ha": Run(
        "master", "request migrate 100", 100,
        (
            (-1, link(420)),
            (0, ask("master", "POST", MIGRATE_100.format("master"), target="slave", online=1)),
            (40, link(190)),
            (50.5, ask("slave", "POST", "/cluster/ha/resources/vm:100/migrate", node="master")),
        ),
    ),
    "b-plain-migration": Run(
        "slave", "b1:", 145,
        (
            (-8, link(1000)),
            (-7.6, ask("master", "DELETE", "/cluster/ha/resources/vm:100")),
            (0.1, ask("master", "POST", MIGRATE_100.format("master"), target="slave", online=1)),
            (22.2, ask("slave", "POST", MIGRATE_100.format("slave"), target="master", online=1)),
            (37, link(32)),
            (38.2, ask("master", "POST", MIGRATE_100.format("master"), target="slave", online=1)),
            (47.3, ask("master", "POST", "/nodes/master/qemu/100/status/stop")),
            (52.6, stop_task("master")),
            (79, link(1000)),
            (79.5, ask("master", "POST", MIGRATE_100.format("master"), target="slave", online=1)),
            (84.2, ask("slave", "POST", MIGRATE_100.format("slave"), target="master")),
            (95, crash("slave")),
            (95.4, ask("master", "POST", MIGRATE_100.format("master"), target="slave")),
        ),
        # A guest that is off: there the lock comes after ssh has answered, here with the request.
        since=-8.0, only_until={"qemu/100": 78},
    ),
    "c-maintenance-master": Run(
        "slave", "node-maintenance enable", 140,
        (
            (0.1, command("enable-node-maintenance master")),
            (10, link(600)),
            (72.7, command("disable-node-maintenance master")),
            (74, link(340)),
        ),
    ),
    "d1-lrm-stopped-on-master": Run(
        "master", "API stop pve-ha-lrm", 158,
        (
            (0, ask("master", "POST", f"{SERVICES}/pve-ha-lrm/stop")),
            (28.7, ask("master", "POST", MIGRATE_100.format("master"), target="slave", online=1)),
            (30.1, ask("master", "POST", "/nodes/master/qemu/101/status/shutdown")),
            (111.2, ask("master", "PUT", "/cluster/ha/resources/vm:101", state="started")),
            (126.3, ask("master", "POST", f"{SERVICES}/pve-ha-lrm/start")),
        ),
    ),
    "d2-crm-stopped-on-master": Run(
        "master", "API stop pve-ha-crm", 58,
        (
            (0, ask("master", "POST", f"{SERVICES}/pve-ha-crm/stop")),
            (26, ask("master", "POST", f"{SERVICES}/pve-ha-crm/start")),
        ),
    ),
    "e2-noqd-conditional-reboot": Run(
        "master", "reboot of master requested", 120,
        ((0, ask("master", "POST", "/nodes/master/status", command="reboot")),),
        armed=False, asked=("slave",), boot=45.0,
    ),
    "f-master-dies-no-qdevice": Run(
        "slave", "master pulled", 515, ((0, crash("master")), on(362.1, "master")), armed=False,
        only_until={EITHER: 400},
    ),
    "f2-crm-master-dies-no-qdevice": Run(
        "master", "master pulled", 195, ((0, crash("master")), on(46.7, "master")), armed=False,
        only_until={EITHER: 100},
    ),
    "g-master-dies-qdevice": Run(
        "slave", "master pulled", 265, ((0, crash("master")), on(186.4, "master")), qdevice=True,
    ),
    "h-slave-dies-no-qdevice": Run(
        "slave", "slave pulled", 160, ((0, crash("slave")), on(132, "slave")), armed=False,
    ),
}  # fmt: skip


def recorded(name: str) -> dict[str, Course]:
    """What each node told in the recorded run."""
    run = PAPER[name]

    def is_start(event: str) -> bool:
        return event.startswith(run.start)

    told = {node: paper_run(RUNS / name, node, is_start, all_facts_of) for node in run.asked}
    return {node: _cut(course, run) for node, course in told.items()}


def _cut(course: Course, run: Run) -> Course:
    """From the last look before the event on."""
    changes = {}
    for fact, told in course.changes.items():
        until = run.only_until.get(fact, run.until)
        before = [change for change in told if change[0] <= run.since]
        changes[fact] = before[-1:] + [c for c in told if run.since < c[0] <= until]
    return Course(changes)


def played(name: str) -> dict[str, Course]:
    """What each node tells in the lab."""
    run = PAPER[name]
    usual, hardware.BOOT_SECONDS = hardware.BOOT_SECONDS, run.boot
    try:
        told = play(_play(run, _phases(RUNS / name, run)))
    finally:
        hardware.BOOT_SECONDS = usual
    return {node: _cut(course, run) for node, course in told.items()}


def _phases(folder: Path, run: Run) -> dict[str, float]:
    """How long before the event each daemon wrote its state, by the row that tells it."""
    events = json.loads((folder / "events.json").read_text())
    zero = next(e["epoch"] for e in events if str(e.get("event")).startswith(run.start))
    written: dict[str, float] = {}
    for line in gzip.decompress((folder / "timeline.jsonl.gz").read_bytes()).splitlines():
        row = json.loads(line)
        told = row.get("/cluster/ha/status/current")
        if row["epoch"] < zero and isinstance(told, dict) and told.get("data"):
            written = {r["id"]: zero - r["timestamp"] for r in told["data"] if "timestamp" in r}
    return written


async def _play(run: Run, phases: Mapping[str, float]) -> dict[str, Course]:
    scenario = load("clusterubd-runs")
    if run.qdevice:
        scenario = replace(scenario, qdevice="192.0.2.254:5403")
    story = Story(scenario, master=run.seat)
    stage = Stage(story, Client(story))
    for guest in story.world.guests.values():
        guest.config["memory"], guest.busy.dirty_bytes = str(GUEST_MIB), 1e6
        guest.busy.forced_downtime_ms = 7
    story.ha.set_watchdogs(bite=False)  # the sandbox's did not
    if run.armed:
        await _arm_slave(story)
    begun = await _in_phase(story, phases)
    courses = {node: Course() for node in run.asked}
    for at, deed in sorted(run.deeds, key=lambda line: line[0]):
        await _watch(stage, courses, begun, at)
        await deed(stage)
    await _watch(stage, courses, begun, run.until)
    return courses


async def _arm_slave(story: Story) -> None:
    """A guest goes to slave and comes back: its LRM stays active for ten minutes."""
    for target in ("slave", "master"):
        story.ha.command(f"migrate vm:101 {target}")
        there = f"vm:101 ({target}, started)"
        while story.service("vm:101") != there:
            await asyncio.sleep(1)


async def _in_phase(story: Story, there: Mapping[str, float]) -> float:
    """When the event has to come, so that the daemons are about where they were there."""
    world, now = story.ha.world, story.world.now()
    here = {f"lrm:{node}": now - story.ha.epoch(s.at) for node, s in world.lrm_status.items()}
    here["master"] = now - story.ha.epoch(world.status_at)
    rest = {row: 10.0 if row == "master" else _rest(story, row[4:]) for row in here}

    def apart(later: float) -> float:
        """How far the daemons are from their recorded places, the master's counting twice."""
        gaps = {row: (here[row] + later - there[row]) % rest[row] for row in there}
        weighed = {row: min(gap, rest[row] - gap) for row, gap in gaps.items()}
        return sum(weighed.values()) + weighed["master"]

    later = min((8.0 + tenth / 10 for tenth in range(100)), key=apart)
    return story.seconds + later


def _rest(story: Story, node: str) -> float:
    return 10.0 if story.ha.world.lrms[node].state == "active" else 5.0


async def _watch(stage: Stage, courses: dict[str, Course], begun: float, until: float) -> None:
    story = stage.story
    while (now := story.seconds - begun) < until - 0.01:
        for name, course in courses.items():
            node = story.world.nodes[name]
            booted = story.world.now() - node.booted_at
            if node.is_on and booted > DEAF_SECONDS:
                course.note(now, await look(stage.client, name, all_facts_of))
        await asyncio.sleep(min(POLL_SECONDS, until - now))


def side_by_side(name: str) -> Iterator[str]:
    """The lines of one run."""
    theirs, ours = recorded(name), played(name)
    for node in theirs:
        for fact in sorted(theirs[node].changes.keys() & ours[node].changes.keys()):
            there, here = theirs[node].changes[fact], ours[node].changes[fact]
            same = [v for _, v in there] == [v for _, v in here]
            if same and len(there) == 1:
                continue
            yield f"{name} {node}: {fact}" + ("" if same else "   OTHERWISE")
            for line in range(max(len(there), len(here))):
                yield f"    {_cell(there, line):50} {_cell(here, line)}"


def _cell(changes: list[tuple[float, str]], line: int) -> str:
    return f"{changes[line][0]:6.1f} {changes[line][1]}" if line < len(changes) else ""


def main(names: list[str]) -> int:
    """Prints the runs of those names, or all."""
    for name in PAPER:
        if not names or any(name.startswith(word) for word in names):
            print("\n".join(side_by_side(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
