"""What each node's DRBD measured when it was seen last: whole states, kept in Redis.

One hash per cluster, a field per node, replaced at each look; a node that does not answer keeps its
last one, whose age says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

import msgspec

from hapanel.drbd.load import Load, Look, loads_of, look_of, with_look
from hapanel.live.stream import connection
from hapanel.ports.replication import NodeStatus

_KEPT_SECONDS = 86400


class Most(msgspec.Struct, frozen=True):
    """The most that was sent over a link: bytes a second, over some seconds until `at`."""

    rate: float
    at: datetime


class Seen(msgspec.Struct, frozen=True):
    """A node's whole answer and when it came; its counters in the looks of the last minute, and the
    most that it was seen to send to each peer (bytes a second), by resource."""

    at: datetime
    status: NodeStatus
    looks: tuple[Look, ...] = ()
    most: Mapping[str, Mapping[str, Most]] = msgspec.field(default_factory=dict)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Seen)


def note_status(cluster_id: int, node: str, at: datetime, status: NodeStatus) -> None:
    """Put this answer in the place of the node's last one. Raises RedisError."""
    before = _decoded(cast("bytes | None", connection().hget(_key(cluster_id), node)))
    looks = with_look(before.looks if before else (), look_of(status, at))
    most = {
        one.name: _most(loads_of(one.name, node, looks), at, before.most.get(one.name, {}))
        if before
        else {}
        for one in status.resources
    }
    connection().hset(_key(cluster_id), node, _encode(Seen(at, status, looks, most)))
    connection().expire(_key(cluster_id), _KEPT_SECONDS)


def _most(loads: Iterable[Load], at: datetime, before: Mapping[str, Most]) -> Mapping[str, Most]:
    now = {load.peer: Most(load.sent_rate, at) for load in loads}
    peers = before.keys() | now.keys()
    told = {peer: [one[peer] for one in (before, now) if peer in one] for peer in peers}
    return {peer: max(ones, key=lambda one: one.rate) for peer, ones in told.items()}


def last_statuses(cluster_id: int) -> dict[str, Seen]:
    """The last answer of each node. Raises RedisError."""
    found = cast("dict[bytes, bytes]", connection().hgetall(_key(cluster_id)))
    seen = {}
    for node, body in found.items():
        told = _decoded(body)
        if told is not None:
            seen[node.decode()] = told
    return seen


def _decoded(body: bytes | None) -> Seen | None:
    """None for what was written by another release."""
    try:
        return _decoder.decode(body) if body else None
    except msgspec.MsgspecError:
        return None


def forget_statuses(cluster_id: int) -> None:
    """Forget a cluster that was removed, or is not seen over ssh any more. Raises RedisError."""
    connection().delete(_key(cluster_id))


def _key(cluster_id: int) -> str:
    return f"hapanel:replication:{cluster_id}"
