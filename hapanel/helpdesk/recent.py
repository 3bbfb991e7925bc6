"""The last probe of each service, in Redis: it changes every second and is no record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from redis import RedisError

from hapanel.helpdesk.verdict import Look
from hapanel.live.stream import connection

_KEY = "hapanel:probes"
# Twice without a probe, and the last verdict is no longer the present.
STALE_AFTER = timedelta(seconds=2 * settings.PROBE_SECONDS + 5)


@dataclass(frozen=True, slots=True)
class LastProbe:
    """When a service was last asked, and after how many milliseconds it answered (None: not)."""

    at: datetime
    answer_ms: float | None

    def is_stale(self, now: datetime) -> bool:
        """Whether it is too long ago to say how the service is now."""
        return now - self.at > STALE_AFTER


def note(recent: Mapping[int, Look]) -> None:
    """Keep the last probe of each service (by its id). Raises RedisError."""
    if recent:
        fields: list[str | int] = []
        for pk, look in recent.items():
            if not look.is_blind:
                fields += [pk, _as_text(look)]
        if fields:
            connection().hset(_KEY, items=fields)


def last_probes() -> dict[int, LastProbe]:
    """Service id -> its last probe; empty when Redis does not answer: then nothing is known."""
    try:
        found = cast("dict[bytes, bytes]", connection().hgetall(_KEY))
    except RedisError:
        return {}
    return {int(key): _from_text(value.decode()) for key, value in found.items()}


def forget(pk: int) -> None:
    """Forget a service that was removed or is asked elsewhere from now on. Raises RedisError."""
    connection().hdel(_KEY, str(pk))


def _as_text(look: Look) -> str:
    answer = f"{look.ms:.1f}" if look.is_answer and look.ms is not None else ""
    return f"{look.sent_at.isoformat()} {answer}"


def _from_text(text: str) -> LastProbe:
    at, _, answer = text.partition(" ")
    return LastProbe(datetime.fromisoformat(at), float(answer) if answer else None)
