"""The cluster's task list, asked once and shared by whoever follows a task."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from hapanel.live.stream import connection
from hapanel.ports.cluster import ClusterGateway, Task

_KEPT_SECONDS = 120


class TaskList(msgspec.Struct, frozen=True):
    """What /cluster/tasks said to a request that was sent at `asked_at`."""

    asked_at: datetime
    tasks: tuple[Task, ...]


_decode = msgspec.msgpack.Decoder(TaskList).decode
_encode = msgspec.msgpack.Encoder().encode


def ask_tasks(cluster_id: int, gateway: ClusterGateway) -> TaskList:
    """Ask the cluster and keep the answer for everybody. Raises ClusterError and RedisError."""
    asked_at = datetime.now(UTC)
    found = TaskList(asked_at=asked_at, tasks=gateway.tasks())
    connection().set(_key(cluster_id), _encode(found), ex=_KEPT_SECONDS)
    return found


def last_tasks(cluster_id: int) -> TaskList | None:
    """The list as it was seen last, None when it was not within two minutes. Raises RedisError."""
    body = connection().get(_key(cluster_id))
    return _decode(body) if isinstance(body, bytes) else None


def tasks_since(cluster_id: int, gateway: ClusterGateway, newer_than: datetime) -> TaskList:
    """A list that was asked for after `newer_than`: the shared one, else a new look.

    Raises ClusterError and RedisError.
    """
    known = last_tasks(cluster_id)
    if known is not None and known.asked_at > newer_than:
        return known
    return ask_tasks(cluster_id, gateway)


def _key(cluster_id: int) -> str:
    return f"hapanel:tasks:{cluster_id}"
