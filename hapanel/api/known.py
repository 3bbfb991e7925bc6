"""What a body or an address names, looked up."""

from __future__ import annotations

from hapanel.api.refusals import UNKNOWN_CLUSTER
from hapanel.kernel.refusal import Refused
from nodes.models import Cluster


def known_cluster(name: str) -> Cluster:
    """The cluster of that name. Raises Refused (404)."""
    cluster = Cluster.objects.filter(name=name).first()
    if cluster is None:
        raise Refused(UNKNOWN_CLUSTER(cluster=name))
    return cluster
