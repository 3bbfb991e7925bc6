"""The lab as a program, its faults, and clients that were not written for it."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from hapanel.lab.api.areas import api
from tests.contract.lab_process import Answer, LabProcess, eventually, running, token_header

SPEED = 120


@pytest.fixture(scope="module")
def shared() -> Iterator[LabProcess]:
    """One lab for all tests here that leave it as they found it."""
    with running("clusterubd-qdevice", SPEED) as lab:
        yield lab


@pytest.fixture
def lab(shared: LabProcess) -> Iterator[LabProcess]:
    """The shared lab; API faults end with the test."""
    yield shared
    for node in shared.hosts:
        shared.ctl("api", node, "ok")


def px(lab: LabProcess, **auth: Any) -> Any:
    """proxmoxer as anybody would use it, except that the environment stays out of it."""
    host = next(iter(lab.hosts.values()))
    client = ProxmoxAPI(host, verify_ssl=lab.ready["ca_file"], timeout=10, **auth)
    client._store["session"].trust_env = False
    return client


def test_a_lab_starts_with_little_work_stays_small_and_ends_cleanly() -> None:
    lab = LabProcess("clusterubd-runs", SPEED)
    try:
        assert lab.ask("GET", "/version").data["release"] == "9.2"
        assert processor_seconds(lab.pid) < 2
        assert resident_kib(lab.pid) < 60_000
        assert set(lab.ready) >= {
            "ready", "nodes", "ca", "ca_file", "token_id", "token_secret", "control_url",
            "control_token", "services", "time_scale",
        }  # fmt: skip
        assert [node["ssh"]["port"] for node in lab.ready["nodes"]] == [2222, 2222]
    finally:
        assert lab.close() == 0


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def test_an_unknown_scenario_names_those_there_are() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hapanel.lab", "--scenario", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "clusterubd, clusterubd-qdevice, clusterubd-runs" in run.stderr


def test_a_file_that_is_no_scenario_is_refused_with_its_fault(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"cluster": 7}')
    command = [sys.executable, "-m", "hapanel.lab", "--scenario", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith(f"{file} is no scenario: Expected `str`, got `int`")


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["crash", "nobody"],
        ["api", "master", "sulk"],
        ["api", "master", "slow", "nan"],
        ["guest", "100", "downtime", "-1"],
        ["guest", "100", "serve", "maybe"],
        ["write", "master", "vm-100", "1"],
        ["role", "master", "rs", "king"],
        ["fail-disk", "master"],
    ],
)
def test_control_refuses_what_it_cannot_do(lab: LabProcess, words: list[str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.ctl(*words)
    assert json.load(refused.value)["error"]
    refused.value.close()


def test_ctl_says_on_the_command_line_what_control_says(lab: LabProcess) -> None:
    command = [sys.executable, "-m", "hapanel.lab", "ctl", "--url", lab.ready["control_url"]]
    command += ["--token", lab.ready["control_token"]]
    runs = [
        subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        for words in (["slow-link", "master", "slave", "500", "--network", "all"], ["dance"])
    ]
    assert [run.returncode for run in runs] == [0, 2]
    assert json.loads(runs[0].stdout) == {"ok": True}
    assert runs[1].stderr.startswith("unknown action 'dance'; there are: alter, api, clock")


@pytest.mark.parametrize("url", ["nowhere", "http://127.0.0.1:9/"])
def test_ctl_that_is_sent_to_no_lab_says_so(url: str) -> None:
    command = [sys.executable, "-m", "hapanel.lab", "ctl", "--url", url, "--token", "t", "status"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith(f"the lab does not answer at {url}: ")


def test_the_control_server_wants_its_token(lab: LabProcess) -> None:
    lab.ready["control_token"], right = "wrong", lab.ready["control_token"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.ctl("status")
    lab.ready["control_token"] = right
    assert refused.value.code == 401
    refused.value.close()


def test_proxmoxer_works_with_a_token_and_with_a_ticket(lab: LabProcess) -> None:
    user, name = lab.ready["token_id"].split("!")
    token = px(lab, user=user, token_name=name, token_value=lab.ready["token_secret"])
    ticket = px(lab, user="root@pam", password=lab.ready["root_password"])
    for client in (token, ticket):
        assert client.version.get()["release"] == "9.2"
        assert {node["node"] for node in client.nodes.get()} == {"master", "slave"}
        assert client.nodes("slave").status.get()["loadavg"]
    upid = ticket.nodes("master").qemu(100).status.suspend.post()
    assert ":qmpause:100:root@pam:" in upid
    lab.end_of(ticket.nodes("master").qemu(100).status.resume.post())
    with pytest.raises(ResourceException) as refused:
        token.nodes("master").qemu(100).migrate.post(target="master")
    assert refused.value.errors == {"target": "target is local node."}


SAMPLES = {
    "node": "master", "storage": "vg_drbd", "sid": "vm:100", "userid": "root@pam", "poolid": "none",
    "realm": "pam",
    "roleid": "PVEAuditor", "tokenid": "none", "service": "pveproxy",
    "upid": "UPID:master:00000552:00088826:6B03EA75:qmigrate:100:root@pam:",
    "iface": "vmbr0", "groupid": "none", "group": "none", "rule": "none", "id": "100-0",
    "name": "none", "snapname": "none", "volume": "vm-100-disk-0",
}  # fmt: skip
ASKED_AMISS = {
    "/access/users/{userid}/token/{tokenid}",
    "/nodes/{node}/tasks/{upid}/status",
    "/cluster/ha/groups",
    "/cluster/ha/groups/{group}",
    "/cluster/ha/rules/{rule}",
    "/cluster/replication/{id}",
    "/access/groups/{groupid}",
    "/pools/{poolid}",
    "/nodes/{node}/disks/zfs",
    "/nodes/{node}/disks/zfs/{name}",
    "/nodes/{node}/replication/{id}/status",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
}
ASKED_WITH = {"rrddata": {"timeframe": "hour"}, "feature": {"feature": "snapshot"}}


@pytest.mark.parametrize("path", sorted(r.path for r in api.routes if r.method == "GET"))
def test_every_path_that_can_be_read_is_readable(lab: LabProcess, path: str) -> None:
    vmid = "101" if "/lxc/" in path else "100"
    params = ASKED_WITH.get(path.rpartition("/")[2])
    found = lab.ask("GET", path.format(**SAMPLES, vmid=vmid), params, headers=lab.sign_in())
    amiss = path in ASKED_AMISS or "/agent/" in path
    assert (found.status != 200) is amiss, found
    assert "the lab itself failed" not in found.reason


def test_a_watching_token_sees_everything_and_may_nothing(lab: LabProcess) -> None:
    assert lab.ask("GET", "/cluster/status", headers=lab.watch).status == 200
    assert len(lab.ask("GET", "/cluster/resources", headers=lab.watch).data) > 8
    start = lab.ask("POST", "/nodes/master/qemu/100/status/start", headers=lab.watch)
    assert (start.status, start.reason) == (403, "Permission check failed (/vms/100, VM.PowerMgmt)")


def test_a_token_made_the_documented_way_may_what_its_role_says(lab: LabProcess) -> None:
    root = lab.sign_in()

    def make(method: str, path_: str, **form: object) -> Any:
        answer = lab.ask(method, path_, form, headers=root)
        assert answer.status == 200, answer
        return answer.data

    make("POST", "/access/roles", roleid="Panel", privs="VM.Audit,VM.PowerMgmt,Sys.Audit")
    make("POST", "/access/users", userid="ada@pve")
    made = make("POST", "/access/users/ada@pve/token/panel", privsep=1)
    own = token_header(made["full-tokenid"], made["value"])
    assert lab.ask("GET", "/access/permissions", headers=own).data == {}
    form = {"path": "/", "roles": "Panel", "users": "ada@pve", "tokens": "ada@pve!panel"}
    make("PUT", "/access/acl", **form)
    held = lab.ask("GET", "/access/permissions", headers=own).data
    assert held["/"] == {"VM.Audit": 1, "VM.PowerMgmt": 1, "Sys.Audit": 1}
    refused = lab.ask("POST", "/nodes/master/qemu/100/migrate", {"target": "slave"}, headers=own)
    assert refused.reason == "Permission check failed (/vms/100, VM.Migrate)"
    make("DELETE", "/access/users/ada@pve/token/panel")
    assert lab.ask("GET", "/version", headers=own).reason == "Authentication failed!"


def test_a_revoked_token_is_turned_away(lab: LabProcess) -> None:
    secret = lab.ctl("token", "make", "hapanel@pve!spare")["secret"]
    spare = token_header("hapanel@pve!spare", secret)
    lab.ctl("token", "privileges", "hapanel@pve!spare", "Sys.Audit")
    assert lab.ask("GET", "/cluster/status", headers=spare).status == 200
    assert lab.ask("GET", "/storage", headers=spare).data == []
    lab.ctl("token", "revoke", "hapanel@pve!spare")
    assert lab.ask("GET", "/version", headers=spare).status == 401


def test_answers_carry_proxmox_headers_and_are_packed_on_request(lab: LabProcess) -> None:
    plain = lab.ask("GET", "/cluster/resources")
    assert plain.headers["content-type"] == "application/json;charset=UTF-8"
    assert plain.headers["server"] == "pve-api-daemon/3.0"
    packed = lab.ask(
        "GET", "/cluster/resources", headers={**lab.operate, "Accept-Encoding": "gzip"}
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert {r["id"] for r in json.loads(gzip.decompress(packed.body))["data"]} == {
        r["id"] for r in plain.data
    }


def test_a_connection_is_kept_until_an_error_ends_it(lab: LabProcess) -> None:
    host = lab.hosts["master"]
    kept = http.client.HTTPSConnection(host, 8006, timeout=5, context=lab.context)
    with contextlib.closing(kept):
        for path, ends in (("version", False), ("cluster/status", False), ("nowhere", True)):
            kept.request("GET", f"/api2/json/{path}", headers=lab.operate)
            answer = kept.getresponse()
            answer.read()
            assert answer.will_close is ends


def fails(lab: LabProcess, timeout: float = 1.0) -> str:
    """How asking master for its version ends."""
    try:
        answer = lab.ask("GET", "/version", node="master", timeout=timeout)
    except (OSError, http.client.HTTPException) as fault:
        return type(fault).__name__
    return verdict(answer)


def verdict(answer: Answer) -> str:
    """Whether the body is what it should be."""
    try:
        return f"{answer.status} {bool(answer.json)}"
    except ValueError:
        return f"{answer.status} unreadable"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (["ok"], "200 True"),
        (["refuse"], "ConnectionRefusedError"),
        (["hang"], "TimeoutError"),
        (["hang-body"], "TimeoutError"),
        (["drop-answer"], "RemoteDisconnected"),
        (["error", "502"], "502 False"),
        (["garbage"], "200 unreadable"),
        (["html"], "200 unreadable"),
        (["cut-json"], "200 unreadable"),
    ],
)
def test_a_faulty_api_fails_in_its_own_way_and_recovers(
    lab: LabProcess, words: list[str], outcome: str
) -> None:
    lab.ctl("api", "master", *words)
    assert fails(lab, timeout=0.5 if outcome == "TimeoutError" else 5) == outcome
    lab.ctl("api", "master", "ok")
    assert fails(lab, timeout=5) == "200 True"


def test_a_slow_api_is_slow_and_a_huge_answer_is_huge(lab: LabProcess) -> None:
    lab.ctl("api", "master", "slow", "250")
    began = time.monotonic()
    assert fails(lab, timeout=5) == "200 True"
    assert time.monotonic() - began >= 0.25
    lab.ctl("api", "master", "huge", "3", "GET", "/version")
    assert len(lab.ask("GET", "/version", node="master").body) > 3_000_000
    assert lab.ask("GET", "/cluster/nextid", node="master").data == "102"


def test_a_dropped_answer_comes_after_the_work_was_done(lab: LabProcess) -> None:
    lab.ctl("api", "master", "drop-answer", "POST", "/status/", "--once")
    path = "/nodes/master/qemu/100/status/suspend"
    with pytest.raises(http.client.RemoteDisconnected):
        lab.ask("POST", path, node="master")
    tasks = lab.ask("GET", "/nodes/master/tasks", {"source": "all", "typefilter": "qmpause"})
    assert tasks.json["total"] >= 1
    assert lab.ask("POST", "/nodes/master/qemu/100/status/resume").status == 200


def test_other_nodes_notice_a_refusing_and_a_hanging_api(lab: LabProcess) -> None:
    lab.ctl("api", "master", "refuse")
    refused = lab.ask("GET", "/nodes/master/status", node="slave")
    assert (refused.status, refused.reason, refused.body) == (595, "Connection refused", b"")
    lab.ctl("api", "master", "hang")
    hung = lab.ask("GET", "/nodes/master/status", node="slave")
    assert (hung.status, hung.reason) == (596, "Connection timed out")


def connect(host: str, port: int, outcomes: list[str]) -> None:
    """Tries to connect for half a second."""
    with socket.socket() as client:
        client.settimeout(0.5)
        try:
            client.connect((host, port))
            outcomes.append("connected")
        except TimeoutError:
            outcomes.append("swallowed")
        except OSError:
            outcomes.append("refused")


def swarm(host: str, port: int) -> Counter[str]:
    """How forty clients fare that connect at once."""
    outcomes: list[str] = []
    clients = [threading.Thread(target=connect, args=(host, port, outcomes)) for _ in range(40)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return Counter(outcomes)


def test_a_crashed_node_is_a_black_hole_and_ha_brings_its_guests_back(lab: LabProcess) -> None:
    kept = http.client.HTTPSConnection(lab.hosts["master"], 8006, timeout=0.5, context=lab.context)
    kept.request("GET", "/api2/json/version", headers=lab.operate)
    kept.getresponse().read()
    service = lab.guest(100)["address"]
    lab.ctl("crash", "master")
    assert swarm(lab.hosts["master"], 8006) == {"swallowed": 40}
    assert swarm(service, 8080) == {"swallowed": 40}
    kept.request("GET", "/api2/json/version", headers=lab.operate)
    with contextlib.closing(kept), pytest.raises(TimeoutError):
        kept.getresponse()
    rows = lab.ask("GET", "/cluster/status", node="slave").data
    online = {row["name"]: row["online"] for row in rows if row["type"] == "node"}
    assert online == {"master": 0, "slave": 1}
    lab.ctl("power-on", "master")
    eventually(lambda: lab.ctl("status")["nodes"]["master"]["power"] == "on")
    assert fails(lab) == "200 True"
    eventually(lambda: lab.guest(100)["state"] == "running", seconds=15)
    eventually(lambda: swarm(service, 8080) == {"connected": 40})
