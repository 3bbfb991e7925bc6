"""The machine with a cluster in memory: every end of a migration, and every crash on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.kernel.clock import VirtualClock
from hapanel.operations import machine
from hapanel.operations.cancel import request_cancel
from hapanel.operations.migrate import request_migration
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.resolve import resolve
from hapanel.operations.wishes import Asker, MigrationWish, Resolution, Via
from hapanel.operations.work import Work
from hapanel.ports.cluster import Task
from hapanel.ports.errors import (
    ClusterError,
    Garbage,
    GuestLocked,
    NodeUnreachable,
    NotQuorate,
    ServerFault,
    SignInRefused,
    Unreachable,
)
from nodes.models import Cluster
from tests.fake_cluster import NO_SYS_MODIFY, FakeCluster, FakeDoors, refuse
from vms.models import Guest


class Killed(BaseException):
    """The worker was killed here; nothing of what it held survives but the database."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(timezone.now())


@pytest.fixture
def by_oda(oda: User) -> Asker:
    return Asker("oda", Via.API, oda)


@pytest.fixture(params=[False, True], ids=["plain", "under HA"])
def cluster(request: pytest.FixtureRequest, clock: VirtualClock) -> FakeCluster:
    return FakeCluster(clock, ha=request.param)


@pytest.fixture
def plain(clock: VirtualClock) -> FakeCluster:
    return FakeCluster(clock)


@pytest.fixture
def under_ha(clock: VirtualClock) -> FakeCluster:
    return FakeCluster(clock, ha=True)


@pytest.fixture
def operation(clusterubd: Cluster, by_oda: Asker) -> Operation:
    return request_migration(MigrationWish(cluster=clusterubd, vmid=100, target="slave"), by_oda)


def run(
    operation: Operation,
    cluster: FakeCluster,
    *,
    until: Callable[[Operation], bool] = lambda operation: False,
    seconds: float = 400,
) -> Operation:
    """Let workers advance the operation until it ends, `until` holds, or the time is up."""
    clock, doors = cluster.clock, FakeDoors(cluster)
    end = clock.now() + timedelta(seconds=seconds)
    while clock.now() < end:
        try:
            wait = machine.advance(operation.pk, doors, clock)
        except Killed:
            wait = None
        operation.refresh_from_db()
        ended = operation.ended_at is not None or operation.state == State.NEEDS_ATTENTION
        if ended or until(operation):
            return operation
        clock.advance(1.0 if wait is None else max(wait, 0.05))
    return operation


def at(step: Step) -> Callable[[Operation], bool]:
    return lambda operation: operation.step == step


def codes(operation: Operation) -> list[str]:
    return [entry.code for entry in operation.timeline.all()]


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


# The good way


def test_a_guest_moves_and_its_node_is_recorded_with_the_success(
    operation: Operation, cluster: FakeCluster
) -> None:
    run(operation, cluster)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert Guest.objects.get(vmid=100).node == "slave"
    assert len(cluster.posts) == 1
    assert operation.downtime_ms == 63
    assert operation.percent == 100
    assert operation.log_lines.count() == 7
    assert ":qmigrate:100:" in operation.upid


def test_progress_is_told_on_the_way(operation: Operation, plain: FakeCluster) -> None:
    run(operation, plain, until=lambda op: op.percent is not None)
    assert operation.percent == 50.0
    assert operation.rate == 112 * 1024**2
    assert operation.eta_seconds == pytest.approx(1024 / 112, abs=0.1)


def test_a_lab_s_speed_does_not_shorten_the_rest_twice(
    operation: Operation, plain: FakeCluster
) -> None:
    Cluster.objects.update(time_scale=6)
    run(operation, plain, until=lambda op: op.percent is not None)
    assert operation.eta_seconds == pytest.approx(1024 / 112, abs=0.1)


def test_under_ha_the_agent_s_task_is_followed_until_the_manager_rests(
    operation: Operation, under_ha: FakeCluster
) -> None:
    run(operation, under_ha, until=at(Step.VERIFYING))
    assert ":hamigrate:" in operation.asked_upid
    assert ":root@pam:" in operation.upid
    under_ha.tick()
    assert under_ha.ha_states[100] == "starting"
    run(operation, under_ha)
    assert operation.state == State.SUCCEEDED
    assert under_ha.ha_states[100] == "started"
    assert "ha_task_found" in codes(operation)


