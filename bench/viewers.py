"""What the panel costs the cluster: calls upstream per second with nobody, one and twenty looking,
connections at most, and how much it asks of a cluster that refuses it.

A viewer is an open event stream, as each open page has one. Guests' configurations count as read,
so that the figures are those of a panel that has settled, not of its first half hour.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from bench.bare_panel import person
from bench.goals import Figure
from bench.observation import recorded
from bench.running import Serving
from bench.serving import Served
from hapanel.live.stream import connection
from vms.models import Guest

SETTLE_SECONDS = 12.0
COUNTED_SECONDS = 20.0


def measure() -> list[Figure]:
    """Calls per second, and twenty viewers against one."""
    token = person("viewer")
    rates: dict[int, float] = {}
    with Served() as served:
        cluster = recorded(served)
        with Serving() as serving:
            serving.rest(SETTLE_SECONDS)
            Guest.objects.filter(cluster=cluster).update(config_read_at=timezone.now())
            connection().delete(f"hapanel:configurations:wanted:{cluster.pk}")
            for viewers in (0, 1, 20):
                with watching(serving.port, token, viewers):
                    serving.rest(SETTLE_SECONDS / 2)
                    rates[viewers] = served.calls_per_second(COUNTED_SECONDS)
            connections = served.steer("count")["most_open"]
            failing = {status: _while_failing(serving, served, status) for status in (503, 401)}
        cluster.delete()
    beside = {f"calls_per_second_with_{viewers}": rate for viewers, rate in rates.items()}
    return [
        Figure("upstream, nobody looks", rates[0], "calls/s", 2, beside),
        Figure("upstream, 20 viewers", rates[20], "calls/s", 2, beside),
        Figure("upstream, 20 viewers: x one viewer", rates[20] / rates[1], "x", 1.1, beside),
        Figure("upstream, connections at most", connections, "connections", 6),
        Figure("upstream, the API fails", failing[503], "calls/s", 0.5),
        Figure("upstream, the token is refused", failing[401], "calls/s", 0.1),
    ]


def _while_failing(serving: Serving, served: Served, status: int) -> float:
    """Calls a second once the panel has begun to leave the cluster alone."""
    served.fail(status)
    serving.rest(SETTLE_SECONDS)
    rate = served.calls_per_second(COUNTED_SECONDS)
    served.fail(0)
    return rate


@contextmanager
def watching(port: int, token: str, viewers: int) -> Iterator[None]:
    """Hold this many event streams open. Nobody reads them: what they say fits into the buffers."""
    head = (
        f"GET /api/v1/events/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    )
    sockets = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(viewers)]
    try:
        for viewer in sockets:
            viewer.sendall(head.encode())
            status = viewer.recv(64).split(b"\r\n")[0]
            if b" 200 " not in status + b" ":
                raise SystemExit(f"an event stream was refused: {status!r}")
        yield
    finally:
        for viewer in sockets:
            viewer.close()
