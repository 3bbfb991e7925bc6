"""When a cluster is looked at, and with which questions. The state lies in Redis, because any
worker may do the next round.

One look serves everybody: the number of viewers, guests and running operations changes how often
is looked, never how many questions one look asks.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from django.conf import settings

from hapanel.live.stream import connection
from nodes.models import Cluster, Reach

Chance = Callable[[float, float], float]

QUICK_SECONDS = 1.0
# Beat's ticks are a little uneven; a look that is nearly due is due.
SLACK_SECONDS = 0.35
# A cluster that does not answer is asked less and less often, and sooner while somebody waits.
LONGEST_PAUSE, LONGEST_PAUSE_WATCHED = 30.0, 5.0
# Asking again and again with a token that is refused fills logs and wakes fail2ban, and a strange
# certificate or cluster does not mend itself. What an administrator changes is tried at once.
FIRST_LONG_PAUSE, LONGEST_LONG_PAUSE = 15.0, 300.0
_KEPT_SECONDS = 3600
_MENDED_BY_A_PERSON = frozenset({Reach.REFUSED, Reach.CERTIFICATE, Reach.OTHER_CLUSTER})


@dataclass(frozen=True, slots=True)
class Pace:
    """What was done last: epoch seconds of the last look and the last whole round, its number.

    failures: looks in a row that failed, the first of them at `failing_since`. rest_until: not to
    be asked before.
    """

    looked_at: float = 0.0
    round_at: float = 0.0
    round: int = 0
    generation: str = ""
    failures: int = 0
    failing_since: float = 0.0
    rest_until: float = 0.0

    def is_due(self, cluster: Cluster, now: float, *, hurried: bool) -> bool:
        """Whether `cluster` is to be looked at now; `hurried`: somebody watches or operates."""
        if self.is_resting(cluster):
            return now >= self._rests_until(cluster, hurried=hurried) - SLACK_SECONDS
        interval = QUICK_SECONDS if hurried else float(settings.OBSERVE_SECONDS)
        return now - self.looked_at >= interval - SLACK_SECONDS

    def is_resting(self, cluster: Cluster) -> bool:
        """Whether it is asked less often, because it failed and nobody changed the way since."""
        return self.failures > 0 and cluster.reach != Reach.NEVER

    def _rests_until(self, cluster: Cluster, *, hurried: bool) -> float:
        if not hurried or cluster.reach in _MENDED_BY_A_PERSON:
            return self.rest_until
        return min(self.rest_until, self.looked_at + LONGEST_PAUSE_WATCHED)

    def after_failure(self, now: float, reach: str, chance: Chance = random.uniform) -> Pace:
        """The pace once a look has failed at `now`: each pause is twice the last one up to a
        ceiling, a fifth more or less by chance, so that many clusters do not fall into step."""
        first, most = float(settings.OBSERVE_SECONDS), LONGEST_PAUSE
        if reach in _MENDED_BY_A_PERSON:
            first, most = FIRST_LONG_PAUSE, LONGEST_LONG_PAUSE
        pause = min(most, first * 2 ** min(self.failures, 10)) * chance(0.8, 1.2)
        return replace(
            self,
            looked_at=now,
            failures=self.failures + 1,
            failing_since=self.failing_since or now,
            rest_until=now + pause,
        )

    def recovered(self) -> Pace:
        """The pace once a look has succeeded."""
        return replace(self, failures=0, failing_since=0.0, rest_until=0.0)

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
        failures=int(values.get("failures", 0)),
        failing_since=float(values.get("failing_since", 0)),
        rest_until=float(values.get("rest_until", 0)),
    )


def write_pace(cluster_id: int, pace: Pace) -> None:
    """Remember what was done, all but the generation. Raises RedisError."""
    fields: dict[str | bytes, str | float | int | bytes] = {
        "looked_at": repr(pace.looked_at),
        "round_at": repr(pace.round_at),
        "round": pace.round,
        "failures": pace.failures,
        "failing_since": repr(pace.failing_since),
        "rest_until": repr(pace.rest_until),
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
