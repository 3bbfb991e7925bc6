"""Two at the same time: real threads on a real database. Which one decides is the database's work.

SQLite in memory has one connection for all threads, so these run on PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.kernel.clock import RealClock
from hapanel.kernel.refusal import Refused
from hapanel.operations import lease
from hapanel.operations.cancel import request_cancel
from hapanel.operations.lease import claimed
from hapanel.operations.migrate import request_migration
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.wishes import Asker, MigrationWish, Via
from hapanel.operations.work import LostClaim, Work
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="SQLite in memory has one connection for all threads"
    ),
]
CLOCK = RealClock()


@pytest.fixture
def by_oda(oda: User) -> Asker:
    return Asker("oda", Via.API, oda)


@pytest.fixture
def wish(clusterubd: Cluster) -> MigrationWish:
    return MigrationWish(cluster=clusterubd, vmid=100, target="slave")


def at_once(act: Callable[[], Any], times: int = 6) -> list[Any]:
    """What `act` gives, or raises, in as many threads that start together."""
    start, answers = threading.Barrier(times), []

    def run() -> None:
        start.wait()
        try:
            answers.append(act())
        except Exception as error:
            answers.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_one_of_many_workers_gets_the_claim(wish: MigrationWish, by_oda: Asker) -> None:
    operation = request_migration(wish, by_oda)
    held = threading.Barrier(6)

    def claim() -> bool:
        with claimed(operation.pk, CLOCK) as token:
            held.wait(10)
            return token is not None

    assert sorted(at_once(claim)) == [False] * 5 + [True]


def test_the_right_to_send_is_given_once(wish: MigrationWish, by_oda: Asker) -> None:
    operation = request_migration(wish, by_oda)
    Operation.objects.update(state=State.RUNNING, step=Step.INTENDED, claim="mine")
    doors = FakeDoors(FakeCluster(None))  # type: ignore[arg-type]

    def take() -> bool:
        ours = Operation.objects.get(pk=operation.pk)
        return Work(ours, "mine", doors, CLOCK).take_the_right_to_send()

    assert sorted(at_once(take)) == [False] * 5 + [True]


def test_canceller_and_worker_never_both_win(wish: MigrationWish, by_oda: Asker) -> None:
    for _ in range(10):
        operation = request_migration(wish, by_oda)
        Operation.objects.filter(pk=operation.pk).update(
            state=State.RUNNING, step=Step.INTENDED, claim="mine"
        )
        turn = iter(["cancel", "send"])
        doors = FakeDoors(FakeCluster(None))  # type: ignore[arg-type]

        def either() -> str:
            ours = Operation.objects.get(pk=operation.pk)  # noqa: B023
            if next(turn) == "send":  # noqa: B023
                sent = Work(ours, "mine", doors, CLOCK).take_the_right_to_send()  # noqa: B023
                return "sent" if sent else "too late"
            return str(request_cancel(ours, by_oda).state)

        answers = set(at_once(either, 2))
        assert answers in ({"sent", "running"}, {"too late", "cancelled"})
        Operation.objects.all().delete()


def test_the_same_key_at_the_same_time_records_one(wish: MigrationWish, by_oda: Asker) -> None:
    answers = at_once(
        lambda: request_migration(wish, by_oda, idempotency_key="k", body_digest="d").pk
    )
    assert len(set(answers)) == 1
    assert Operation.objects.count() == 1


def test_two_wishes_for_a_guest_at_the_same_time_record_one(
    wish: MigrationWish, by_oda: Asker
) -> None:
    answers = at_once(lambda: request_migration(wish, by_oda))
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 5
    assert {r.refusals[0].code for r in refused} == {"operation-in-progress"}
    assert Operation.objects.count() == 1


def test_a_claim_is_renewed_while_a_request_takes_its_time(
    wish: MigrationWish, by_oda: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.05)
    operation = request_migration(wish, by_oda)
    with claimed(operation.pk, CLOCK):
        Operation.objects.update(claimed_until=timezone.now() + timedelta(seconds=0.1))
        threading.Event().wait(0.5)
        operation.refresh_from_db()
        assert operation.claimed_until is not None
        assert operation.claimed_until > timezone.now() + timedelta(seconds=5)


def test_a_worker_that_lost_its_claim_writes_nothing(wish: MigrationWish, by_oda: Asker) -> None:
    operation = request_migration(wish, by_oda)
    Operation.objects.update(claim="somebody else's")
    doors = FakeDoors(FakeCluster(None))  # type: ignore[arg-type]
    with pytest.raises(LostClaim):
        Work(operation, "mine", doors, CLOCK).commit(state=State.RUNNING)
    operation.refresh_from_db()
    assert operation.state == State.QUEUED
