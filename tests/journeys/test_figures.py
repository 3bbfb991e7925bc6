"""The figures that the panel shows of a migration are the cluster's own."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import uuid
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


def test_percent_is_within_two_of_the_last_log_line(demo: DemoSet) -> None:
    demo.bring_home(100)
    operation = demo.migrate(100, "slave")
    running_part(demo, operation["id"])
    seen = demo.get(f"migrations/{operation['id']}/")
    lines = [MEMORY_LINE.search(line["text"]) for line in seen["log"]]
    last = [line for line in lines if line][-1]
    transferred, total = parse_bytes(last[1]), parse_bytes(last[2])
    assert abs(seen["percent"] - min(99.0, 100 * transferred / total)) <= 2
    assert demo.wait_for_end(operation["id"])["state"] == "succeeded"


def test_a_slower_link_shows_in_rate_and_remaining_time_within_three_seconds(
    demo: DemoSet,
) -> None:
    demo.bring_home(100)
    operation = demo.migrate(100, "slave")
    before = running_part(demo, operation["id"])
    try:
        demo.ctl("slow-link", "master", "slave", "200", "--network", "all")
        time.sleep(3)
        after = demo.get(f"migrations/{operation['id']}/")
        last = [m for m in (MEMORY_LINE.search(line["text"]) for line in after["log"]) if m][-1]
        assert after["rate"] < 0.7 * before["rate"]
        assert after["rate"] == pytest.approx(parse_bytes(last[3]), rel=0.1)
        assert after["eta_seconds"] > before["eta_seconds"]
    finally:
        demo.ctl("heal", "master", "slave", "--network", "all")
    assert demo.wait_for_end(operation["id"])["state"] == "succeeded"


@pytest.mark.parametrize("downtime_ms", [48, 700, 2600])
def test_downtime_is_the_logs_and_the_clients_own_is_measured(
    demo: DemoSet, downtime_ms: int
) -> None:
    demo.bring_home(100)
    demo.ctl("guest", "100", "downtime", str(downtime_ms))
    began = time.time()
    target = "slave"
    operation = demo.wait_for_end(demo.migrate(100, target)["id"])
    assert operation["state"] == "succeeded"
    logged = [re.search(r"downtime (\d+) ms", line["text"]) for line in operation["log"]]
    assert operation["downtime_ms"] == int(next(m for m in logged if m)[1]) == downtime_ms

    def measured() -> dict[str, Any] | None:
        seen = demo.get(f"migrations/{operation['id']}/")
        return seen if seen["client_downtime_ms"] is not None else None

    clients = eventually(measured, 20)["client_downtime_ms"]
    record = demo.ctl("status")["guests"]["100"]["silent"]
    own = sum(gap["ms"] for gap in record if gap["from"] >= began)
    assert abs(clients - own) <= 200, (clients, own)


def test_a_curl_script_with_one_key_gets_one_migration(demo: DemoSet) -> None:
    demo.bring_home(100)
    key = str(uuid.uuid4())
    script = f"""
    curl -sS -o /dev/null -w '%{{http_code}} %header{{location}}\\n' -X POST \
      -H 'Authorization: Bearer {demo.tokens["oda"]}' -H 'Content-Type: application/json' \
      -H 'Idempotency-Key: {key}' \
      -d '{{"cluster": "clusterubd", "vmid": 100, "target": "slave"}}' \
      {demo.url}/api/v1/migrations/
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    answers = {
        subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(answers) == 1
    answer = answers.pop()
    assert answer.startswith("202 "), answer
    location = answer.split()[1]
    operation = demo.wait_for_end(int(location.rstrip("/").rsplit("/", 1)[1]))
    assert operation["state"] == "succeeded"
    assert demo.get("vms/clusterubd/100/")["node"] == "slave"
