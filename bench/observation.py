"""A look at 10,000 guests on 32 nodes, against the bare fetch of the same answer.

Looks come once a second, as they do while somebody watches, and each is followed by the floor over
a kept connection of its own to the same server: so both meet the same machine in the same mood.
Compared are the lower quartiles: whatever else the machine does only adds, and most to what takes
longest. The medians stand beside.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable

from bench.goals import Figure, percentile
from bench.serving import DECODER, TOKEN_ID, TOKEN_SECRET, Bare, Served
from hapanel import wiring
from hapanel.accounts.vault import seal
from hapanel.observe.round import observe
from nodes.models import Cluster

LOOKS = 30
INTERVAL = 1.0
SHARE = 0.01


def measure() -> list[Figure]:
    """The two ratios."""
    with Served() as served:
        cluster = recorded(served)
        bare = Bare(served.url, served.ca)
        with wiring.gateway_of(cluster) as gateway:
            for _ in range(3):
                observe(cluster, gateway)

            def look() -> None:
                cluster.refresh_from_db()
                observe(cluster, gateway)

            unchanged = _compare(look, lambda: hashlib.blake2b(bare.fetch()).digest(), None)
            changed = _compare(
                look, lambda: DECODER.decode(bare.fetch()), lambda: served.change(SHARE)
            )
        cluster.delete()
    return [
        _figure("observation, 10,000 guests unchanged: x fetch + digest", unchanged, 2),
        _figure("observation, 1 % of 10,000 changed: x fetch + decode", changed, 3),
    ]


def recorded(served: Served) -> Cluster:
    """The made-up cluster as the panel knows it."""
    return Cluster.objects.create(
        name="bench",
        addresses=[served.url],
        ca_pem=served.ca,
        token_id=TOKEN_ID,
        encrypted_secret=seal(TOKEN_SECRET),
    )


def _compare(
    look: Callable[[], None], floor: Callable[[], object], before: Callable[[], None] | None
) -> tuple[list[float], list[float]]:
    """Milliseconds of each look and of each floor."""
    looks, floors = [], []
    for _ in range(LOOKS):
        if before is not None:
            before()
        began = time.perf_counter()
        looks.append(_milliseconds(look))
        floors.append(_milliseconds(floor))
        time.sleep(max(0.0, INTERVAL - (time.perf_counter() - began)))
    return looks, floors


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _figure(name: str, times: tuple[list[float], list[float]], goal: float) -> Figure:
    looks, floors = times
    beside = {
        "look_ms_p25": quartile(looks),
        "floor_ms_p25": quartile(floors),
        "look_ms_p50": statistics.median(looks),
        "look_ms_p95": percentile(looks, 0.95),
        "floor_ms_p50": statistics.median(floors),
        "floor_ms_p95": percentile(floors, 0.95),
    }
    return Figure(name, quartile(looks) / quartile(floors), "x", goal, beside)


def quartile(times: list[float]) -> float:
    """The lower quartile."""
    return statistics.quantiles(times, n=4)[0]
