"""Verifies that repeat: begun once at their time, late within reason, or left out and said so."""

from __future__ import annotations

import threading
from datetime import UTC, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from msgspec.structs import replace

from hapanel.accounts.models import User
from hapanel.audit.actor import Actor
from hapanel.audit.models import Entry
from hapanel.drbd import verify_times
from hapanel.drbd.actions import Action
from hapanel.drbd.verify_times import Every, Weekday
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.operations import machine, verify_due
from hapanel.operations.drbd_action import DrbdWish, request_drbd_action
from hapanel.operations.models import (
    Fate,
    Kind,
    Operation,
    State,
    VerifyReport,
    VerifySchedule,
)
from hapanel.operations.verify_due import due_schedules, see_to
from hapanel.operations.verify_schedule import (
    ScheduleWish,
    last_report,
    refusals_of_schedule,
    remove_schedule,
    schedule_of,
    set_schedule,
)
from hapanel.operations.wishes import Asker, Via
from hapanel.operations.words import timeline_text
from hapanel.ports.node_shell import ConfigurationFile
from hapanel.ports.replication import NodeReplication, ReplicationState
from hapanel.workers.tasks import begin_scheduled_verifies
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors
from tests.fake_nodes import FakeNodes, record_replication
from tests.pure.drbd.stage import ALONE, P, S, peer, told

HEALTHY = (told("master", P, peer()), told("slave", S, peer(role=P)))
ODA = Actor("oda", "page", "10.0.0.7")
MINUTE = timedelta(minutes=1)
ON_SQLITE = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite in memory has one connection for all threads"
)


class Killed(BaseException):
    """The worker was killed here."""


def verifying(percent: float, eta: float = 1.0) -> tuple[NodeReplication, ...]:
    state = ReplicationState.VERIFY_S
    link = peer(state=state, percent=percent, rate=2.0**20, eta_seconds=eta)
    return (told("master", P, link), HEALTHY[1])


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture
def nodes() -> FakeNodes:
    return FakeNodes(HEALTHY)


@pytest.fixture
def seen(clusterubd: Cluster, nodes: FakeNodes) -> Cluster:
    record_replication(clusterubd, nodes, {100: "master"})
    return clusterubd


@pytest.fixture
def schedule(seen: Cluster) -> VerifySchedule:
    """Due on Sunday at three; moved so that it was due a minute ago."""
    wish = ScheduleWish(seen, "rs", Every.WEEK, Weekday.SUN, time(3))
    made, _is_new = set_schedule(wish, ODA)
    return due_since(made, MINUTE)


def with_a_second(node: NodeReplication) -> NodeReplication:
    """The node with `rs` and, over the same link, `web`."""
    assert node.status is not None
    (state,) = node.status.resources
    both = (state, replace(state, name="web"))
    return replace(node, status=replace(node.status, resources=both))


def due_since(schedule: VerifySchedule, ago: timedelta) -> VerifySchedule:
    """Its last due time moved to `ago` before now, day and hour with it."""
    due = (timezone.now() - ago).replace(second=0, microsecond=0)
    schedule.next_due, schedule.try_at = due, None
    schedule.weekday, schedule.at = list(Weekday)[due.weekday()].value, due.time()
    schedule.begins = due.date()
    schedule.save()
    return schedule


def again(schedule: VerifySchedule) -> VerifySchedule:
    return VerifySchedule.objects.select_related("operation").get(pk=schedule.pk)


def why(record: dict[str, Any] | None) -> str | None:
    return str(record["code"]) if record else None


def run(operation: Operation, nodes: FakeNodes, *, seconds: float = 60) -> Operation:
    clock = VirtualClock(max(timezone.now(), operation.look_at))
    doors = FakeDoors(FakeCluster(clock))
    doors.nodes = nodes
    end = clock.now() + timedelta(seconds=seconds)
    while clock.now() < end and operation.ended_at is None:
        wait = machine.advance(operation.pk, doors, clock)
        operation.refresh_from_db()
        clock.advance(1.0 if wait is None else max(wait, 0.05))
    return operation


