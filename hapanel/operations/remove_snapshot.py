"""The verb remove_snapshot, as people ask for it: one that the split-brain assistant took.

Judged here from records; the worker (`hapanel.operations.remove_snapshot_steps`) judges again from
what the nodes say.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError

from hapanel.drbd.snapshots import (
    Snapshot,
    may_be_needed,
    refusals_of_removal,
    snapshots_of,
)
from hapanel.kernel.refusal import Refused
from hapanel.operations.drbd_action import DrbdPlan, busy_with
from hapanel.operations.drbd_scene import recorded_resource
from hapanel.operations.models import Kind, Operation, State
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker
from nodes.models import Cluster
from vms.replication import replication_of


@dataclass(frozen=True)
class RemovalWish:
    """Remove the snapshot GROUP/NAME on `node`. `confirm` is the node's name, typed by a person,
    while the snapshot may still be needed."""

    cluster: Cluster
    resource: str
    node: str
    snapshot: str
    confirm: str = ""


def recorded_snapshots(cluster: Cluster, resource: str) -> tuple[Snapshot, ...]:
    """The assistant's snapshots of the resource on all nodes, as they were read last."""
    words = replication_of(cluster).known.words
    return tuple(one for word in words for one in snapshots_of(resource, word.node, word.lvm))


def plan_removal(wish: RemovalWish) -> DrbdPlan:
    """What would be sent, judged from records; records nothing. Raises Refused (404)."""
    replication = recorded_resource(wish.cluster, wish.resource).replication
    there = [
        one for one in recorded_snapshots(wish.cluster, wish.resource) if one.node == wish.node
    ]
    refusals = refusals_of_removal(
        wish.snapshot, wish.node, replication, there, confirm=wish.confirm
    )
    busy = busy_with(wish.cluster, wish.resource)
    return DrbdPlan(
        node=wish.node,
        lines=tuple(one.removal for one in there if one.path == wish.snapshot),
        refusals=(*refusals, *([busy] if busy else [])),
        needs_name=may_be_needed(replication),
    )


def request_removal(
    wish: RemovalWish, asker: Asker, *, idempotency_key: str | None = None, body_digest: str = ""
) -> Operation:
    """Record the removal for a worker to carry out. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    plan = plan_removal(wish)
    if plan.refusals:
        return earlier_or_refuse(plan.refusals, asker, idempotency_key, body_digest)
    operation = Operation(
        kind=Kind.REMOVE_SNAPSHOT,
        state=State.QUEUED,
        cluster=wish.cluster,
        subject=wish.snapshot,
        resource=wish.resource,
        source=wish.node,
        params={"snapshot": wish.snapshot, "confirm": wish.confirm.strip()},
    )
    try:
        return record_operation(
            operation, asker, idempotency_key=idempotency_key, body_digest=body_digest
        )
    except IntegrityError:
        busy = busy_with(wish.cluster, wish.resource)
        raise Refused(*([busy] if busy else [])) from None
