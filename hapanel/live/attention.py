"""Whether somebody is looking: then observation looks each second instead of every round.

One key in Redis says it. Each open event stream renews it, so it runs out soon after the last
browser has left, and the number of viewers makes no difference upstream.
"""

from __future__ import annotations

from hapanel.live.stream import connection

WATCHED_FOR_SECONDS = 20
WATCHED_KEY = "hapanel:watched"


def note_watcher() -> None:
    """Say that somebody looks right now. Raises RedisError when Redis does not answer."""
    connection().set(WATCHED_KEY, 1, ex=WATCHED_FOR_SECONDS)


def is_watched() -> bool:
    """Whether anybody looked within the last seconds."""
    return bool(connection().exists(WATCHED_KEY))
