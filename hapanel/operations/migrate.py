"""The verb migrate, as people ask for it: judge, forecast, record. No network in here.

What a worker then does with the recorded operation is in `hapanel.operations.migrate_steps`.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import IntegrityError

from hapanel.ha import migration_refusals as no
from hapanel.ha.migration_facts import MoveFacts
from hapanel.ha.preflight import judge
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.expectation import Expectation
from hapanel.operations.facts import holding_operation, move_facts
from hapanel.operations.models import Kind, Operation, State
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker, MigrationPlan, MigrationWish, TargetChoice
from nodes.models import Cluster
from vms.models import Guest


def plan_migration(wish: MigrationWish) -> MigrationPlan:
    """What would happen, judged from records; records nothing.

    Raises Refused (404) when the cluster has no such guest.
    """
    guest = _guest_of(wish.cluster, wish.vmid)
    return _plan(wish, guest, move_facts(wish, guest), Expectation(guest))


def request_migration(
    wish: MigrationWish,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record the migration for a worker to carry out. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    guest = _guest_of(wish.cluster, wish.vmid)
    plan = _plan(wish, guest, move_facts(wish, guest), Expectation(guest))
    if plan.refusals:
        telling = _most_telling_first(plan.refusals)
        return earlier_or_refuse(telling, asker, idempotency_key, body_digest)
    try:
        return record_operation(
            _operation(wish, guest, plan),
            asker,
            idempotency_key=idempotency_key,
            body_digest=body_digest,
        )
    except IntegrityError:
        # Somebody else's wish for the same guest was recorded between judging and recording.
        holder = holding_operation(wish.cluster, wish.vmid)
        raise Refused(no.OPERATION_IN_PROGRESS(guest=str(guest), operation=holder)) from None


def rank_targets(guest: Guest) -> list[TargetChoice]:
    """Every other node as a target, best first: possible ones, few warnings, most memory left."""
    cluster = guest.cluster
    wish = MigrationWish(cluster=cluster, vmid=guest.vmid, target="")
    facts = move_facts(wish, guest)
    expectation = Expectation(guest)
    names = sorted(node.name for node in facts.nodes if node.name != guest.node)
    choices = [_choice(replace(wish, target=name), guest, facts, expectation) for name in names]
    return sorted(choices, key=_rank)


def why_not_migratable(guest: Guest) -> Refusal | None:
    """Why no migration of this guest can be asked for now; None when some target would do."""
    choices = rank_targets(guest)
    if any(choice.plan.is_possible for choice in choices):
        return None
    if not choices:
        return no.UNKNOWN_TARGET(cluster=guest.cluster.name, node="-", nodes="-")
    return choices[0].plan.refusals[0]


def _guest_of(cluster: Cluster, vmid: int) -> Guest:
    guest = (
        Guest.objects.select_related("cluster")
        .filter(cluster=cluster, vmid=vmid, gone_at=None)
        .first()
    )
    if guest is None:
        raise Refused(no.UNKNOWN_GUEST(cluster=cluster.name, vmid=vmid))
    return guest


def _plan(
    wish: MigrationWish, guest: Guest, facts: MoveFacts, expectation: Expectation
) -> MigrationPlan:
    judgement = judge(facts)
    mode = wish.mode or facts.fitting_mode
    expected = expectation.of(facts, mode)
    return MigrationPlan(
        mode=mode,
        source=guest.node,
        target=wish.target,
        refusals=judgement.refusals,
        warnings=judgement.warnings,
        passed=judgement.passed,
        forecast_seconds=expected.seconds if expected else None,
        forecast_because=expected.because if expected else None,
        expected_downtime_ms=expected.downtime_ms if expected else None,
        judged_from=wish.cluster.observed_at,
    )


def _operation(wish: MigrationWish, guest: Guest, plan: MigrationPlan) -> Operation:
    scheduled = wish.not_before is not None
    operation = Operation(
        kind=Kind.MIGRATE,
        state=State.SCHEDULED if scheduled else State.QUEUED,
        cluster=wish.cluster,
        subject=str(guest),
        vmid=guest.vmid,
        guest_type=guest.type,
        source=plan.source,
        target=wish.target,
        params={
            "mode": wish.mode.value if wish.mode else None,
            "with_local_disks": wish.with_local_disks,
            "target_storage": wish.target_storage,
            "bandwidth_limit": wish.bandwidth_limit,
        },
        not_before=wish.not_before,
        forecast_seconds=plan.forecast_seconds,
    )
    if wish.not_before is not None:
        operation.look_at = wish.not_before
    return operation


def _most_telling_first(refusals: tuple[Refusal, ...]) -> list[Refusal]:
    """A wrong field (422) explains the others: judged against nothing, they mean little."""
    return sorted(refusals, key=lambda refusal: refusal.status != 422)


def _choice(
    wish: MigrationWish, guest: Guest, facts: MoveFacts, expectation: Expectation
) -> TargetChoice:
    node = facts.node(wish.target)
    free = node.free_memory if node else None
    need = facts.guest.used_memory or facts.guest.maxmem
    plan = _plan(wish, guest, replace(facts, target=wish.target), expectation)
    return TargetChoice(
        node=wish.target,
        plan=plan,
        free_memory=None if free is None else free - (need or 0),
        last_seconds=expectation.last_seconds(wish.target),
        reasons=(*plan.refusals, *plan.warnings),
    )


def _rank(choice: TargetChoice) -> tuple[bool, int, int, str]:
    plan = choice.plan
    return (not plan.is_possible, len(plan.warnings), -(choice.free_memory or 0), choice.node)
