"""A world on a clock, a script, and work that somebody else does."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine.actions import Command, PowerOff, Report
from hapanel.ha.engine.environment import Living, unfold
from hapanel.ha.engine.events import GuestStarted, JobBegun, ServiceChanged, line
from hapanel.ha.engine.profile import REAL, Jobs, real
from hapanel.ha.engine.step import next_due, step
from hapanel.ha.engine.words import JobResult
from hapanel.ha.engine.world import World
from hapanel.kernel.clock import VirtualClock
from tests.pure.ha.engine.cluster import cluster, story, vm

THREE = ("ash", "birch", "cedar")


def test_a_step_leaves_the_world_before_it_alone() -> None:
    world = cluster(THREE, [vm(1, "ash")])
    services, running, now = dict(world.services), dict(world.running), world.now
    after, events = step(world, now + 60)
    assert (dict(world.services), dict(world.running), world.now) == (services, running, now)
    assert after.now == now + 60
    assert step(world, now + 60) == (after, events)


def test_many_small_steps_are_one_large_step() -> None:
    world, _ = unfold(cluster(THREE, [vm(1, "ash")]), 121, [(120.0, PowerOff("ash"))])
    whole, events = step(world, 340)
    small: list[str] = []
    while world.now < 340:
        world, happened = step(world, min(340, world.now + 0.7))
        small.extend(line(event) for event in happened)
    assert small == [line(event) for event in events]
    assert world.services == whole.services


def test_a_living_world_keeps_up_with_its_clock_at_its_speed() -> None:
    clock = VirtualClock()
    living = Living(cluster(THREE, [vm(1, "ash")]), clock, speed=10)
    living.enter(Command("migrate vm:1 birch"))
    seen: list[str] = []
    for _ in range(12):
        wait = living.may_wait()
        assert 0 <= wait <= 1
        clock.advance(max(wait, 0.5))
        seen.extend(e.new for e in living.catch_up() if isinstance(e, ServiceChanged))
    assert seen == ["migrate", "started"]
    assert living.seconds() >= 180


def test_a_world_of_dead_nodes_waits_for_ever() -> None:
    world, _ = story(cluster(THREE, [vm(1, "ash")]), 1, *[(0, PowerOff(name)) for name in THREE])
    assert next_due(world) == float("inf")


def reported(world: World) -> tuple[World, JobBegun]:
    """A world whose guest somebody else starts, and the job for it."""
    world, tale = story(world, 60)
    (job,) = tale.of(JobBegun)
    return world, job


def test_work_that_others_do_ends_when_they_say_so() -> None:
    profile = replace(REAL, jobs=Jobs.REPORTED)
    world, job = reported(cluster(THREE, [vm(1, "ash")], profile=profile, settled=1))
    assert not world.running.get("ash")
    done = Report("ash", "vm:1", job.uid, JobResult.OK)
    world, tale = story(world, 30, (0, Report("ash", "vm:1", 10**6, JobResult.OK)), (5, done))
    assert [e.sid for e in tale.of(GuestStarted)] == ["vm:1"]
    assert world.services["vm:1"].is_running


def test_work_that_others_fail_at_is_tried_again_and_then_elsewhere() -> None:
    profile = replace(REAL, jobs=Jobs.REPORTED)
    world, job = reported(cluster(THREE, [vm(1, "ash")], profile=profile, settled=1))
    world, tale = story(world, 30, (0, Report("ash", "vm:1", job.uid, JobResult.FAILED)))
    assert tale.path("vm:1") == []
    (again,) = tale.of(JobBegun)
    world, tale = story(world, 60, (0, Report("ash", "vm:1", again.uid, JobResult.FAILED)))
    assert tale.path("vm:1")[0] == "migrate"


def test_a_larger_cluster_takes_longer_to_notice_a_silence() -> None:
    assert REAL == real(2) == real(1)
    assert REAL.detection == 7.5
    assert REAL.qdevice_gap == (7.5, 14.5)
    assert [real(n).detection for n in (3, 4, 32)] == [8.9, 10.4, 50.4]
    assert real(32, token_coefficient=0.125).detection == 15.8
