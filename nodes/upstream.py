"""How many calls the panel makes to each cluster, for the settings page and the benchmark."""

from __future__ import annotations

import time

from hapanel.live.stream import connection
from nodes.models import Cluster

_BUCKET_SECONDS = 10
_BUCKETS = 6


def note_calls(cluster_id: int, calls: int) -> None:
    """Count `calls` requests that were just sent to a cluster. Raises RedisError."""
    if calls <= 0:
        return
    key = _key(cluster_id, int(time.time()) // _BUCKET_SECONDS)
    pipe = connection().pipeline(transaction=False)
    pipe.incrby(key, calls)
    pipe.expire(key, _BUCKET_SECONDS * (_BUCKETS + 2))
    pipe.execute()


def calls_per_second(cluster: Cluster) -> float:
    """Requests a second over the last whole minute. Raises RedisError."""
    now = int(time.time()) // _BUCKET_SECONDS
    keys = [_key(cluster.pk, now - back) for back in range(1, _BUCKETS + 1)]
    found = connection().mget(keys)
    return sum(int(count) for count in found if count) / (_BUCKET_SECONDS * _BUCKETS)


def _key(cluster_id: int, bucket: int) -> str:
    return f"hapanel:calls:{cluster_id}:{bucket}"
