"""What an operation tells while it goes on: timeline, audit and live hints, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from hapanel.audit.models import record
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations.models import Kind, Operation, TimelineEntry

# Facts in past tense, as the audit log words what was asked and how it ended.
_ASKED = {
    Kind.MIGRATE: "migration_requested",
    Kind.ADD_CLUSTER: "cluster_add_requested",
    Kind.CHANGE_CLUSTER: "cluster_change_requested",
    Kind.SWITCH_LAB: "lab_switch_requested",
    Kind.CHANGE_SSH: "ssh_change_requested",
    Kind.ADD_HA_RESOURCE: "ha_resource_add_requested",
    Kind.CHANGE_HA_RESOURCE: "ha_resource_change_requested",
    Kind.REMOVE_HA_RESOURCE: "ha_resource_removal_requested",
    Kind.ADD_HA_RULE: "ha_rule_add_requested",
    Kind.CHANGE_HA_RULE: "ha_rule_change_requested",
    Kind.REMOVE_HA_RULE: "ha_rule_removal_requested",
    Kind.DISARM_HA: "ha_disarm_requested",
    Kind.ARM_HA: "ha_arm_requested",
    Kind.DRBD_ACTION: "drbd_action_requested",
    Kind.RESOLVE_SPLIT_BRAIN: "split_brain_recovery_requested",
    Kind.REMOVE_SNAPSHOT: "snapshot_removal_requested",
}
_ENDED = {
    Kind.MIGRATE: "migration_ended",
    Kind.ADD_CLUSTER: "cluster_add_ended",
    Kind.CHANGE_CLUSTER: "cluster_change_ended",
    Kind.SWITCH_LAB: "lab_switch_ended",
    Kind.CHANGE_SSH: "ssh_change_ended",
    Kind.ADD_HA_RESOURCE: "ha_resource_add_ended",
    Kind.CHANGE_HA_RESOURCE: "ha_resource_change_ended",
    Kind.REMOVE_HA_RESOURCE: "ha_resource_removal_ended",
    Kind.ADD_HA_RULE: "ha_rule_add_ended",
    Kind.CHANGE_HA_RULE: "ha_rule_change_ended",
    Kind.REMOVE_HA_RULE: "ha_rule_removal_ended",
    Kind.DISARM_HA: "ha_disarm_ended",
    Kind.ARM_HA: "ha_arm_ended",
    Kind.DRBD_ACTION: "drbd_action_ended",
    Kind.RESOLVE_SPLIT_BRAIN: "split_brain_recovery_ended",
    Kind.REMOVE_SNAPSHOT: "snapshot_removal_ended",
}


def note(operation: Operation, code: str, /, *, at: datetime | None = None, **params: Any) -> None:
    """Add a line to the timeline; `code` is worded by `hapanel.operations.words`."""
    TimelineEntry.objects.create(
        operation=operation, at=at or timezone.now(), code=code, params=params
    )


def hint(operation: Operation) -> None:
    """Tell whoever looks that the operation, and its guest, changed."""
    cluster = operation.cluster.name if operation.cluster else ""
    hints = [(cluster, HintKind.OPERATION, str(operation.pk))]
    if operation.vmid is not None:
        hints.append((cluster, HintKind.GUEST, str(operation.vmid)))
    publish(hints)


def audit_request(operation: Operation) -> None:
    """Who asked for what, from where."""
    _audit(operation, _ASKED[Kind(operation.kind)], actor=operation.actor, outcome="")


def audit_end(operation: Operation) -> None:
    """How it ended."""
    _audit(operation, _ENDED[Kind(operation.kind)], actor=operation.actor, outcome=operation.state)


def audit_act(operation: Operation, action: str, actor: str, via: str, address: str) -> None:
    """A person's act on a running operation (cancel, resolve)."""
    record(
        actor,
        action,
        cluster=operation.cluster.name if operation.cluster else "",
        subject=operation.subject,
        via=via,
        address=address,
        operation_id=operation.pk,
        outcome="asked",
    )


def _audit(operation: Operation, action: str, *, actor: str, outcome: str) -> None:
    detail = {"source": operation.source, "target": operation.target}
    record(
        actor,
        action,
        cluster=operation.cluster.name if operation.cluster else "",
        subject=operation.subject,
        via=operation.via,
        address=operation.address,
        operation_id=operation.pk,
        outcome=outcome or "asked",
        **{name: value for name, value in detail.items() if value},
    )
