"""Taking a cluster out of the panel: only our records go, nothing is sent to the cluster."""

from __future__ import annotations

from django.db import transaction

from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from hapanel.live.pulse import forget_seen
from hapanel.live.stream import Kind, publish
from hapanel.operations.models import HOLDING_STATES, Operation
from nodes.metrics import forget_metrics
from nodes.models import Cluster
from nodes.replication_figures import forget_statuses

CLUSTER_BUSY = refusal_kind(
    "cluster-busy",
    gettext_noop("Operation %(operation)s is still open on %(cluster)s."),
    gettext_noop("Wait for its end, cancel it, or settle it when it needs attention."),
)


def remove_cluster(cluster: Cluster, by: Actor) -> None:
    """Forget the cluster, its guests, services and operations. Raises Refused while one
    is open or needs attention: nobody would ever see how it ended.

    The audit log keeps what was done there.
    """
    with transaction.atomic():
        holding = Operation.objects.filter(cluster=cluster, state__in=HOLDING_STATES).first()
        if holding is not None:
            raise Refused(CLUSTER_BUSY(operation=holding.pk, cluster=cluster.name))
        name, pk = cluster.name, cluster.pk
        cluster.delete()
        record(action="cluster_removed", cluster=name, subject=name, **by.as_columns())
        publish([(name, Kind.CLUSTER, name)])
        # Only measured figures and signs of life: without Redis they run out by themselves.
        transaction.on_commit(lambda: forget_metrics(pk), robust=True)
        transaction.on_commit(lambda: forget_statuses(pk), robust=True)
        transaction.on_commit(lambda: forget_seen(name), robust=True)
