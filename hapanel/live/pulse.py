"""Signs of life: which of the panel's programs did something a moment ago.

`/readyz` and `./panel manage doctor` ask here. A program that was killed falls silent, and its last
sign tells since when.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum

from hapanel.live.stream import connection

_SIGNS = "hapanel:pulse"
SEEN_KEY = "hapanel:seen"
# redbeat renews it, see hapanel/celery.py.
_BEAT_LOCK = "hapanel:beat::lock"
# Signs come every 2 s; beat or worker may be started again in between.
ALIVE_SECONDS = 12.0


class Part(StrEnum):
    """A program of the panel that gives signs of life."""

    BEAT = "beat"  # it sent a heartbeat task; noted by the worker that ran it
    WORKER = "worker"
    FOLLOWER = "follower"


def note(part: Part, at: float | None = None) -> None:
    """Note a sign of life of `part`, now or at the time `at` (epoch seconds)."""
    connection().hset(_SIGNS, part.value, repr(at if at is not None else time.time()))


def last_sign(part: Part) -> datetime | None:
    """When `part` was last alive; None when it never was. Raises RedisError."""
    text = connection().hget(_SIGNS, part.value)
    return datetime.fromtimestamp(float(text), UTC) if text else None


def is_alive(part: Part) -> bool:
    """Whether `part` gave a sign within the last seconds. Raises RedisError.

    Beat's sign passes through a worker; without one, beat's own lock says that it lives.
    """
    if part is Part.BEAT and connection().exists(_BEAT_LOCK):
        return True
    sign = last_sign(part)
    return sign is not None and time.time() - sign.timestamp() < ALIVE_SECONDS


def redis_answers() -> bool:
    """Whether Redis answers. Raises RedisError when it does not."""
    return bool(connection().ping())


def note_seen(cluster: str, at: datetime) -> None:
    """Note when the cluster gave its last good answer: the beat of the pages' age display."""
    connection().hset(SEEN_KEY, cluster, at.isoformat())


def forget_seen(cluster: str) -> None:
    """Forget a cluster that was removed."""
    connection().hdel(SEEN_KEY, cluster)
