"""How much the panel asks of each cluster, for the settings page, Prometheus and the benchmark."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hapanel.live.stream import connection
from nodes.models import Cluster

_BUCKET_SECONDS = 10
_BUCKETS = 6
# A process that has not told its connections for this long has none, or is gone.
_OPEN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one process since it last told: requests sent, those among them that were sent again, and
    how many connections are open now."""

    calls: int = 0
    retries: int = 0
    connections: int = 0


def note_traffic(cluster_id: int, sent: Traffic) -> None:
    """Count what this process just sent to a cluster. Raises RedisError."""
    now = int(time.time())
    pipe: Any = connection().pipeline(transaction=False)
    for kind, count in (("calls", sent.calls), ("retries", sent.retries)):
        if count > 0:
            key = _key(kind, cluster_id, now // _BUCKET_SECONDS)
            pipe.incrby(key, count)
            pipe.expire(key, _BUCKET_SECONDS * (_BUCKETS + 2))
    key = _open_key(cluster_id)
    pipe.hset(key, f"{socket.gethostname()}/{os.getpid()}", f"{sent.connections} {now}")
    pipe.expire(key, _OPEN_SECONDS)
    pipe.execute()


@dataclass(frozen=True, slots=True)
class Asked:
    """How much a cluster is asked: both per second over the last whole minute, and open now."""

    calls: float
    retries: float
    connections: int


def asked_of(cluster: Cluster) -> Asked:
    """What all processes of the panel ask of `cluster`. Raises RedisError."""
    calls = _per_second("calls", [cluster.pk])[cluster.pk]
    retries = _per_second("retries", [cluster.pk])[cluster.pk]
    told: Any = connection().hvals(_open_key(cluster.pk))
    now, open_now = time.time(), 0
    for each in told:
        count, at = each.decode().split()
        open_now += int(count) if now - int(at) < _OPEN_SECONDS else 0
    return Asked(calls, retries, open_now)


def calls_per_second_of(cluster_ids: Sequence[int]) -> dict[int, float]:
    """Requests a second over the last whole minute, by cluster id. Raises RedisError."""
    return _per_second("calls", cluster_ids)


def _per_second(kind: str, cluster_ids: Sequence[int]) -> dict[int, float]:
    if not cluster_ids:
        return {}
    now = int(time.time()) // _BUCKET_SECONDS
    backs = range(1, _BUCKETS + 1)
    keys = [_key(kind, pk, now - back) for pk in cluster_ids for back in backs]
    counts = iter([int(count) if count else 0 for count in connection().mget(keys)])
    return {pk: sum(islice(counts, _BUCKETS)) / (_BUCKET_SECONDS * _BUCKETS) for pk in cluster_ids}


def _key(kind: str, cluster_id: int, bucket: int) -> str:
    return f"hapanel:{kind}:{cluster_id}:{bucket}"


def _open_key(cluster_id: int) -> str:
    return f"hapanel:connections:{cluster_id}"
