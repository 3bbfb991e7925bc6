"""The prober's records: what it reads of services and migrations, and where its verdicts go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from hapanel.helpdesk import recent
from hapanel.helpdesk.desk import RecordedDesk
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.verdict import Condition, Look, Moving, Verdict
from hapanel.helpdesk.watch import Change
from hapanel.live.attention import Watched, note_watcher
from hapanel.live.stream import STREAM, connection
from hapanel.operations.models import Operation, State
from nodes.models import Cluster


@pytest.fixture
def siakad(clusterubd: Cluster) -> Service:
    return Service.objects.create(
        cluster=clusterubd, name="SIAKAD", vmids=[100], url="http://127.0.42.100:8080/"
    )


@pytest.fixture
def moment() -> datetime:
    return timezone.now() - timedelta(minutes=10)


def migration(cluster: Cluster, vmid: int = 100, **facts: object) -> Operation:
    values = {"state": State.RUNNING, "started_at": timezone.now(), "guest_type": "qemu"} | facts
    return Operation.objects.create(kind="migrate", cluster=cluster, vmid=vmid, **values)


def say(service: Service, condition: Condition, since: datetime, reason: str = "") -> None:
    RecordedDesk().record(Change(service.pk, Verdict(condition, since, reason), None))
    service.refresh_from_db()


def test_the_desk_knows_services_and_who_watches_in_few_queries(
    siakad: Service, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    note_watcher(Watched.SERVICES)
    with django_assert_num_queries(3):
        around = RecordedDesk().read()
    [subject] = around.subjects
    assert subject.vmids == {100}
    assert subject.verdict.condition is Condition.UNKNOWN
    assert around.is_watched


def test_a_running_migration_asks_for_a_series(siakad: Service) -> None:
    live = migration(siakad.cluster)
    restart = migration(siakad.cluster, vmid=101, guest_type="lxc")
    moves = RecordedDesk().read().moves
    assert moves[live.pk].moving is Moving.LIVE
    assert moves[restart.pk].moving is Moving.STOPPED


def test_the_series_begins_before_the_guest_may_stop(siakad: Service) -> None:
    queued = migration(siakad.cluster, state=State.QUEUED, started_at=None)
    assert queued.pk in RecordedDesk().read().moves


def test_a_migration_for_tonight_changes_nothing_yet(siakad: Service) -> None:
    migration(siakad.cluster, state=State.SCHEDULED, started_at=None)
    around = RecordedDesk().read()
    assert around.moves == {}
    assert around.operated == frozenset()


def test_an_outage_begins_with_the_first_missed_answer_and_is_told_to_browsers(
    siakad: Service,
    moment: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        say(siakad, Condition.DOWN, moment, "refused")
    assert (siakad.state, siakad.since, siakad.reason) == ("down", moment, "refused")
    [outage] = siakad.outages.all()
    assert (outage.began_at, outage.ended_at) == (moment, None)
    [(_, fields)] = connection().xrange(STREAM) or []
    assert fields == {b"cluster": b"clusterubd", b"kind": b"service", b"key": b"%d" % siakad.pk}


def test_an_outage_ends_with_the_first_good_answer(siakad: Service, moment: datetime) -> None:
    say(siakad, Condition.DOWN, moment)
    say(siakad, Condition.UP, moment + timedelta(seconds=43))
    [outage] = siakad.outages.all()
    assert outage.ended_at == moment + timedelta(seconds=43)


def test_a_pause_that_lasts_becomes_an_outage_of_the_same_length(
    siakad: Service, moment: datetime
) -> None:
    say(siakad, Condition.MAINTENANCE, moment)
    say(siakad, Condition.DOWN, moment)
    [outage] = siakad.outages.all()
    assert (outage.state, outage.began_at) == (ServiceState.DOWN, moment)


def test_an_outage_is_not_over_because_nobody_can_look(siakad: Service, moment: datetime) -> None:
    say(siakad, Condition.DOWN, moment)
    say(siakad, Condition.UNKNOWN, moment + timedelta(seconds=5))
    assert siakad.outages.get().ended_at is None


def test_the_service_that_missed_most_counts_for_the_migration(siakad: Service) -> None:
    operation = migration(siakad.cluster)
    desk = RecordedDesk()
    for milliseconds in (120, 480, 90):
        desk.note_downtime(operation.pk, milliseconds)
    operation.refresh_from_db()
    assert operation.client_downtime_ms == 480


def test_a_service_that_was_removed_meanwhile_is_no_fault(siakad: Service) -> None:
    desk, pk = RecordedDesk(), siakad.pk
    siakad.delete()
    desk.record(Change(pk, Verdict(Condition.DOWN, timezone.now()), None))
    desk.note_downtime(4711, 5)


def test_the_last_probe_of_each_service_is_kept_in_redis(siakad: Service, moment: datetime) -> None:
    RecordedDesk().note_recent({siakad.pk: Look(moment, 12.34, 200)})
    last = recent.last_probes()[siakad.pk]
    assert (last.at, last.answer_ms) == (moment, 12.3)
    recent.forget(siakad.pk)
    assert recent.last_probes() == {}


def test_after_a_time_without_probes_a_verdict_starts_anew(
    siakad: Service, moment: datetime
) -> None:
    say(siakad, Condition.UP, moment)
    desk = RecordedDesk()
    desk.note_recent({siakad.pk: Look(moment, 12, 200)})
    [subject] = desk.read().subjects
    assert subject.verdict == Verdict(Condition.UNKNOWN, moment)
    desk.note_recent({siakad.pk: Look(timezone.now(), 12, 200)})
    [subject] = desk.read().subjects
    assert subject.verdict == Verdict(Condition.UP, moment)
