"""The verifies of a resource on its page, and the form that puts them on a schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.observe import replication_desk
from hapanel.operations.models import Operation, State, VerifyReport, VerifySchedule
from hapanel.operations.verify_due import TOO_LATE, see_to
from nodes.models import Cluster
from tests.fake_nodes import FakeNodes, record_replication
from tests.pure.drbd.stage import ALONE, P, S, peer, told

PAGE = "/clusters/clusterubd/replication/rs/"
FORM = f"{PAGE}verify-schedule/"
SUNDAY = {"every": "week", "weekday": "sun", "at": "03:00"}
HEALTHY = (told("master", P, peer()), told("slave", S, peer(role=P)))
DIFFER = (told("master", P, peer(oos=8)), told("slave", S, peer(role=P, oos=8)))
BOTH = (told("master", P, peer(role=P, oos=8)), told("slave", P, peer(role=P, oos=8)))
NEITHER = (told("master", S, peer(oos=8)), told("slave", S, peer(oos=8)))
APART = (told("master", P, peer(ALONE)), told("slave", S, peer(ALONE)))


@pytest.fixture(autouse=True)
def nodes(clusterubd: Cluster, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)
    made = FakeNodes(HEALTHY)
    record_replication(clusterubd, made, {100: "master"})
    return made


def says(cluster: Cluster, nodes: FakeNodes, pair: tuple[object, ...]) -> None:
    nodes.says = pair  # type: ignore[assignment]
    record_replication(cluster, nodes, {})


def report(cluster: Cluster, differing: int) -> VerifyReport:
    now = timezone.now()
    operation = Operation.objects.create(
        kind="drbd_action",
        cluster=cluster,
        subject="verify rs",
        resource="rs",
        source="slave",
        params={"action": "verify"},
        state=State.SUCCEEDED,
        actor="oda",
        via="page",
    )
    return VerifyReport.objects.create(
        operation=operation,
        cluster=cluster,
        resource="rs",
        node="slave",
        began_at=now - timedelta(minutes=2, seconds=5),
        ended_at=now,
        compared=2**30,
        differing=differing,
    )


def panel(client: Client) -> str:
    """The panel alone, as htmx fetches it."""
    headers = {"HX-Request": "true", "HX-Target": "replication-verify"}
    return client.get(PAGE, headers=headers).content.decode()


def test_nothing_verified_and_no_schedule_is_said_and_led_out_of(as_oda: Client) -> None:
    shown = panel(as_oda)
    assert "has not followed a verify to its end yet" in shown
    assert "DRBD compares nothing by itself" in shown
    assert f'href="{FORM}"' in shown
    assert 'id="replication-files"' not in shown


def test_hal_reads_it_and_is_offered_nothing(as_hal: Client) -> None:
    assert f'href="{FORM}"' not in panel(as_hal)
    form = as_hal.get(FORM).content.decode()
    assert "for operators and administrators" in form
    assert as_hal.post(FORM, SUNDAY).status_code == 403
    assert as_hal.post(f"{FORM}remove/").status_code == 403
    assert not VerifySchedule.objects.exists()


def test_oda_sets_changes_and_removes_the_schedule(as_oda: Client) -> None:
    assert 'value="03:00"' in as_oda.get(FORM).content.decode()
    answer = as_oda.post(FORM, SUNDAY, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "rs is verified: Every week on Sunday at 03:00 (UTC)." in answer.content.decode()
    assert "Every week on Sunday at 03:00 (UTC)" in panel(as_oda)
    as_oda.post(FORM, SUNDAY | {"every": "month", "at": "01:30"})
    assert "On the first Sunday of each month at 01:30 (UTC)" in panel(as_oda)
    assert 'value="01:30"' in as_oda.get(FORM).content.decode()
    as_oda.post(f"{FORM}remove/")
    assert as_oda.post(f"{FORM}remove/").status_code == 302
    assert not VerifySchedule.objects.exists()


@pytest.mark.parametrize("wrong", [{"at": "25:00"}, {"at": ""}, {"weekday": "day"}, {"every": ""}])
def test_what_is_no_time_comes_back_with_the_form(as_oda: Client, wrong: dict[str, str]) -> None:
    assert as_oda.post(FORM, SUNDAY | wrong).status_code == 422
    assert not VerifySchedule.objects.exists()


def test_an_unknown_resource_is_not_found(as_oda: Client) -> None:
    assert as_oda.get(FORM.replace("/rs/", "/r9/")).status_code == 404
    assert as_oda.post(FORM.replace("/rs/", "/r9/"), SUNDAY).status_code == 404


def test_the_last_verify_says_when_how_long_and_what_it_found(
    as_hal: Client, clusterubd: Cluster
) -> None:
    report(clusterubd, 0)
    shown = panel(as_hal)
    assert "no difference" in shown
    assert "2 min 5 s" in shown
    assert "1.0 GiB compared" in shown
    assert "on slave by oda" in shown


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (DIFFER, "Disconnect rs on slave and connect it again"),
        (BOTH, "All nodes are Primary, so none gives way"),
        (NEITHER, "Neither node is Primary"),
        (HEALTHY, "DRBD counts no difference any more"),
        (APART, "not known: not both sides are seen and connected"),
    ],
)
def test_what_differs_says_whether_it_still_does_and_what_to_do(
    as_oda: Client, clusterubd: Cluster, nodes: FakeNodes, pair: tuple[object, ...], words: str
) -> None:
    report(clusterubd, 8192)
    says(clusterubd, nodes, pair)
    shown = panel(as_oda)
    assert "8.0 KiB differed (2 blocks of 4 KiB)" in shown
    assert words in shown
    assert ("they still differ" in shown) is (pair in (DIFFER, BOTH, NEITHER))


def test_what_waits_what_was_missed_and_what_was_started_is_said(
    as_oda: Client, clusterubd: Cluster, nodes: FakeNodes
) -> None:
    as_oda.post(FORM, SUNDAY)
    schedule = VerifySchedule.objects.get()
    schedule.next_due = timezone.now() - timedelta(minutes=1)
    schedule.last_due, schedule.last_fate = schedule.next_due - timedelta(days=7), "missed"
    schedule.last_because = TOO_LATE(hours=3).as_record()
    schedule.save()
    says(clusterubd, nodes, APART)
    see_to(schedule.pk)
    shown = panel(as_oda)
    assert "waits" in shown
    assert "is not connected (StandAlone)" in shown
    assert "Tried again each minute until" in shown
    assert "missed" in shown
    assert "Nobody was there to begin it within 3 hours" in shown
    says(clusterubd, nodes, HEALTHY)
    see_to(schedule.pk, timezone.now() + timedelta(minutes=2))
    operation = Operation.objects.get()
    assert f'href="/operations/{operation.pk}/"' in panel(as_oda)
    assert "a schedule" in as_oda.get("/operations/").content.decode()


def test_it_is_said_in_indonesian_and_in_the_readers_own_zone(as_oda: Client, oda: User) -> None:
    as_oda.post(FORM, SUNDAY)
    User.objects.filter(pk=oda.pk).update(language="id", time_zone="Asia/Jakarta")
    shown = panel(as_oda)
    assert "Setiap minggu pada hari Minggu pukul 03.00 (UTC)" in shown
    assert "10.00.00" in shown
    assert "Asia/Jakarta" in shown


def test_an_operations_timeline_has_the_readers_decimal_sign(
    as_oda: Client, oda: User, clusterubd: Cluster
) -> None:
    operation = report(clusterubd, 8192).operation
    found = {"bytes": 8192, "size": "8.0 KiB"}
    operation.timeline.create(code="drbd_verify_found", params=found)
    User.objects.filter(pk=oda.pk).update(language="id")
    shown = as_oda.get(operation.get_absolute_url()).content.decode()
    assert "8,0 KiB (8192 byte)" in shown
