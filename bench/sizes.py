"""A whole observation of clusters of four sizes, against a lab in which people are at work.

Whole: every question that a round asks. The floor is fetching and decoding /cluster/resources
alone, over a connection of its own, right after each look. Compared is the processor time of the
asking process: the lab's own work counts for neither then, so a slow lab flatters nobody.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field, replace

from bench.goals import Figure, percentile
from bench.lab import LabProgram
from bench.serving import DECODER, Bare
from hapanel import wiring
from hapanel.accounts.vault import seal
from hapanel.observe.pace import read_pace, write_pace
from hapanel.observe.round import observe
from nodes.models import Cluster

SIZES = ((3, 60), (16, 500), (32, 2_000), (32, 10_000))
CHURN = "1%"
LOOKS = 10
INTERVAL = 1.0
IDLE_SECONDS = 12.0
ANSWER_GOAL_MS, IDLE_GOAL_PERCENT = 100, 5


@dataclass
class Measured:
    """Milliseconds of each look and each floor: on the wall, and of this process."""

    look_wall: list[float] = field(default_factory=list)
    look_used: list[float] = field(default_factory=list)
    floor_wall: list[float] = field(default_factory=list)
    floor_used: list[float] = field(default_factory=list)
    fetch_wall: list[float] = field(default_factory=list)
    lab_used: float = 0.0
    calls: int = 0


def measure() -> list[Figure]:
    """Four figures for each size, and at the largest three of the lab itself."""
    return [figure for nodes, guests in SIZES for figure in _size(nodes, guests)]


def _size(nodes: int, guests: int) -> list[Figure]:
    words = ("--scenario", "scale", "--nodes", str(nodes), "--guests", str(guests))
    with LabProgram(*words, "--churn", CHURN) as lab:
        cluster = recorded(lab)
        found = _looks(cluster, lab)
        cluster.delete()
        figures = _figures(f"{nodes}/{guests:,}", found)
        if (nodes, guests) == SIZES[-1]:
            figures += _lab_itself(lab, found)
    return figures


def recorded(lab: LabProgram) -> Cluster:
    """The lab's cluster as the panel knows it."""
    ready = lab.ready
    return Cluster.objects.create(
        name=ready["cluster"],
        addresses=[node["url"] for node in ready["nodes"]],
        ca_pem=ready["ca"],
        token_id=ready["token_id"],
        encrypted_secret=seal(ready["token_secret"]),
    )


def _looks(cluster: Cluster, lab: LabProgram) -> Measured:
    ready, found = lab.ready, Measured()
    secret = f"PVEAPIToken={ready['token_id']}={ready['token_secret']}"
    bare = Bare(ready["nodes"][0]["url"], ready["ca"], {"Authorization": secret})
    with wiring.gateway_of(cluster) as gateway:
        for number in range(2 + LOOKS):
            began, calls = time.monotonic(), lab.calls()
            _make_it_whole(cluster)
            wall, used = _cost(lambda: observe(cluster, gateway))
            calls = lab.calls() - calls
            lab_used = lab.processor_seconds
            fetch = _cost(bare.fetch)
            lab_used = lab.processor_seconds - lab_used
            floor = _cost(lambda: DECODER.decode(bare.fetch()))
            if number >= 2:  # the first ones write every record
                found.look_wall.append(wall)
                found.look_used.append(used)
                found.floor_wall.append(floor[0])
                found.floor_used.append(floor[1])
                found.fetch_wall.append(fetch[0])
                found.lab_used += lab_used
                found.calls += calls
            time.sleep(max(0.0, INTERVAL - (time.monotonic() - began)))
    return found


def _make_it_whole(cluster: Cluster) -> None:
    """The next look asks everything, as if the last round were long ago."""
    cluster.refresh_from_db()
    write_pace(cluster.pk, replace(read_pace(cluster.pk), looked_at=0.0, round_at=0.0))


def _cost(act: object) -> tuple[float, float]:
    """Milliseconds on the wall and of this process."""
    assert callable(act)
    wall, used = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - used) * 1000


def _figures(size: str, found: Measured) -> list[Figure]:
    beside = {
        "look_wall_ms_p50": statistics.median(found.look_wall),
        "look_wall_ms_p95": percentile(found.look_wall, 0.95),
        "look_processor_ms_p50": statistics.median(found.look_used),
        "floor_wall_ms_p50": statistics.median(found.floor_wall),
        "floor_processor_ms_p50": statistics.median(found.floor_used),
    }
    ratio = beside["look_processor_ms_p50"] / beside["floor_processor_ms_p50"]
    name = f"whole observation, {size}"
    return [
        Figure(f"{name}: processor", beside["look_processor_ms_p50"], "ms", None, beside),
        Figure(f"{name}: wall", beside["look_wall_ms_p50"], "ms", None, beside),
        Figure(f"{name}: processor x fetch + decode", ratio, "x", None, beside),
        Figure(f"{name}: calls upstream", found.calls / LOOKS, "", None, beside),
    ]


def _lab_itself(lab: LabProgram, found: Measured) -> list[Figure]:
    """What the lab takes to answer with everything, and while nobody asks."""
    before, began = lab.processor_seconds, time.monotonic()
    time.sleep(IDLE_SECONDS)
    idle = (lab.processor_seconds - before) / (time.monotonic() - began) * 100
    answer = statistics.median(found.fetch_wall)
    beside = {"ms": sorted(found.fetch_wall)}
    used = found.lab_used / LOOKS * 1000
    return [
        Figure("lab, 32/10,000: answers with everything", answer, "ms", ANSWER_GOAL_MS, beside),
        Figure("lab, 32/10,000: its processor for such an answer", used, "ms", None, beside),
        Figure("lab, 32/10,000: share of a core while idle", idle, "%", IDLE_GOAL_PERCENT),
    ]
