"""Telling open pages that a cluster has just become stale, or is fresh again."""

from __future__ import annotations

from hapanel.live.stream import Kind, connection, publish
from nodes.models import Cluster


def tell_stale(cluster: Cluster) -> None:
    """Send a hint when the cluster turned stale since the last call. Raises RedisError.

    Staleness is the passing of time, so no look notices it: this is asked each second. That a
    cluster is fresh again is told by the look that made it so.
    """
    key = f"hapanel:stale:{cluster.pk}"
    if not cluster.is_stale():
        connection().delete(key)
    elif connection().set(key, 1, nx=True, ex=86400):
        publish([(cluster.name, Kind.CLUSTER, cluster.name)])