def test_a_schedule_is_set_changed_and_removed_and_the_log_says_by_whom(seen: Cluster) -> None:
    wish = ScheduleWish(seen, "rs", Every.WEEK, Weekday.SUN, time(3))
    made, is_new = set_schedule(wish, ODA)
    assert is_new
    assert made.next_due > timezone.now()
    assert made.next_due.astimezone(UTC).strftime("%a %H:%M") == "Sun 03:00"
    later = ScheduleWish(seen, "rs", Every.MONTH, Weekday.SAT, time(1, 30))
    changed, is_new = set_schedule(later, ODA)
    assert (changed.pk, is_new, changed.changed_by) == (made.pk, False, "oda")
    remove_schedule(changed, ODA)
    assert schedule_of(seen, "rs") is None
    entries = Entry.objects.filter(action__startswith="verify_schedule", actor="oda", via="page")
    assert list(entries.order_by("pk").values_list("action", "subject")) == [
        ("verify_schedule_set", "rs"),
        ("verify_schedule_changed", "rs"),
        ("verify_schedule_removed", "rs"),
    ]


def test_a_resource_that_is_not_known_has_none(seen: Cluster) -> None:
    with pytest.raises(Refused, match="drbd-resource-unknown"):
        set_schedule(ScheduleWish(seen, "r9", Every.WEEK, Weekday.SUN, time(3)), ODA)


def configure(cluster: Cluster, net: str) -> None:
    text = (
        f"resource rs {{ net {{ protocol C; {net} }}\n device /dev/drbd0; disk /dev/sdb1;\n"
        " meta-disk internal;\n on master { address 10.0.7.1:7788; }\n"
        " on slave { address 10.0.7.2:7788; } }\n"
    )
    file = ConfigurationFile(path="/etc/drbd.d/rs.res", text=text)
    RecordedReplication().read_files(cluster.pk, "master", (file,))


def test_without_a_verify_alg_nothing_is_repeated_and_the_rule_says_what_to_do(
    seen: Cluster, schedule: VerifySchedule
) -> None:
    assert refusals_of_schedule(seen, "rs") == ()  # no file was read yet: DRBD will say
    configure(seen, "")
    (refusal,) = refusals_of_schedule(seen, "rs")
    assert refusal.code == "verify-needs-algorithm"
    assert "master" in refusal.because()
    assert "verify-alg crc32c" in refusal.remedy()
    see_to(schedule.pk)
    assert not Operation.objects.exists()
    assert why(again(schedule).waits_because) == "verify-needs-algorithm"
    configure(seen, "verify-alg crc32c;")
    assert refusals_of_schedule(seen, "rs") == ()


def test_at_its_time_an_ordinary_operation_is_asked_for(schedule: VerifySchedule) -> None:
    due = schedule.next_due
    begin_scheduled_verifies()
    operation = Operation.objects.get()
    assert (operation.kind, operation.via, operation.actor) == (
        Kind.DRBD_ACTION, "schedule", "schedule",
    )  # fmt: skip
    assert (operation.source, operation.params["action"]) == ("master", "verify")
    found = again(schedule)
    assert (found.last_due, found.last_fate, found.operation) == (due, Fate.STARTED, operation)
    assert found.next_due == due + timedelta(days=7)
    assert operation.asked_by == "a schedule"
    line = operation.timeline.get(code="requested")
    assert timeline_text(line.code, line.params) == "Its time had come: the schedule asked for it."
    assert Entry.objects.filter(action="drbd_action_requested", via="schedule").exists()


def test_before_its_time_nothing_happens(schedule: VerifySchedule) -> None:
    schedule.next_due = timezone.now() + MINUTE
    schedule.save()
    begin_scheduled_verifies()
    see_to(schedule.pk)
    assert not Operation.objects.exists()


