"""How long guests boot is learnt from task lists and probes, and only where nothing is guessed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from hapanel.ha.forecast.reasons import Code
from hapanel.helpdesk.boots import KEPT_STARTS, LONGEST_BOOT, learn_boots
from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from hapanel.kernel.names import Upid
from hapanel.observe.guest_starts import write_starts
from hapanel.observe.task_hints import guests_started
from hapanel.operations.forecast_facts import snapshot_of
from hapanel.operations.forecasts import forecast
from hapanel.ports.cluster import Task
from nodes.models import Cluster
from vms.models import GuestStart
from vms.selectors import boots_of

QDEVICE = {"configured": True, "connected": True, "votes": 1, "text": "", "casts_vote": True}


def upid(seconds_ago: int, vmid: int = 100, kind: str = "qmstart") -> Upid:
    at = int(timezone.now().timestamp()) - seconds_ago
    return Upid.parse(f"UPID:slave:00001000:00002000:{at:08X}:{kind}:{vmid}:root@pam:")


def ended(task: Upid, status: str = "OK") -> Task:
    return Task(upid=task, running=False, ended_at=timezone.now(), exit_status=status)


@pytest.fixture
def siakad(clusterubd: Cluster) -> Service:
    return Service.objects.create(cluster=clusterubd, name="SIAKAD", vmids=[100], url="http://x/")


def outage(
    service: Service, began: datetime, until: datetime | None, state: str = ServiceState.DOWN
) -> None:
    ServiceOutage.objects.create(service=service, began_at=began, ended_at=until, state=state)


def test_only_starts_that_went_well_count() -> None:
    good, warned, failed, moved, old = (
        upid(9),
        upid(8, 101, "vzstart"),
        upid(7, 102),
        upid(6, 103, "qmigrate"),
        upid(5, 104),
    )
    tasks = [
        ended(good),
        ended(warned, "WARNINGS: 1"),
        ended(failed, "start failed: exit code 1"),
        ended(moved),
        ended(old),
    ]
    new = frozenset(task.upid.raw for task in tasks if task.upid is not old)
    assert guests_started(tasks, new) == [good, warned]


def test_a_start_and_the_first_answer_after_it_are_a_boot(
    clusterubd: Cluster, siakad: Service
) -> None:
    start = upid(60)
    write_starts(clusterubd, [start])
    write_starts(clusterubd, [start])
    assert GuestStart.objects.count() == 1, "two workers may tell of it"
    outage(siakad, start.started_at - timedelta(seconds=140), None)
    assert learn_boots() == 0, "it is still down"
    siakad.outages.update(ended_at=start.started_at + timedelta(seconds=34))
    assert learn_boots() == 1
    boot = boots_of(clusterubd)["vm:100"]
    assert (boot.least, boot.typical, boot.most, boot.count) == (34, 34, 34, 1)
    assert learn_boots() == 0


def test_the_clusters_clock_is_taken_off(clusterubd: Cluster, siakad: Service) -> None:
    clusterubd.clock_offset = 40.0
    start = upid(60)
    write_starts(clusterubd, [start])
    assert GuestStart.objects.get().started_at == start.started_at - timedelta(seconds=40)


def test_nothing_is_guessed(clusterubd: Cluster, siakad: Service) -> None:
    crowd = Service.objects.create(cluster=clusterubd, name="two", vmids=[101, 102], url="http://y")
    again = upid(70), upid(60)
    other = upid(50, 101, "vzstart")
    write_starts(clusterubd, [*again, other])
    at = again[1].started_at
    outage(crowd, at - timedelta(minutes=1), at + timedelta(seconds=20))
    outage(siakad, at - timedelta(minutes=1), at + timedelta(seconds=20))
    assert learn_boots() == 1, "the start before a start did not lead to the answer"
    assert boots_of(clusterubd)["vm:100"].typical == 20
    assert "ct:101" not in boots_of(clusterubd), "its service needs another guest too"


def test_an_outage_that_began_later_or_was_a_move_tells_nothing(
    clusterubd: Cluster, siakad: Service
) -> None:
    start = upid(60)
    write_starts(clusterubd, [start])
    at = start.started_at
    outage(siakad, at + timedelta(seconds=5), at + timedelta(seconds=20))
    outage(siakad, at - timedelta(seconds=5), at + timedelta(seconds=20), ServiceState.MAINTENANCE)
    assert learn_boots() == 0


def test_what_nobody_answered_is_forgotten_and_old_starts_go(
    clusterubd: Cluster, siakad: Service
) -> None:
    late = int(LONGEST_BOOT.total_seconds()) + 60
    write_starts(clusterubd, [upid(late)])
    write_starts(clusterubd, [upid(60 * n, kind="qmstart") for n in range(1, KEPT_STARTS + 5)])
    for start in GuestStart.objects.exclude(started_at__lt=timezone.now() - LONGEST_BOOT):
        outage(siakad, start.started_at, start.started_at + timedelta(seconds=5))
    learn_boots()
    assert boots_of(clusterubd)["vm:100"].count == KEPT_STARTS


def test_the_forecast_adds_it_and_says_where_it_comes_from(
    clusterubd: Cluster, siakad: Service
) -> None:
    Cluster.objects.filter(pk=clusterubd.pk).update(
        qdevice=QDEVICE, ha_manager_node="slave", ha_manager_state="active", ha_armed_state="armed"
    )
    clusterubd.refresh_from_db()
    before = {guest.sid: guest for guest in forecast(clusterubd, ["master"]).guests}
    for ago, took in ((300, 30), (200, 34), (100, 50)):
        start = upid(ago)
        write_starts(clusterubd, [start])
        outage(siakad, start.started_at, start.started_at + timedelta(seconds=took))
        learn_boots()
    assert snapshot_of(clusterubd).boots["vm:100"].count == 3
    told = {guest.sid: guest for guest in forecast(clusterubd, ["master"]).guests}
    seconds, earlier = told["vm:100"].seconds, before["vm:100"].seconds
    assert seconds is not None
    assert earlier is not None
    assert seconds.typical == pytest.approx(earlier.typical + 34)
    assert seconds.most == pytest.approx(earlier.most + 50)
    words = [reason.sentence() for reason in told["vm:100"].reasons]
    assert words[-1] == (
        "From its start to its first answer it took 34 s (30 to 50 s; starts seen: 3)."
    )
    assert Code.BOOT_NOT_KNOWN in {each.code for each in told["ct:101"].unknowns}
    assert Code.BOOT_NOT_KNOWN not in {each.code for each in told["vm:100"].unknowns}
