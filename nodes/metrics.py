"""What nodes and guests measure right now, kept in Redis and replaced as a whole.

Numbers that move every few seconds do not belong in SQL rows. One hash per cluster holds them:
its nodes in one field, its guests in chunks of neighbouring ids, so that a page of a hundred guests
decodes a chunk or two and not ten thousand entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from hapanel.live.stream import connection
from nodes.models import Cluster

_CHUNK = 128
_KEPT_SECONDS = 3600


class NodeMetrics(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """cpu: fraction of maxcpu; mem, disk (and their max): bytes; uptime: seconds."""

    name: str
    cpu: float | None = None
    mem: int | None = None
    uptime: int | None = None
    disk: int | None = None
    maxmem: int | None = None
    maxdisk: int | None = None
    maxcpu: int | None = None


class GuestMetrics(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """cpu: fraction of maxcpu; mem: bytes; uptime: seconds; net: bytes since the guest started."""

    vmid: int
    cpu: float | None = None
    mem: int | None = None
    uptime: int | None = None
    netin: int | None = None
    netout: int | None = None


_nodes = msgspec.msgpack.Decoder(list[NodeMetrics])
_guests = msgspec.msgpack.Decoder(list[GuestMetrics])
_encode = msgspec.msgpack.Encoder().encode


class ClusterMetrics:
    """The figures of one cluster, measured `at`; guests are fetched and decoded when asked for."""

    def __init__(self, cluster_id: int, at: datetime, nodes: Mapping[str, NodeMetrics]) -> None:
        self.at = at
        self.nodes = nodes
        self._key = _key(cluster_id)

    def guests(self, vmids: Iterable[int]) -> dict[int, GuestMetrics]:
        """The figures of these guests; who is not measured is missing."""
        wanted = set(vmids)
        chunks = sorted({vmid // _CHUNK for vmid in wanted})
        if not chunks:
            return {}
        fields = [f"g{chunk}" for chunk in chunks]
        found = cast("list[bytes | None]", connection().hmget(self._key, fields))
        return {
            guest.vmid: guest
            for body in found
            if body
            for guest in _guests.decode(body)
            if guest.vmid in wanted
        }

    def all_guests(self) -> dict[int, GuestMetrics]:
        """The figures of every guest (for sorting by one of them)."""
        found = cast("dict[bytes, bytes]", connection().hgetall(self._key))
        return {
            guest.vmid: guest
            for field, body in found.items()
            if field.startswith(b"g")
            for guest in _guests.decode(body)
        }


def cluster_metrics(cluster: Cluster) -> ClusterMetrics | None:
    """The last figures of `cluster`, None when there are none. Raises RedisError."""
    found = connection().hmget(_key(cluster.pk), ["at", "nodes"])
    at, nodes = cast("list[bytes | None]", found)
    if at is None or nodes is None:
        return None
    by_name = {node.name: node for node in _nodes.decode(nodes)}
    return ClusterMetrics(cluster.pk, datetime.fromisoformat(at.decode()), by_name)


def replace_metrics(
    cluster_id: int, at: datetime, nodes: list[NodeMetrics], guests: Iterable[GuestMetrics]
) -> None:
    """Put these figures in the place of the cluster's last ones. Raises RedisError."""
    chunks: dict[int, list[GuestMetrics]] = defaultdict(list)
    for guest in guests:
        chunks[guest.vmid // _CHUNK].append(guest)
    fields: dict[Any, Any] = {"at": at.isoformat(), "nodes": _encode(nodes)}
    fields.update({f"g{chunk}": _encode(members) for chunk, members in chunks.items()})
    key = _key(cluster_id)
    # One transaction: a page never sees half of the old and half of the new figures.
    pipe = connection().pipeline(transaction=True)
    pipe.delete(key)
    pipe.hset(key, mapping=fields)
    pipe.expire(key, _KEPT_SECONDS)
    pipe.execute()


def forget_metrics(cluster_id: int) -> None:
    """Forget a cluster that was removed."""
    connection().delete(_key(cluster_id))


def _key(cluster_id: int) -> str:
    return f"hapanel:metrics:{cluster_id}"
