"""Changes of HA, as people ask for them: judge, foretell, record. No network in here.

What a worker then does with the recorded operation is in `hapanel.operations.ha_change_steps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError

from hapanel.ha.change.judge import HaFacts, drops_others, refusals_of
from hapanel.ha.change.refusals import ANOTHER_CHANGE
from hapanel.ha.change.wish import HaChange
from hapanel.kernel.names import GuestType, vmid_of
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.facts import holding_operation
from hapanel.operations.ha_effects import Effects, effects_of
from hapanel.operations.ha_facts import recorded_facts
from hapanel.operations.models import Kind, Operation
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker
from nodes.models import Cluster


@dataclass(frozen=True, slots=True)
class HaPlan:
    """What would happen, judged from records. A plan with refusals cannot be carried out and has no
    effects. subject: what is changed, in words."""

    change: HaChange
    subject: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
    effects: Effects | None = None
    judged_from: datetime | None = None

    @property
    def is_possible(self) -> bool:
        return not self.refusals


def plan_ha_change(cluster: Cluster, change: HaChange) -> HaPlan:
    """What the change would do, judged from records; records nothing."""
    facts = recorded_facts(cluster, change)
    refusals = refusals_of(change, facts)
    if refusals:
        return HaPlan(change, _subject(change, facts), refusals, judged_from=cluster.observed_at)
    effects = effects_of(cluster, change)
    also = drops_others(change, facts)
    return HaPlan(
        change,
        _subject(change, facts),
        warnings=(*effects.at_once, *((also,) if also else ())),
        effects=effects,
        judged_from=cluster.observed_at,
    )


def request_ha_change(
    cluster: Cluster,
    change: HaChange,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record the change for a worker to carry out. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    plan = plan_ha_change(cluster, change)
    if plan.refusals:
        return earlier_or_refuse(
            _most_telling_first(plan.refusals), asker, idempotency_key, body_digest
        )
    try:
        return record_operation(
            _operation(cluster, plan),
            asker,
            idempotency_key=idempotency_key,
            body_digest=body_digest,
        )
    except IntegrityError:
        # Another operation took the same guest in hand between judging and recording.
        holder = holding_operation(cluster, vmid_of(change.key) or 0)
        raise Refused(ANOTHER_CHANGE(operation=holder, what=plan.subject)) from None


def change_of(operation: Operation) -> HaChange:
    """The wish that a recorded operation carries out."""
    return msgspec.convert(
        {name: operation.params[name] for name in HaChange.__struct_fields__}, HaChange
    )


def _operation(cluster: Cluster, plan: HaPlan) -> Operation:
    change = plan.change
    params: dict[str, Any] = msgspec.to_builtins(change)
    if plan.effects is not None:
        params["promise"] = msgspec.to_builtins(plan.effects.differences)
    operation = Operation(
        kind=Kind(change.verb.value), cluster=cluster, subject=plan.subject[:200], params=params
    )
    if change.verb.is_about_resource:
        operation.vmid = vmid_of(change.key)
        is_machine = change.key.startswith("vm:")
        operation.guest_type = (GuestType.QEMU if is_machine else GuestType.LXC).value
    return operation


def _subject(change: HaChange, facts: HaFacts) -> str:
    if change.verb.is_about_resource:
        return facts.label(change.key)
    return change.key or facts.cluster.name


def _most_telling_first(refusals: tuple[Refusal, ...]) -> list[Refusal]:
    """What is not there at all (404), then a wrong field (422), explain the others."""
    order = {404: 0, 422: 1}
    return sorted(refusals, key=lambda refusal: order.get(refusal.status, 2))
