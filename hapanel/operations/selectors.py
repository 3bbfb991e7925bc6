"""Questions that pages and the API ask about operations."""

from __future__ import annotations

from django.db.models import QuerySet

from hapanel.operations.models import HOLDING_STATES, Kind, Operation, State
from nodes.models import Cluster


def moving_vmids(cluster: Cluster) -> set[int]:
    """The guests of the cluster that an operation is moving now."""
    found = Operation.objects.filter(
        cluster=cluster, kind=Kind.MIGRATE, state=State.RUNNING, vmid__isnull=False
    ).order_by()
    return {vmid for vmid in found.values_list("vmid", flat=True) if vmid is not None}


def open_operations(cluster: Cluster) -> QuerySet[Operation]:
    """What runs, waits or needs somebody, newest first."""
    return Operation.objects.filter(cluster=cluster, state__in=HOLDING_STATES)


def migrations_of(cluster: Cluster, vmid: int | None = None) -> QuerySet[Operation]:
    """The migrations of a cluster or of one of its guests, newest first."""
    found = Operation.objects.filter(cluster=cluster, kind=Kind.MIGRATE)
    return found if vmid is None else found.filter(vmid=vmid)


def holding_operation(cluster: Cluster, vmid: int) -> Operation | None:
    """The operation that has the guest in its hands, None when it is free."""
    return (
        Operation.objects.filter(cluster=cluster, vmid=vmid, state__in=HOLDING_STATES)
        .order_by("-created_at")
        .first()
    )
