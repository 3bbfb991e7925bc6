"""How many calls the panel makes to each cluster, for the settings page and the benchmark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

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
    return calls_per_second_of([cluster.pk])[cluster.pk]


def calls_per_second_of(cluster_ids: Sequence[int]) -> dict[int, float]:
    """The same for several clusters, by their ids, in one question. Raises RedisError."""
    if not cluster_ids:
        return {}
    now = int(time.time()) // _BUCKET_SECONDS
    backs = range(1, _BUCKETS + 1)
    keys = [_key(pk, now - back) for pk in cluster_ids for back in backs]
    counts = iter([int(count) if count else 0 for count in connection().mget(keys)])
    return {pk: sum(islice(counts, _BUCKETS)) / (_BUCKET_SECONDS * _BUCKETS) for pk in cluster_ids}


def _key(cluster_id: int, bucket: int) -> str:
    return f"hapanel:calls:{cluster_id}:{bucket}"
