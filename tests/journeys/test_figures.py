"""The figures that the panel shows of a migration are the cluster's own."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from hapanel.kernel.units import parse_bytes
from tests.journeys.demo_set import DemoSet, eventually

MEMORY_LINE = re.compile(
    r"migration active, transferred (\S+ \S+) of (\S+ \S+) VM-state, (\S+ \S+)/s"
)


def running_part(demo: DemoSet, operation_id: int) -> dict[str, Any]:
    """The operation once memory moves (a percent, a rate and a log line are there)."""

    def moves() -> dict[str, Any] | None:
        operation = demo.get(f"migrations/{operation_id}/")
        assert operation["state"] in {"queued", "running"}, operation
        return operation if operation["percent"] and operation["rate"] else None

    return eventually(moves, 60)


def memory_lines(operation: dict[str, Any]) -> list[re.Match[str]]:
    """The log's lines on memory, oldest first."""
    return [match for match in map(MEMORY_LINE.search, operation["log"]) if match]


def test_percent_rate_and_remaining_time_follow_the_log_and_a_slower_link(demo: DemoSet) -> None:
    target = demo.other_node(100)
    operation = demo.migrate(100, target)
    before = running_part(demo, operation["id"])
    last = memory_lines(before)[-1]
    transferred, total = parse_bytes(last[1]), parse_bytes(last[2])
    assert abs(before["percent"] - min(99.0, 100 * transferred / total)) <= 2
    try:
        demo.ctl("slow-link", "master", "slave", "500", "--network", "all")

        def slowed() -> dict[str, Any] | None:
            seen = demo.get(f"migrations/{operation['id']}/")
            is_slower = seen["rate"] and seen["rate"] < 0.7 * before["rate"]
            return seen if is_slower and seen["eta_seconds"] > before["eta_seconds"] else None

        after = eventually(slowed, 3)
        last = memory_lines(after)[-1]
        assert after["rate"] == pytest.approx(parse_bytes(last[3]), rel=0.1)
        assert abs(after["percent"] - 100 * parse_bytes(last[1]) / parse_bytes(last[2])) <= 2
    finally:
        demo.ctl("heal", "master", "slave", "--network", "all")
    assert demo.wait_for_end(operation["id"])["state"] == "succeeded"


@pytest.mark.parametrize("downtime_ms", [48, 700, 2600])
def test_downtime_is_the_logs_and_the_clients_own_is_measured(
    demo: DemoSet, downtime_ms: int
) -> None:
    target = demo.other_node(100)
    demo.ctl("guest", "100", "downtime", str(downtime_ms))
    began = time.time()
    operation = demo.wait_for_end(demo.migrate(100, target)["id"])
    assert operation["state"] == "succeeded"
    logged = [re.search(r"downtime (\d+) ms", line) for line in operation["log"]]
    assert operation["downtime_ms"] == int(next(m for m in logged if m)[1]) == downtime_ms

    def measured() -> dict[str, Any] | None:
        seen = demo.get(f"migrations/{operation['id']}/")
        return seen if seen["client_downtime_ms"] is not None else None

    clients = eventually(measured, 20)["client_downtime_ms"]
    record = demo.ctl("status")["guests"]["100"]["silent"]
    own = sum(gap["ms"] for gap in record if gap["from"] >= began)
    assert abs(clients - own) <= 200, (clients, own)
