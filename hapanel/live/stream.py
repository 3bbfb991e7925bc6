"""Hints that something changed, carried by one Redis stream to every browser and client.

A hint says *that* guest 101 of a cluster changed, never how: whoever sees it fetches the part
again, so permissions are judged in one place only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from redis import Redis

STREAM = "hapanel:live"
# About an hour of a lively cluster; who resumes from before that is told to reset.
KEPT_HINTS = 20_000


class Kind(StrEnum):
    """What a hint can be about."""

    CLUSTER = "cluster"  # key: the cluster's name; quorum, verdict, reachability, settings
    NODE = "node"  # key: node name
    GUEST = "guest"  # key: vmid
    STORAGE = "storage"  # key: node/storage
    HA = "ha"  # key: sid, or "rules"
    DRBD = "drbd"  # key: resource name; "" for the way to the nodes
    METRICS = "metrics"  # key: "": the measured figures were replaced
    OPERATION = "operation"  # key: operation id
    SERVICE = "service"  # key: service id
    AUDIT = "audit"  # key: entry id
    LAB = "lab"  # key: "": power, cables or faults of the lab


@lru_cache(maxsize=1)
def connection() -> Redis:
    """This process's connection pool to Redis."""
    return Redis.from_url(settings.REDIS.client_url, socket_timeout=10, socket_connect_timeout=5)


def publish(hints: Iterable[tuple[str, Kind, str]]) -> None:
    """Send hints (cluster name, kind, key) once the surrounding transaction has committed."""
    batch = list(hints)
    if batch:
        # A hint that is lost costs a later look; what was committed must not fail for it.
        transaction.on_commit(lambda: _send(batch), robust=True)


def newest_id() -> str:
    """The id of the last hint; blank when there is none. Raises RedisError.

    A page that is rendered now and listens from this id on misses nothing in between.
    """
    newest: Any = connection().xrevrange(STREAM, count=1)
    return newest[0][0].decode() if newest else ""


def _send(batch: list[tuple[str, Kind, str]]) -> None:
    pipe: Any = connection().pipeline(transaction=False)
    for cluster, kind, key in batch:
        fields = {"cluster": cluster, "kind": kind.value, "key": key}
        pipe.xadd(STREAM, fields, maxlen=KEPT_HINTS, approximate=True)
    pipe.execute()
