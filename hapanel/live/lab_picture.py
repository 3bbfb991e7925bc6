"""The lab as a worker saw it last: one picture in Redis that runs out by itself.

Read only while somebody has the Lab page open (`Watched.LAB`). A hint goes out when it changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from hapanel.live.stream import Kind, connection, publish
from hapanel.ports.lab import LabPicture

_PICTURE = "hapanel:lab:picture"
_SILENCE = "hapanel:lab:silence"
KEPT_SECONDS = 120
# A failure is forgotten soon after nobody tries any more.
SILENCE_KEPT_SECONDS = 10
STALE_SECONDS = 6


@dataclass(frozen=True, slots=True)
class LabLook:
    """What is known: the last picture with its time, and why the last try gave none (or blank)."""

    picture: LabPicture | None = None
    at: datetime | None = None
    silence: str = ""

    @property
    def age(self) -> float:
        """Seconds since the picture; endless without one."""
        return time.time() - self.at.timestamp() if self.at else float("inf")

    @property
    def is_stale(self) -> bool:
        """Whether it is too old to be shown as the present."""
        return self.age > STALE_SECONDS


def last_look() -> LabLook:
    """The last picture. Raises RedisError."""
    told: Any = connection().mget(_PICTURE, _SILENCE)
    silence = told[1].decode() if told[1] else ""
    if not told[0]:
        return LabLook(silence=silence)
    at, picture = msgspec.msgpack.decode(told[0], type=tuple[float, LabPicture])
    return LabLook(picture, datetime.fromtimestamp(at, UTC), silence)


def remember(picture: LabPicture) -> None:
    """Keep what was just seen, and tell whoever looks if it is news. Raises RedisError."""
    before = last_look()
    pipe: Any = connection().pipeline(transaction=True)
    pipe.set(_PICTURE, msgspec.msgpack.encode((time.time(), picture)), ex=KEPT_SECONDS)
    pipe.delete(_SILENCE)
    pipe.execute()
    if before.picture != picture or before.silence:
        publish([("", Kind.LAB, "")])


def remember_silence(reason: str) -> None:
    """Note that the lab did not answer just now, and why. Raises RedisError."""
    was = last_look().silence
    connection().set(_SILENCE, reason[:300] or "-", ex=SILENCE_KEPT_SECONDS)
    if not was:
        publish([("", Kind.LAB, "")])
