"""Asking for a migration: judged from records, recorded once, refused with a remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.kernel.refusal import Refused
from hapanel.operations.cancel import request_cancel
from hapanel.operations.migrate import (
    plan_migration,
    rank_targets,
    request_migration,
    why_not_migratable,
)
from hapanel.operations.models import Operation, State
from hapanel.operations.wishes import Asker, MigrationMode, MigrationWish, Via
from nodes.models import Cluster, Mode, Node, NodeStatus, Reach
from vms.models import Guest


@pytest.fixture
def by_oda(oda: User) -> Asker:
    return Asker("oda", Via.API, oda, "10.0.0.7")


@pytest.fixture
def wish(clusterubd: Cluster) -> MigrationWish:
    return MigrationWish(cluster=clusterubd, vmid=100, target="slave")


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [refusal.code for refusal in refused.value.refusals]


def test_a_possible_migration_is_queued_and_audited(wish: MigrationWish, by_oda: Asker) -> None:
    operation = request_migration(wish, by_oda)
    assert (operation.state, operation.source, operation.target) == ("queued", "master", "slave")
    assert [entry.code for entry in operation.timeline.all()] == ["requested"]
    entry = Entry.objects.get(operation_id=operation.pk)
    assert (entry.actor, entry.action, entry.address) == ("oda", "migration_requested", "10.0.0.7")


def test_planning_records_nothing(wish: MigrationWish) -> None:
    plan = plan_migration(wish)
    assert plan.is_possible
    assert plan.mode is MigrationMode.ONLINE
    assert plan.forecast_seconds
    assert plan.forecast_because
    assert plan.forecast_because.code == "forecast-from-assumed-link"
    assert not Operation.objects.exists()


def test_an_unknown_guest_is_not_found(wish: MigrationWish) -> None:
    with pytest.raises(Refused) as refused:
        plan_migration(replace(wish, vmid=999))
    assert refused.value.refusals[0].status == 404


def test_an_unknown_target_is_an_invalid_field(wish: MigrationWish, by_oda: Asker) -> None:
    with pytest.raises(Refused) as refused:
        request_migration(replace(wish, target="nowhere"), by_oda)
    assert codes(refused)[0] == "unknown-target"
    assert refused.value.refusals[0].status == 422


def test_the_source_as_target_is_refused(wish: MigrationWish, by_oda: Asker) -> None:
    with pytest.raises(Refused) as refused:
        request_migration(replace(wish, target="master"), by_oda)
    assert codes(refused) == ["target-is-source"]


def test_a_second_migration_of_the_guest_is_refused(wish: MigrationWish, by_oda: Asker) -> None:
    first = request_migration(wish, by_oda)
    with pytest.raises(Refused) as refused:
        request_migration(wish, by_oda)
    assert codes(refused) == ["operation-in-progress"]
    assert str(first.pk) in refused.value.refusals[0].because()


def test_the_same_key_and_body_gives_the_same_operation(wish: MigrationWish, by_oda: Asker) -> None:
    first = request_migration(wish, by_oda, idempotency_key="k1", body_digest="d1")
    again = request_migration(wish, by_oda, idempotency_key="k1", body_digest="d1")
    assert first == again
    assert Operation.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(wish: MigrationWish, by_oda: Asker) -> None:
    request_migration(wish, by_oda, idempotency_key="k1", body_digest="d1")
    with pytest.raises(Refused) as refused:
        request_migration(wish, by_oda, idempotency_key="k1", body_digest="d2")
    assert codes(refused) == ["idempotency-key-reused"]
    assert refused.value.refusals[0].status == 422


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quorate": False}, "no-quorum"),
        ({"mode": Mode.WATCH}, "watch-only"),
        ({"missing_privileges": ["VM.Migrate"]}, "privilege-missing"),
        ({"reach": Reach.UNREACHABLE}, "cluster-not-seen"),
        ({"observed_at": None}, "cluster-not-seen"),
    ],
)
def test_the_cluster_can_stand_against_it(
    wish: MigrationWish, by_oda: Asker, change: dict[str, object], code: str
) -> None:
    for name, value in change.items():
        setattr(wish.cluster, name, value)
    wish.cluster.save()
    with pytest.raises(Refused) as refused:
        request_migration(wish, by_oda)
    assert codes(refused) == [code]


def test_a_stale_cluster_is_never_judged_green(wish: MigrationWish) -> None:
    wish.cluster.observed_at = timezone.now() - timedelta(minutes=1)
    assert "cluster-stale" in [refusal.code for refusal in plan_migration(wish).refusals]


def test_an_offline_target_ranks_last_with_its_reason(clusterubd: Cluster) -> None:
    Node.objects.create(cluster=clusterubd, name="attic", status=NodeStatus.OFFLINE)
    choices = rank_targets(Guest.objects.get(vmid=100))
    assert [choice.node for choice in choices] == ["slave", "attic"]
    assert choices[1].reasons[0].code == "target-not-online"


def test_a_guest_is_migratable_as_long_as_one_target_would_do(clusterubd: Cluster) -> None:
    guest = Guest.objects.get(vmid=100)
    assert why_not_migratable(guest) is None
    Node.objects.filter(name="slave").update(status=NodeStatus.OFFLINE)
    no = why_not_migratable(guest)
    assert no is not None
    assert no.code == "target-not-online"


def test_a_migration_for_tonight_is_scheduled(wish: MigrationWish, by_oda: Asker) -> None:
    tonight = timezone.now() + timedelta(hours=6)
    operation = request_migration(replace(wish, not_before=tonight), by_oda)
    assert operation.state == State.SCHEDULED
    assert operation.look_at == tonight


def test_what_was_not_sent_is_cancelled_at_once(wish: MigrationWish, by_oda: Asker) -> None:
    operation = request_cancel(request_migration(wish, by_oda), by_oda)
    assert operation.state == State.CANCELLED
    assert operation.ended_at is not None
    Operation.objects.filter(pk=operation.pk).update(state=State.SUCCEEDED)
    with pytest.raises(Refused) as refused:
        request_cancel(operation, by_oda)
    assert codes(refused) == ["operation-over"]
