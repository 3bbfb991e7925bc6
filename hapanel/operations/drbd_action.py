"""The verb drbd_action, as people ask for it: one of drbdadm's verbs on one node of a resource.

Judged here from records; the worker (`hapanel.operations.drbd_action_steps`) judges again from what
the nodes say right before the order leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError

from hapanel.drbd import orders
from hapanel.drbd.actions import Action, Scene, needs_name, refusals_of
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.drbd_outcomes import RESOURCE_BUSY
from hapanel.operations.drbd_scene import recorded_resource, recorded_scene
from hapanel.operations.models import HOLDING_STATES, Kind, Operation, State
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker
from nodes.models import Cluster


@dataclass(frozen=True)
class DrbdWish:
    """Do `action` to `resource` on `node`. `confirm` is the node's name, typed by a person, where
    data can be lost. `not_before` waits with it, for a verify at night."""

    cluster: Cluster
    resource: str
    node: str
    action: Action
    confirm: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True)
class DrbdPlan:
    """What would be sent to the node, and why not. Possible only without refusals."""

    node: str
    lines: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    needs_name: bool


def lines_of(action: Action, scene: Scene) -> tuple[str, ...]:
    """The orders that carry `action` out on the scene's node."""
    match action:
        case Action.ACTIVATE | Action.DEACTIVATE:
            on = action is Action.ACTIVATE
            return tuple(orders.activate(group, on=on) for group in scene.groups)
        case Action.RESIZE:
            return ()
        case _:
            return (orders.drbdadm(action.value, scene.resource),)


def plan_drbd_action(wish: DrbdWish) -> DrbdPlan:
    """What would happen, judged from records; records nothing. Raises Refused (404)."""
    scene = recorded_scene(recorded_resource(wish.cluster, wish.resource), wish.node)
    refusals = refusals_of(wish.action, scene, confirm=wish.confirm)
    busy = busy_with(wish.cluster, wish.resource)
    return DrbdPlan(
        node=wish.node,
        lines=lines_of(wish.action, scene),
        refusals=(*refusals, *([busy] if busy else [])),
        needs_name=needs_name(wish.action, scene),
    )


def request_drbd_action(
    wish: DrbdWish, asker: Asker, *, idempotency_key: str | None = None, body_digest: str = ""
) -> Operation:
    """Record the action for a worker to carry out. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    plan = plan_drbd_action(wish)
    if plan.refusals:
        return earlier_or_refuse(plan.refusals, asker, idempotency_key, body_digest)
    try:
        return record_operation(
            _operation(wish), asker, idempotency_key=idempotency_key, body_digest=body_digest
        )
    except IntegrityError:
        busy = busy_with(wish.cluster, wish.resource)
        raise Refused(*([busy] if busy else [])) from None


def busy_with(cluster: Cluster, resource: str) -> Refusal | None:
    """The operation that has the resource in its hands, as a refusal."""
    holder = Operation.objects.filter(
        cluster=cluster, resource=resource, state__in=HOLDING_STATES
    ).first()
    return RESOURCE_BUSY(operation=holder.pk, resource=resource) if holder else None


def _operation(wish: DrbdWish) -> Operation:
    operation = Operation(
        kind=Kind.DRBD_ACTION,
        state=State.SCHEDULED if wish.not_before else State.QUEUED,
        cluster=wish.cluster,
        subject=f"{wish.action.value} {wish.resource}",
        resource=wish.resource,
        source=wish.node,
        params={"action": wish.action.value, "confirm": wish.confirm.strip()},
        not_before=wish.not_before,
    )
    if wish.not_before is not None:
        operation.look_at = wish.not_before
    return operation
