"""What viewers cost: calls upstream per second with nobody, one, twenty, 200 and 2,000 looking;
how soon all of them have a hint, and what each takes of the web process's memory; connections at
most, and how much the panel asks of a cluster that refuses it.

A viewer is an open event stream, as each open page has one. Guests' configurations count as read,
so that the figures are those of a panel that has settled, not of its first half hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psutil
from django.utils import timezone

from bench.bare_panel import person
from bench.crowd import Crowd, fan_out
from bench.descriptors import make_room
from bench.goals import Figure
from bench.observation import recorded
from bench.running import Serving
from bench.serving import Served
from hapanel.live.stream import connection
from nodes.models import Cluster
from vms.models import Guest

VIEWERS = (0, 1, 20, 200, 2_000)
CROWDS = (200, 2_000)
SETTLE_SECONDS = 12.0
COUNTED_SECONDS = 15.0
HINTS = 12
SPARE_DESCRIPTORS = 100


@dataclass
class Seen:
    """By number of viewers: calls a second, seconds of the fan-out, bytes of the web process.

    By status that every call gets: calls a second. And how many connections were open at most.
    """

    rates: dict[int, float] = field(default_factory=dict)
    fan_outs: dict[int, float] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    failing: dict[int, float] = field(default_factory=dict)
    connections: int = 0


def measure() -> list[Figure]:
    """Calls, and what the crowds cost; crowds that this machine has no sockets for are left out."""
    room = make_room() - SPARE_DESCRIPTORS
    token, seen = person("viewer"), Seen()
    with Served() as served:
        cluster = recorded(served)
        with Serving() as serving:
            serving.rest(SETTLE_SECONDS)
            _settle(cluster)
            for viewers in VIEWERS:
                if viewers < room:
                    _look(serving, served, cluster, token, viewers, seen)
            seen.connections = served.steer("count")["most_open"]
            for status in (503, 401):
                seen.failing[status] = _while_failing(serving, served, status)
        cluster.delete()
    return _calls(seen) + [f for crowd in CROWDS if crowd in seen.rates for f in _of(crowd, seen)]


def _settle(cluster: Cluster) -> None:
    Guest.objects.filter(cluster=cluster).update(config_read_at=timezone.now())
    connection().delete(f"hapanel:configurations:wanted:{cluster.pk}")


def _look(
    serving: Serving, served: Served, cluster: Cluster, token: str, viewers: int, seen: Seen
) -> None:
    with Crowd(serving.port, token, viewers) as crowd:
        serving.check()
        crowd.idle(SETTLE_SECONDS / 2)
        seen.rates[viewers] = served.calls_per_second(COUNTED_SECONDS, crowd.idle)
        seen.memory[viewers] = psutil.Process(serving.pids["web"]).memory_full_info().pss
        if viewers in CROWDS:
            seen.fan_outs[viewers] = fan_out(crowd, cluster.name, HINTS)
    serving.check()


def _calls(seen: Seen) -> list[Figure]:
    rates = seen.rates
    beside: dict[str, Any] = {f"calls_per_second_with_{n}": rate for n, rate in rates.items()}
    most = max(rates)
    return [
        Figure("upstream, nobody looks", rates[0], "calls/s", 2, beside),
        Figure(f"upstream, {most:,} viewers", rates[most], "calls/s", 2, beside),
        Figure("upstream, 20 viewers: x one viewer", rates[20] / rates[1], "x", 1.1, beside),
        Figure(f"upstream, {most:,} viewers: x one viewer", rates[most] / rates[1], "x", 1.1),
        Figure("upstream, connections at most", seen.connections, "connections", 6),
        Figure("upstream, the API fails", seen.failing[503], "calls/s", 0.5),
        Figure("upstream, the token is refused", seen.failing[401], "calls/s", 0.1),
    ]


def _while_failing(serving: Serving, served: Served, status: int) -> float:
    """Calls a second once the panel has begun to leave the cluster alone."""
    served.fail(status)
    serving.rest(SETTLE_SECONDS)
    rate = served.calls_per_second(COUNTED_SECONDS)
    served.fail(0)
    return rate


def _of(crowd: int, seen: Seen) -> list[Figure]:
    each = (seen.memory[crowd] - seen.memory[1]) / (crowd - 1) / 1024
    milliseconds = seen.fan_outs[crowd] * 1000
    return [
        Figure(f"{crowd:,} viewers: a hint has reached 95 % of them", milliseconds, "ms"),
        Figure(f"{crowd:,} viewers: memory of each in the web process", each, "KiB"),
    ]
