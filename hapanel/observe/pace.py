"""When a cluster is looked at, and with which questions. The state lies in Redis, because any
worker may do the next round.

One look serves everybody: the number of viewers, guests and running operations changes how often
is looked, never how many questions one look asks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import cast

from django.conf import settings

from hapanel.live.stream import connection
from nodes.models import Cluster, Reach

QUICK_SECONDS = 1.0
# Beat's ticks are a little uneven; a look that is nearly due is due.
SLACK_SECONDS = 0.35
# Asking again and again with a token that is refused fills logs and wakes fail2ban.
BACK_OFF_SECONDS = 15.0
_KEPT_SECONDS = 3600
_BACKED_OFF = {Reach.REFUSED, Reach.CERTIFICATE}


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done last: epoch seconds of the last look and the last whole round, its number."""

    looked_at: float = 0.0
    round_at: float = 0.0
    round: int = 0
    generation: str = ""

    def is_due(self, cluster: Cluster, now: float, *, hurried: bool) -> bool:
        """Whether `cluster` is to be looked at now; `hurried`: somebody watches or operates."""
        interval = float(settings.OBSERVE_SECONDS)
        if cluster.reach in _BACKED_OFF:
            interval = BACK_OFF_SECONDS
        elif hurried:
            interval = QUICK_SECONDS
        return now - self.looked_at >= interval - SLACK_SECONDS

    def plan(self, now: float) -> Plan:
        """Which questions the look at `now` asks."""
        whole = now - self.round_at >= settings.OBSERVE_SECONDS - SLACK_SECONDS
        even = self.round % 2 == 0
        return Plan(
            whole=whole,
            membership=whole and even,
            tasks=whole and not even,
        )

    def after(self, now: float, plan: Plan) -> Pace:
        """The pace once the look of `plan` was begun at `now`."""
        if not plan.whole:
            return replace(self, looked_at=now)
        return replace(self, looked_at=now, round_at=now, round=self.round + 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """The questions of one look, besides /cluster/resources which every look asks.

    whole: the HA manager's status, and one of the slow questions when it is due. Members and
    tasks take turns: /cluster/resources tells a lost member too, and who follows a task reads
    its log.
    """

    whole: bool = True
    membership: bool = True
    tasks: bool = False


def read_pace(cluster_id: int) -> Pace:
    """What was done last. Raises RedisError."""
    found = cast("dict[bytes, bytes]", connection().hgetall(_key(cluster_id)))
    if not found:
        return Pace()
    values = {name.decode(): value.decode() for name, value in found.items()}
    return Pace(
        looked_at=float(values.get("looked_at", 0)),
        round_at=float(values.get("round_at", 0)),
        round=int(values.get("round", 0)),
        generation=values.get("generation", ""),
    )


def write_pace(cluster_id: int, pace: Pace) -> None:
    """Remember what was done, all but the generation. Raises RedisError."""
    fields: dict[str | bytes, str | float | int | bytes] = {
        "looked_at": repr(pace.looked_at),
        "round_at": repr(pace.round_at),
        "round": pace.round,
    }
    pipe = connection().pipeline(transaction=False)
    pipe.hset(_key(cluster_id), mapping=fields)  # type: ignore[arg-type]
    # What a cluster that was removed leaves behind goes by itself.
    pipe.expire(_key(cluster_id), _KEPT_SECONDS)
    pipe.execute()


def write_generation(cluster_id: int, generation: str) -> None:
    """Say that what other processes remember of this cluster is out of date. Raises RedisError."""
    connection().hset(_key(cluster_id), "generation", generation)


def now() -> float:
    """Epoch seconds."""
    return time.time()


def _key(cluster_id: int) -> str:
    return f"hapanel:pace:{cluster_id}"
