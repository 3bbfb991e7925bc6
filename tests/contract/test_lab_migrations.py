"""Guests move in the lab as they move in Proxmox: logs, locks, nodes, silence of their clients."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.lab_process import LabProcess, eventually, running

SPEED = 120
MIGRATE_100 = "/nodes/{}/qemu/100/migrate"
LINE = re.compile(
    r"\S+ \S+ migration active, transferred (\S+ [MG]iB) of 8\.0 GiB VM-state, (\S+ [MG]iB)/s"
)
WHOLE_LOG = [
    r"conntrack state migration not supported or disabled, active connections might get dropped",
    r"starting migration of VM 100 to node 'slave' \(127\.\S+\)",
    r"starting VM 100 on remote node 'slave'",
    r"start remote tunnel",
    r"ssh tunnel ver 1",
    r"starting online/live migration on unix:/run/qemu-server/100\.migrate",
    r"set migration capabilities",
    r"migration downtime limit: 100 ms",
    r"migration cachesize: 1\.0 GiB",
    r"set migration parameters",
    r"start migrate command to unix:/run/qemu-server/100\.migrate",
    r"average migration speed: \S+ [MG]iB/s - downtime \d+ ms",
    r"migration completed, transferred \S+ GiB VM-state",
    r"migration status: completed",
    r"migration finished successfully \(duration 00:00:\d\d\)",
]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """A lab whose guest 100 is not under HA; 101 still is."""
    with running("clusterubd", SPEED) as lab:
        assert lab.ask("DELETE", "/cluster/ha/resources/vm:100").status == 200
        yield lab


@pytest.fixture
def home(lab: LabProcess) -> LabProcess:
    """The lab with 100 on master, unlocked, on a whole network."""
    lab.ctl("heal", "master", "slave", "--network", "all")
    lab.ctl("guest", "100", "downtime", "auto")
    eventually(lambda: lab.guest(100)["lock"] is None, seconds=20)
    if lab.guest(100)["node"] != "master":
        lab.end_of(migrate(lab, "slave", "master"))
    return lab


def migrate(lab: LabProcess, source: str = "master", target: str = "slave", **more: Any) -> str:
    """Starts a live migration of 100; its UPID."""
    answer = lab.ask("POST", MIGRATE_100.format(source), {"target": target, "online": 1, **more})
    assert answer.status == 200, answer
    return str(answer.data)


def resource(lab: LabProcess, vmid: int = 100) -> dict[str, Any]:
    """The guest in /cluster/resources."""
    rows = lab.ask("GET", "/cluster/resources", {"type": "vm"}).data
    return next(row for row in rows if row["vmid"] == vmid)


def test_a_live_migration_logs_what_qemu_server_logs(home: LabProcess) -> None:
    upid = migrate(home)
    assert home.end_of(upid)["exitstatus"] == "OK"
    log = home.log_of(upid)
    stamped = [
        line for line in log if not re.search("migration active|xbzrle|auto-increased", line)
    ]
    assert stamped.pop() == "TASK OK"
    for wanted, line in zip(WHOLE_LOG, stamped, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d " + wanted, line), (wanted, line)
    assert resource(home)["node"] == "slave"
    assert "lock" not in resource(home)


def test_during_a_migration_the_guest_is_locked_on_its_source(home: LabProcess) -> None:
    home.ctl("slow-link", "master", "slave", "20")
    upid = migrate(home)
    assert resource(home)["lock"] == "migrate"
    assert resource(home)["node"] == "master"
    again = home.ask("POST", MIGRATE_100.format("master"), {"target": "slave", "online": 1})
    assert (again.status, again.reason) == (500, "VM is locked (migrate)")
    preconditions = home.ask("GET", MIGRATE_100.format("master"))
    assert (preconditions.status, preconditions.reason) == (500, "VM is locked (migrate)")
    stop = home.ask("POST", "/nodes/master/qemu/100/status/shutdown").data
    assert "got timeout" in home.end_of(stop)["exitstatus"]
    assert home.log_of(stop)[0] == "trying to acquire lock..."
    home.ask("DELETE", f"/nodes/master/tasks/{upid}")


def test_the_link_shows_in_the_rate_and_a_stop_leaves_the_guest_where_it_was(
    home: LabProcess,
) -> None:
    home.ctl("slow-link", "master", "slave", "30")
    upid = migrate(home)
    eventually(lambda: len(rates(home, upid)) >= 2)
    sent = [mebibytes(step[1]) for step in map(LINE.match, home.log_of(upid)) if step]
    assert sent[1] - sent[0] == pytest.approx(rates(home, upid)[0], rel=0.15)
    home.ctl("slow-link", "master", "slave", "12")
    time.sleep(1.3)
    assert rates(home, upid)[-1] == pytest.approx(12e6 / 8 / 1024**2 * SPEED, rel=0.02)
    began = time.monotonic()
    assert home.ask("DELETE", f"/nodes/master/tasks/{upid}").data is None
    assert time.monotonic() - began < 5
    assert home.end_of(upid)["exitstatus"] == "migration problems"
    log = "\n".join(home.log_of(upid))
    assert "ERROR: online migrate failure - interrupted by signal" in log
    assert "migrate_cancel" in log
    assert "ERROR: migration finished with problems (duration 00:00:" in log
    assert resource(home)["node"] == "master"
    assert home.guest(100)["state"] == "running"
    assert home.guest(100)["lock"] is None


def rates(lab: LabProcess, upid: str) -> list[float]:
    """Rates of the progress lines in MiB/s."""
    return [mebibytes(match[2]) for match in map(LINE.match, lab.log_of(upid)) if match]


def mebibytes(text: str) -> float:
    """`1.5 GiB` -> 1536."""
    number, unit = text.split()
    return float(number) * {"MiB": 1.0, "GiB": 1024.0}[unit]


@pytest.mark.parametrize("milliseconds", [337])
def test_clients_miss_the_guest_for_as_long_as_the_log_says(
    home: LabProcess, milliseconds: int
) -> None:
    home.ctl("guest", "100", "downtime", str(milliseconds))
    before = len(home.guest(100)["silent"])
    url = next(s["url"] for s in home.ready["services"] if s["vmid"] == 100)
    with Prober(url) as prober:
        upid = migrate(home)
        home.end_of(upid)
    assert f"downtime {milliseconds} ms" in "\n".join(home.log_of(upid))
    silent = home.guest(100)["silent"][before:]
    assert [gap["because"] for gap in silent] == ["guest is paused"]
    assert silent[0]["ms"] == pytest.approx(milliseconds, abs=15)
    assert prober.longest_ms == pytest.approx(milliseconds, abs=60)
    assert prober.failures == 0


class Prober(threading.Thread):
    """Asks a guest's service without a break and keeps the longest wait."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.longest_ms, self.failures = url, 0.0, 0
        self._over = threading.Event()

    def run(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._over.wait(0.01):
            began = time.monotonic()
            try:
                opener.open(self.url, timeout=5).read()
            except (urllib.error.URLError, OSError):
                self.failures += 1
            self.longest_ms = max(self.longest_ms, (time.monotonic() - began) * 1000)

    def __enter__(self) -> Prober:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def test_a_failed_migration_names_its_error_and_leaves_the_guest(home: LabProcess) -> None:
    home.ctl("fail-migration", "100", "Unable to write to socket: Broken pipe")
    upid = migrate(home)
    assert home.end_of(upid)["exitstatus"] == "migration problems"
    errors = [line for line in home.log_of(upid) if "ERROR" in line]
    assert "Unable to write to socket: Broken pipe" in errors[0]
    assert home.guest(100)["node"] == "master"


def test_a_speed_limit_holds(home: LabProcess) -> None:
    upid = migrate(home, bwlimit=4 * 1024)
    eventually(lambda: rates(home, upid), seconds=10)
    assert "migration speed limit: 4.0 MiB/s" in "\n".join(home.log_of(upid))
    assert rates(home, upid)[0] == pytest.approx(4 * SPEED, rel=0.02)
    home.ask("DELETE", f"/nodes/master/tasks/{upid}")


def test_a_stopped_guest_moves_with_its_configuration_only(home: LabProcess) -> None:
    home.end_of(home.ask("POST", "/nodes/master/qemu/100/status/stop").data)
    answer = home.ask("POST", MIGRATE_100.format("master"), {"target": "slave"})
    home.end_of(answer.data)
    log = home.log_of(answer.data)
    assert log[1][20:].startswith("migration finished successfully")
    assert len(log) == 3
    home.end_of(home.ask("POST", "/nodes/slave/qemu/100/status/start").data)


def test_a_container_under_ha_is_shut_down_moved_and_started(home: LabProcess) -> None:
    path = "/nodes/master/lxc/101/migrate"
    queued = home.ask("POST", path, {"target": "slave", "restart": 1}).data
    assert ":hamigrate:101:" in queued
    home.end_of(queued)
    assert home.log_of(queued) == ["Requesting HA migration for CT 101 to node slave", "TASK OK"]
    task = eventually(lambda: newest(home, "vzmigrate"))
    assert task["user"] == "root@pam"
    # First what passes: `starting` is said for one round of the manager, half a second here.
    eventually(lambda: service_status(home, "ct:101") == "ct:101 (slave, starting)")
    eventually(lambda: service_status(home, "ct:101") == "ct:101 (slave, started)")
    log = home.log_of(task["upid"])
    assert log[0] == "task started by HA resource agent"
    said = " ".join(line[20:] for line in log[1:])
    wanted = "on shared storage 'vg_drbd'.*start final cleanup.*migration finished successfully"
    assert re.search(wanted, said), said
    for node, type_ in (("master", "vzshutdown"), ("slave", "vzstart")):
        own = newest(home, type_)
        assert own is not None
        assert (own["node"], own["id"], own["status"]) == (node, "101", "OK")
    assert home.guest(101)["silent"][-1]["because"] == "guest is stopped"


def newest(lab: LabProcess, type_: str) -> dict[str, Any] | None:
    """The newest task of that type in the cluster's list."""
    tasks = lab.ask("GET", "/cluster/tasks").data
    return next((task for task in tasks if task["type"] == type_), None)


def service_status(lab: LabProcess, sid: str) -> str:
    """How HA's status words a service."""
    rows = lab.ask("GET", "/cluster/ha/status/current").data
    return next(str(row["status"]) for row in rows if row["id"] == f"service:{sid}")