def test_each_end_is_in_the_audit_log(operation: Operation, plain: FakeCluster) -> None:
    run(operation, plain)
    ends = Entry.objects.filter(operation_id=operation.pk, action="migration_ended")
    assert [entry.outcome for entry in ends] == ["succeeded"]


def test_what_is_scheduled_waits(clusterubd: Cluster, by_oda: Asker, plain: FakeCluster) -> None:
    later = plain.clock.now() + timedelta(seconds=60)
    wish = MigrationWish(cluster=clusterubd, vmid=100, target="slave", not_before=later)
    operation = request_migration(wish, by_oda)
    assert machine.advance(operation.pk, FakeDoors(plain), plain.clock) is None
    assert operation.pk not in machine.runnable(plain.clock)
    run(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert operation.started_at is not None
    assert operation.started_at >= later


# Two workers


def test_two_workers_never_hold_the_same_operation(
    operation: Operation, plain: FakeCluster
) -> None:
    doors, clock = FakeDoors(plain), plain.clock
    seen: list[float | None] = []
    plain.before = lambda name: seen.append(machine.advance(operation.pk, doors, clock))
    run(operation, plain, until=at(Step.INTENDED))
    assert seen
    assert set(seen) == {None}


def test_a_killed_worker_s_operation_is_taken_up_within_ten_seconds(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.before = kill_at("resources")
    run(operation, plain, seconds=1)
    plain.before = lambda name: None
    plain.clock.advance(9)
    assert operation.pk in machine.runnable(plain.clock)


def kill_at(name: str, *, once: bool = True) -> Callable[[str], None]:
    left = [1 if once else 10**6]

    def act(called: str) -> None:
        if called == name and left[0]:
            left[0] -= 1
            raise Killed

    return act


# Crashes: at every single point of the way


class Crasher:
    """Kills the worker at its n-th breath: before and after each commit and each call."""

    def __init__(self, n: int) -> None:
        self.left = n

    def breathe(self, _name: str = "") -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    @property
    def is_spent(self) -> bool:
        return self.left <= 0


def crash_at(n: int, monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster) -> Crasher:
    crasher = Crasher(n)
    commit, take = Work.commit, Work.take_the_right_to_send

    def crashing_commit(self: Work, *notes: object, **changes: object) -> None:
        crasher.breathe()
        commit(self, *notes, **changes)  # type: ignore[arg-type]
        crasher.breathe()

    def crashing_take(self: Work) -> bool:
        crasher.breathe()
        taken = take(self)
        crasher.breathe()
        return taken

    monkeypatch.setattr(Work, "commit", crashing_commit)
    monkeypatch.setattr(Work, "take_the_right_to_send", crashing_take)
    cluster.before = cluster.after = crasher.breathe
    return crasher


# A plain migration breathes 51 times; one under HA 160 times, of which the first are the same and
# most of the later ones alike.
PLAIN = [(False, n) for n in range(1, 52)]
UNDER_HA = [(True, n) for n in [*range(14, 32), *range(40, 160, 15)]]


@pytest.mark.parametrize(("cluster", "n"), PLAIN + UNDER_HA, indirect=["cluster"])
def test_a_crash_anywhere_ends_with_one_migration_or_a_question(
    operation: Operation, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    crasher = crash_at(n, monkeypatch, cluster)
    run(operation, cluster)
    assert len(cluster.posts) <= 1
    if operation.state == State.SUCCEEDED:
        assert len(cluster.posts) == 1
        assert cluster.nodes[100] == "slave"
        return
    # Only between taking the right to send and the request's arrival nobody can tell.
    assert operation.state == State.NEEDS_ATTENTION
    assert crasher.is_spent
    assert outcome(operation) == "unclear-start"
    assert cluster.posts == []


def test_killed_before_the_right_to_send_is_sent_by_the_next_worker(
    operation: Operation, plain: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Work) -> bool:
        monkeypatch.undo()
        raise Killed

    monkeypatch.setattr(Work, "take_the_right_to_send", killed)
    run(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert len(plain.posts) == 1


def test_a_lost_answer_is_found_in_the_task_list(
    operation: Operation, cluster: FakeCluster
) -> None:
    lost = Unreachable("connection cut", may_have_happened=True)
    cluster.after = refuse("migrate", lost)
    run(operation, cluster)
    assert operation.state == State.SUCCEEDED
    assert len(cluster.posts) == 1
    assert "adopted" in codes(operation)


def test_a_request_that_never_left_is_sent_again(operation: Operation, plain: FakeCluster) -> None:
    refused = [Unreachable("connection refused")]

    def before(name: str) -> None:
        if name == "migrate" and refused:
            raise refused.pop()

    plain.before = before
    run(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert len(plain.posts) == 1


def test_an_old_task_of_the_same_guest_is_not_adopted(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.start("qmigrate", 100, seconds=0.1)
    plain.clock.advance(1)
    plain.before = kill_at("migrate")
    run(operation, plain)
    assert operation.state == State.NEEDS_ATTENTION
    assert plain.posts == []


def test_a_task_that_goes_elsewhere_is_not_ours(operation: Operation, plain: FakeCluster) -> None:
    def start_another_and_die(name: str) -> None:
        if name == "migrate":
            plain.before = lambda name: None
            line = "starting migration of VM 100 to node 'attic' (10.9.0.3)"
            plain.start("qmigrate", 100, says=[(0, line)])
            raise Killed

    plain.before = start_another_and_die
    run(operation, plain)
    assert operation.state == State.NEEDS_ATTENTION


def test_two_tasks_that_fit_are_a_question(operation: Operation, plain: FakeCluster) -> None:
    lost = Garbage("cut JSON", may_have_happened=True)

    def lose(name: str) -> None:
        if name == "migrate":
            plain.start("qmigrate", 100)
            raise lost

    plain.after = lose
    run(operation, plain)
    assert operation.state == State.NEEDS_ATTENTION
    assert outcome(operation) == "several-tasks"


def test_what_shows_up_late_is_adopted_out_of_attention(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.before = kill_at("migrate")
    run(operation, plain)
    assert operation.state == State.NEEDS_ATTENTION
    plain._start_move(100, "slave", user="panel@pve!ops")
    run_out(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert "attention_over" in codes(operation)


def run_out(operation: Operation, cluster: FakeCluster, seconds: float = 120) -> None:
    """As `run`, but attention does not stop it."""
    end = cluster.clock.now() + timedelta(seconds=seconds)
    while operation.ended_at is None and cluster.clock.now() < end:
        machine.advance(operation.pk, FakeDoors(cluster), cluster.clock)
        operation.refresh_from_db()
        cluster.clock.advance(1)


def test_under_ha_the_effect_is_adopted_when_the_request_is_off_the_list(
    operation: Operation, under_ha: FakeCluster
) -> None:
    under_ha.duration = 90

    def lose(name: str) -> None:
        if name == "migrate":
            for task in under_ha.tasks_:
                if task.upid.type == "hamigrate":
                    task.is_listed = False
            raise Unreachable("no answer in time", may_have_happened=True)

    under_ha.after = lose
    run(operation, under_ha)
    assert operation.state == State.SUCCEEDED
    assert ":root@pam:" in operation.upid
    assert len(under_ha.posts) == 1


# A person settles


def test_a_person_names_the_task(operation: Operation, plain: FakeCluster, by_oda: Asker) -> None:
    plain.before = kill_at("migrate")
    run(operation, plain)
    task = plain._start_move(100, "slave", user="root@pam")
    resolve(operation, Resolution.FOLLOW, by_oda, upid=task.upid.raw)
    plain.clock.advance(1)
    run(operation, plain)
    assert operation.state == State.SUCCEEDED


def test_a_person_says_that_nothing_happened(
    operation: Operation, plain: FakeCluster, by_oda: Asker
) -> None:
    plain.before = kill_at("migrate")
    run(operation, plain)
    resolve(operation, Resolution.NOTHING_HAPPENED, by_oda)
    assert operation.state == State.FAILED
    assert outcome(operation) == "closed-by-person"
    assert not machine.runnable(plain.clock)


# Failures


def test_failure_says_proxmox_s_own_words_and_where_the_guest_is(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.exit_status = "migration aborted"
    plain.failure_lines = [
        "ERROR: online migrate failure - aborting",
        "ERROR: migration aborted (duration 00:00:02): online migrate failure",
        "TASK ERROR: migration aborted",
    ]
    run(operation, plain)
    assert operation.state == State.FAILED
    assert outcome(operation) == "migration-failed"
    assert operation.outcome is not None
    assert operation.outcome["params"]["error"] == "online migrate failure - aborting"
    assert operation.outcome["params"]["node"] == "master"
    assert Guest.objects.get(vmid=100).node == "master"


def test_problems_after_the_arrival_are_told_from_where_the_guest_is(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.exit_status = "migration problems"
    plain.failure_lines = ["ERROR: removing local copy failed", "TASK ERROR: migration problems"]
    run(operation, plain, until=at(Step.FOLLOWING))
    plain.nodes[100] = "slave"
    run(operation, plain)
    assert outcome(operation) == "migration-problems"
    assert Guest.objects.get(vmid=100).node == "slave"


def test_unexpected_status_is_believed_the_second_time_only(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.exit_status = "unexpected status"
    run(operation, plain, until=lambda op: bool(op.memo.get("asked_again")))
    plain.tasks_[-1].exit_status = "OK"
    plain.nodes[100] = "slave"
    run(operation, plain)
    assert operation.state == State.SUCCEEDED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotQuorate("cluster not ready - no quorum?", status=500), "quorum-lost"),
        (GuestLocked("VM is locked (backup)", status=500), "guest-locked-meanwhile"),
        (ServerFault("no such cluster node 'slave'", status=500), "proxmox-refused"),
        (SignInRefused("Authentication failed!", status=401), "token-refused"),
        (NO_SYS_MODIFY, "proxmox-permission"),
    ],
)
def test_proxmox_s_no_fails_the_operation_with_its_kind(
    operation: Operation, plain: FakeCluster, error: ClusterError, code: str
) -> None:
    plain.before = refuse("migrate", error)
    run(operation, plain)
    assert outcome(operation) == code
    assert plain.posts == []


def test_a_guest_that_somebody_else_moved_is_not_moved_on(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.nodes[100] = "slave"
    run(operation, plain)
    assert outcome(operation) == "guest-moved-meanwhile"
    assert plain.posts == []


def test_the_preflight_is_repeated_against_proxmox(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.not_allowed = {"slave": ("storage not available: drbd-lvm",)}
    run(operation, plain)
    assert outcome(operation) == "proxmox-forbids-target"


def test_the_ha_manager_s_silence_is_explained(operation: Operation, under_ha: FakeCluster) -> None:
    under_ha.ha_takes = False
    run(operation, under_ha)
    assert operation.state == State.FAILED
    assert outcome(operation) == "ha-did-nothing"
    assert len(under_ha.posts) == 1


def test_without_an_ha_manager_nobody_can_tell_whether_it_still_begins(
    operation: Operation, under_ha: FakeCluster
) -> None:
    under_ha.ha_takes = False
    run(operation, under_ha, until=at(Step.WAITING_FOR_HA))
    under_ha.manager_state = "dead"
    run(operation, under_ha)
    assert operation.state == State.NEEDS_ATTENTION
    assert outcome(operation) == "ha-may-still-begin"


# The cluster does not answer


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("no answer in time"),
        NodeUnreachable("No route to host", status=595),
        Garbage("the answer is HTML"),
        SignInRefused("Authentication failed!", status=401),
    ],
    ids=lambda error: error.kind,
)
def test_a_silent_cluster_never_fails_a_running_migration(
    operation: Operation, plain: FakeCluster, error: ClusterError
) -> None:
    run(operation, plain, until=at(Step.FOLLOWING))

    def silent(name: str) -> None:
        raise error

    plain.before = silent
    run(operation, plain, seconds=60)
    assert operation.state == State.RUNNING
    assert operation.blind_since is not None
    assert {"blind", "node_silent"} & set(codes(operation))
    assert operation.eta_seconds is None
    plain.before = lambda name: None
    run(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert not operation.blind_since
    assert "sighted" in codes(operation)


def test_a_silent_node_is_named(operation: Operation, plain: FakeCluster) -> None:
    run(operation, plain, until=at(Step.FOLLOWING))
    plain.before = refuse("task_log", NodeUnreachable("No route to host", status=595))
    run(operation, plain, seconds=30)
    assert "node_silent" in codes(operation)
    assert operation.state == State.RUNNING


def test_a_task_that_died_with_its_node_ends_where_the_guest_is(
    operation: Operation, under_ha: FakeCluster
) -> None:
    run(operation, under_ha, until=at(Step.FOLLOWING))
    under_ha.before = refuse("task_log", NodeUnreachable("No route to host", status=595))
    under_ha.offline.add("master")
    run(operation, under_ha, seconds=5)
    assert operation.state == State.RUNNING
    under_ha.nodes[100] = "slave"  # fenced and recovered
    run(operation, under_ha)
    assert outcome(operation) == "migration-source-lost"
    assert Guest.objects.get(vmid=100).node == "slave"


def test_a_very_long_silence_asks_a_person_and_goes_on_by_itself(
    operation: Operation, plain: FakeCluster
) -> None:
    run(operation, plain, until=at(Step.FOLLOWING))
    plain.before = refuse("task_log", Unreachable("no answer in time"))
    run(operation, plain, seconds=1200)
    assert outcome(operation) == "cluster-silent-meanwhile"
    plain.before = lambda name: None
    run_out(operation, plain)
    assert operation.state == State.SUCCEEDED
    assert operation.outcome is None


def test_nothing_is_started_for_a_cluster_that_was_silent_for_minutes(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.before = refuse("resources", Unreachable("no answer in time"))
    run(operation, plain)
    assert outcome(operation) == "cluster-silent"
    assert plain.posts == []


def test_a_fault_of_the_panel_is_tried_again(operation: Operation, plain: FakeCluster) -> None:
    faults = [KeyError("surprise"), KeyError("surprise")]

    def before(name: str) -> None:
        if faults:
            raise faults.pop()

    plain.before = before
    run(operation, plain)
    assert operation.state == State.SUCCEEDED


# Cancelling


def test_cancelling_before_the_request_wins(
    operation: Operation, plain: FakeCluster, by_oda: Asker
) -> None:
    run(operation, plain, until=at(Step.INTENDED))
    request_cancel(operation, by_oda)
    run(operation, plain, seconds=20)
    assert operation.state == State.CANCELLED
    assert plain.posts == []


def test_cancelling_in_the_middle_of_the_last_look_wins_too(
    operation: Operation, plain: FakeCluster, by_oda: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Work.take_the_right_to_send

    def cancelled_meanwhile(self: Work) -> bool:
        request_cancel(Operation.objects.get(pk=operation.pk), by_oda)
        return take(self)

    monkeypatch.setattr(Work, "take_the_right_to_send", cancelled_meanwhile)
    run(operation, plain, seconds=30)
    assert operation.state == State.CANCELLED
    assert plain.posts == []


def test_a_running_migration_is_stopped_through_proxmox(
    operation: Operation, plain: FakeCluster, by_oda: Asker
) -> None:
    run(operation, plain, until=at(Step.FOLLOWING))
    request_cancel(operation, by_oda)
    run(operation, plain)
    assert operation.state == State.CANCELLED
    assert plain.stops == [operation.upid]
    assert Guest.objects.get(vmid=100).node == "master"


def test_a_migration_that_was_quicker_than_the_cancel_succeeded(
    operation: Operation, plain: FakeCluster, by_oda: Asker
) -> None:
    run(operation, plain, until=at(Step.FOLLOWING))
    plain.clock.advance(10)
    request_cancel(operation, by_oda)
    run(operation, plain)
    assert operation.state == State.SUCCEEDED


def test_a_missing_privilege_to_stop_is_said_and_the_migration_goes_on(
    operation: Operation, under_ha: FakeCluster, by_oda: Asker
) -> None:
    run(operation, under_ha, until=at(Step.FOLLOWING))
    request_cancel(operation, by_oda)
    under_ha.before = refuse("stop_task", NO_SYS_MODIFY)
    run(operation, under_ha)
    assert operation.state == State.SUCCEEDED
    assert "cancel_refused" in codes(operation)


# Whose number, whose clock


def test_a_number_that_belongs_to_another_guest_now_is_not_moved(
    operation: Operation, plain: FakeCluster
) -> None:
    plain.names[100] = "journal"
    run(operation, plain)
    assert (operation.state, outcome(operation)) == (State.FAILED, "another-guest")
    assert plain.posts == []


def test_a_task_is_found_again_although_its_nodes_clock_is_hours_behind(
    operation: Operation, plain: FakeCluster
) -> None:
    hours = timedelta(hours=5)
    asked: list[timedelta] = []
    listed = plain.node_tasks

    def node_tasks(node: str, *, vmid: int, task_type: str, since: datetime) -> tuple[Task, ...]:
        asked.append(plain.clock.now() - since)
        return listed(node, vmid=vmid, task_type=task_type, since=since)

    plain.node_tasks = node_tasks  # type: ignore[method-assign]
    plain.clock_offset = -hours.total_seconds()
    run(operation, plain, until=at(Step.INTENDED))
    assert min(asked) > hours, "the node filters by its own clock"