def test_two_beats_and_any_number_of_ticks_begin_it_once(schedule: VerifySchedule) -> None:
    for _ in range(3):
        begin_scheduled_verifies()
        see_to(schedule.pk)
    assert Operation.objects.count() == 1


def test_a_worker_that_read_it_before_another_began_it_begins_nothing(
    schedule: VerifySchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = verify_times.due_until

    def meanwhile(*told: Any) -> Any:
        monkeypatch.setattr(verify_due, "due_until", real)
        see_to(schedule.pk)
        Operation.objects.update(state=State.SUCCEEDED, ended_at=timezone.now())
        return real(*told)

    monkeypatch.setattr(verify_due, "due_until", meanwhile)
    see_to(schedule.pk)
    assert Operation.objects.count() == 1


def test_the_database_keeps_a_due_time_from_being_recorded_twice(
    schedule: VerifySchedule,
) -> None:
    see_to(schedule.pk)
    Operation.objects.update(state=State.SUCCEEDED, ended_at=timezone.now())
    found = again(schedule)
    assert found.last_due is not None
    VerifySchedule.objects.update(next_due=found.last_due)  # a backup that was restored
    see_to(schedule.pk)
    assert Operation.objects.count() == 1


@ON_SQLITE
@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_begin_it_once(schedule: VerifySchedule) -> None:
    start = threading.Barrier(6)

    def look() -> None:
        start.wait()
        see_to(schedule.pk)
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Operation.objects.count() == 1
    assert again(schedule).last_fate == Fate.STARTED


def test_a_worker_killed_in_the_middle_leaves_it_due(
    schedule: VerifySchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_args: object, **_kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(verify_due, "hint", kill)
        with pytest.raises(Killed):
            see_to(schedule.pk)
    assert not Operation.objects.exists()
    assert again(schedule).next_due == schedule.next_due
    see_to(schedule.pk)
    assert Operation.objects.count() == 1


def test_what_is_refused_says_why_and_begins_when_nothing_hinders_it_any_more(
    seen: Cluster, schedule: VerifySchedule, oda: User
) -> None:
    other = request_drbd_action(
        DrbdWish(seen, "rs", "slave", Action.DISCONNECT), Asker("oda", Via.API, oda)
    )
    now = timezone.now()
    see_to(schedule.pk, now)
    waiting = again(schedule)
    assert why(waiting.waits_because) == "drbd-operation-in-progress"
    assert (waiting.next_due, waiting.last_fate) == (schedule.next_due, Fate.NONE)
    Operation.objects.filter(pk=other.pk).update(state=State.SUCCEEDED, ended_at=now)
    assert due_schedules(now) == []
    assert due_schedules(now + MINUTE) == [schedule.pk]
    see_to(schedule.pk, now + MINUTE)
    assert again(schedule).last_fate == Fate.STARTED
    assert again(schedule).waits_because is None


def test_what_stays_refused_is_given_up_in_time_with_its_reason(
    schedule: VerifySchedule, nodes: FakeNodes, seen: Cluster
) -> None:
    busy = peer(role=P, state=ReplicationState.VERIFY_T, percent=10.0)
    nodes.says = (verifying(10.0)[0], told("slave", S, busy))
    record_replication(seen, nodes, {})
    see_to(schedule.pk)
    assert why(again(schedule).waits_because) == "drbd-at-work"
    see_to(schedule.pk, schedule.next_due + verify_due.WINDOW + MINUTE)
    found = again(schedule)
    assert (found.last_fate, why(found.last_because)) == (Fate.REFUSED, "drbd-at-work")
    assert found.next_due == schedule.next_due + timedelta(days=7)
    assert Entry.objects.get(action="scheduled_verify_left_out").outcome == "refused"


def test_after_a_short_outage_it_begins_late_and_once(schedule: VerifySchedule) -> None:
    due_since(schedule, timedelta(hours=2))
    see_to(schedule.pk)
    see_to(schedule.pk)
    assert Operation.objects.count() == 1


def test_after_a_long_outage_it_is_left_out_and_said_so(schedule: VerifySchedule) -> None:
    due_since(schedule, timedelta(hours=4))
    see_to(schedule.pk)
    found = again(schedule)
    assert not Operation.objects.exists()
    assert (found.last_fate, why(found.last_because)) == (Fate.MISSED, "verify-missed")
    assert found.next_due > timezone.now()


def test_of_many_that_were_missed_the_latest_alone_is_begun(schedule: VerifySchedule) -> None:
    due_since(schedule, timedelta(days=21, minutes=1))
    see_to(schedule.pk)
    found = again(schedule)
    assert Operation.objects.count() == 1
    assert found.last_due is not None
    assert timezone.now() - found.last_due < timedelta(hours=1)
    assert found.next_due > timezone.now()
    left_out = Entry.objects.get(action="scheduled_verify_left_out")
    assert (left_out.outcome, left_out.detail["times"]) == ("missed", 3)


def test_two_resources_over_one_link_are_verified_one_after_the_other(
    seen: Cluster, schedule: VerifySchedule, nodes: FakeNodes
) -> None:
    nodes.says = tuple(with_a_second(one) for one in HEALTHY)
    record_replication(seen, nodes, {})
    second, _ = set_schedule(ScheduleWish(seen, "web", Every.WEEK, Weekday.SUN, time(3)), ODA)
    due_since(second, MINUTE)
    begin_scheduled_verifies()
    first = Operation.objects.get()
    assert first.resource == "rs"
    waits = again(second).waits_because
    assert why(waits) == "verify-link-taken"
    assert waits is not None
    assert waits["params"]["operation"] == first.pk
    Operation.objects.update(state=State.SUCCEEDED, ended_at=timezone.now())
    see_to(second.pk, timezone.now() + MINUTE)
    assert Operation.objects.filter(resource="web").exists()


def test_the_end_of_a_verify_is_kept_with_how_long_it_took_and_what_it_found(
    schedule: VerifySchedule, nodes: FakeNodes, seen: Cluster
) -> None:
    nodes.effects["drbdadm verify rs"] = verifying(50.0)
    see_to(schedule.pk)
    operation = run(Operation.objects.get(), nodes, seconds=4)
    nodes.says = (told("master", P, peer(oos=8)), HEALTHY[1])
    run(operation, nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    report = last_report(seen, "rs")
    assert report is not None
    assert (report.node, report.differing, report.operation) == ("master", 8192, operation)
    assert 3 <= report.seconds < 60
    line = operation.timeline.get(code="drbd_verify_found")
    assert "8.0 KiB (8192 bytes)" in timeline_text(line.code, line.params)


@pytest.mark.parametrize("how", ["link fell", "a sync came", "far too soon"])
def test_a_verify_that_was_broken_off_is_no_proof(
    seen: Cluster, nodes: FakeNodes, oda: User, how: str
) -> None:
    nodes.effects["drbdadm verify rs"] = verifying(10.0, eta=900.0)
    wish = DrbdWish(seen, "rs", "master", Action.VERIFY)
    operation = run(request_drbd_action(wish, Asker("oda", Via.API, oda)), nodes, seconds=4)
    assert operation.percent == 10.0
    if how == "link fell":
        nodes.says = (told("master", P, peer(ALONE)), HEALTHY[1])
        run(operation, nodes, seconds=2)
    elif how == "a sync came":
        syncing = peer(state=ReplicationState.SYNC_SOURCE, percent=90.0, eta_seconds=0.0)
        nodes.says = (told("master", P, syncing), HEALTHY[1])
        run(operation, nodes, seconds=2)
    nodes.says = HEALTHY
    run(operation, nodes)
    assert operation.outcome is not None
    assert operation.outcome["code"] == "drbd-verify-broken-off"
    assert not VerifyReport.objects.exists()
