"""Who may probe and follow: one process at a time, by a lock in Redis."""

from __future__ import annotations

from hapanel.live.lock import Hold, take
from hapanel.live.stream import connection

LOCK = "follower"
_CLAIM = "hapanel:follower:claim"
_CLAIMED_FOR_SECONDS = 5


def claim() -> Hold | None:
    """Lead as the follower, or say that one waits: whoever stands in for it then steps back."""
    renew_claim()
    return take(LOCK)


def renew_claim() -> None:
    """Say that a follower is here. Raises RedisError."""
    connection().set(_CLAIM, 1, ex=_CLAIMED_FOR_SECONDS)


def stand_in() -> Hold | None:
    """Lead while no follower runs or waits; None when one does."""
    return None if is_claimed() else take(LOCK)


def is_claimed() -> bool:
    """Whether a follower runs or waits. Raises RedisError."""
    return bool(connection().exists(_CLAIM))
