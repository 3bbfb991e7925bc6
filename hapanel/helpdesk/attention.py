"""Whether somebody looks at the services: then each of them is probed every second."""

from __future__ import annotations

from hapanel.live.stream import connection

# The pages ask for themselves every ten seconds while they are open.
WATCHED_FOR_SECONDS = 25
_KEY = "hapanel:watched:services"


def note_watcher() -> None:
    """Say that somebody looks at the services right now. Raises RedisError."""
    connection().set(_KEY, 1, ex=WATCHED_FOR_SECONDS)


def is_watched() -> bool:
    """Whether anybody looked within the last seconds. Raises RedisError."""
    return bool(connection().exists(_KEY))
