"""Whether somebody is looking: then observation and the probes look each second.

One key in Redis for each thing that can be looked at. Each open event stream, and each page that
asks for itself, renews it, so it runs out soon after the last browser has left, and the number of
viewers makes no difference upstream.
"""

from __future__ import annotations

from enum import StrEnum

from hapanel.live.stream import connection

# Streams renew it every two seconds, the pages of services and lab every few while they are open.
WATCHED_FOR_SECONDS = 25


class Watched(StrEnum):
    """What somebody looks at; the values are the keys in Redis."""

    CLUSTERS = "hapanel:watched"
    SERVICES = "hapanel:watched:services"
    LAB = "hapanel:watched:lab"


def note_watcher(of: Watched) -> None:
    """Say that somebody looks right now. Raises RedisError when Redis does not answer."""
    connection().set(of.value, 1, ex=WATCHED_FOR_SECONDS)


def is_watched(of: Watched) -> bool:
    """Whether anybody looked within the last seconds. Raises RedisError."""
    return bool(connection().exists(of.value))
