"""Every single-node failure of 32 nodes with 10,000 guests, 1,000 of them under HA."""

from __future__ import annotations

import time

from bench.goals import Figure
from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Outcome
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, SeenResource, Snapshot
from hapanel.ports.cluster import QDevice

NODES, GUESTS, MANAGED = 32, 10_000, 1_000
GOAL_SECONDS = 2.0
GIB = 1024**3


def measure() -> list[Figure]:
    """CPU seconds for all forecasts together."""
    seen = made_up()
    began, cpu = time.perf_counter(), time.process_time()
    told = Oracle(seen).each()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    recover = sum(each.counts()[Outcome.RECOVERS] for each in told)
    beside = {"wall_s": wall, "forecasts": len(told), "recover": recover}
    name = "forecast, each of 32 nodes dies, 1,000 HA guests"
    return [Figure(name, cpu, "s", GOAL_SECONDS, beside)]


def made_up() -> Snapshot:
    """Guests dealt out evenly, the first thousand under HA."""
    names = [f"pve{i:02}" for i in range(1, NODES + 1)]
    nodes = tuple(
        SeenNode(
            name=name,
            node_id=i,
            votes=1,
            status="online",
            lrm_state="active",
            maxcpu=64,
            maxmem=1024 * GIB,
            mem=600 * GIB,
        )
        for i, name in enumerate(names, start=1)
    )
    return Snapshot(
        cluster="bench",
        nodes=nodes,
        guests=tuple(_guest(i, names[i % NODES]) for i in range(GUESTS)),
        qdevice=QDevice(configured=False),
        quorate=True,
        manager_node=names[0],
        manager_state="active",
        armed="armed",
        pve_version="9.2.11",
    )


def _guest(i: int, node: str) -> SeenGuest:
    told = SeenResource(state="started", request="started", node=node) if i < MANAGED else None
    return SeenGuest(
        sid=f"vm:{100 + i}", vmid=100 + i, node=node, maxmem=2 * GIB, disks=(), resource=told
    )
