"""The page of guests, of 100 and of 10,000: server time, bytes on the wire, SQL queries."""

from __future__ import annotations

import statistics
import time

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.bare_panel import person
from bench.goals import Figure, percentile
from bench.observation import recorded
from bench.serving import Served
from hapanel import wiring
from hapanel.accounts.models import User
from hapanel.observe.round import observe

REQUESTS = 60
SIZES = (100, 10_000)


def measure() -> list[Figure]:
    """For both sizes: p95 with its goal, the rest beside it."""
    person("reader")
    client = Client(headers={"Accept-Encoding": "gzip", "Host": "localhost"})
    client.force_login(
        User.objects.get(username="reader"), "django.contrib.auth.backends.ModelBackend"
    )
    return [figure for size in SIZES for figure in _page(client, size)]


def _page(client: Client, guests: int) -> list[Figure]:
    with Served(guests=guests) as served:
        cluster = recorded(served)
        with wiring.gateway_of(cluster) as gateway:
            observe(cluster, gateway)
        path = f"/clusters/{cluster.name}/guests/"
        for _ in range(5):
            answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
        times = [_milliseconds(client, path) for _ in range(REQUESTS)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(path)
        cluster.delete()
    beside = {
        "ms_p50": statistics.median(times),
        "ms_p95": percentile(times, 0.95),
        "bytes_gzip": len(answer.content),
        "sql_queries": len(queries),
    }
    name = f"guests page, {guests:,} guests"
    return [
        Figure(f"{name}: server time p95", beside["ms_p95"], "ms", 50, beside),
        Figure(f"{name}: server time p50", beside["ms_p50"], "ms", None, beside),
        Figure(f"{name}: SQL queries", len(queries), "", None, beside),
        Figure(f"{name}: document on the wire", len(answer.content) / 1024, "KiB", None, beside),
    ]


def _milliseconds(client: Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path)
    return (time.perf_counter() - began) * 1000
