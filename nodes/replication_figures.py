"""What each node's DRBD measured when it was seen last: whole states, kept in Redis.

One hash per cluster, a field per node, replaced at each look; a node that does not answer keeps its
last one, whose age says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

import msgspec

from hapanel.live.stream import connection
from hapanel.ports.replication import NodeStatus

_KEPT_SECONDS = 86400


class Seen(msgspec.Struct, frozen=True):
    """A node's whole answer and when it came."""

    at: datetime
    status: NodeStatus


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Seen)


def note_status(cluster_id: int, node: str, at: datetime, status: NodeStatus) -> None:
    """Put this answer in the place of the node's last one. Raises RedisError."""
    connection().hset(_key(cluster_id), node, _encode(Seen(at, status)))
    connection().expire(_key(cluster_id), _KEPT_SECONDS)


def last_statuses(cluster_id: int) -> dict[str, Seen]:
    """The last answer of each node. Raises RedisError."""
    found = cast("dict[bytes, bytes]", connection().hgetall(_key(cluster_id)))
    seen = {}
    for node, body in found.items():
        try:
            seen[node.decode()] = _decoder.decode(body)
        except msgspec.MsgspecError:
            continue  # of another release
    return seen


def forget_statuses(cluster_id: int) -> None:
    """Forget a cluster that was removed, or is not seen over ssh any more. Raises RedisError."""
    connection().delete(_key(cluster_id))


def _key(cluster_id: int) -> str:
    return f"hapanel:replication:{cluster_id}"
