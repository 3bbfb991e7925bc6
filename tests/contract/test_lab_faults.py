"""What `ctl` makes wrong with the lab's answers, so that clients can be tried on it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from tests.contract.lab_process import LabProcess, running


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One lab for all tests here; each takes back what it did."""
    with running("clusterubd", 120) as lab:
        yield lab


def test_a_connection_is_reset_and_another_one_drips(lab: LabProcess) -> None:
    lab.ctl("api", "master", "reset")
    with pytest.raises(ConnectionResetError):
        lab.ask("GET", "/version", node="master")
    lab.ctl("api", "master", "drip", "GET", "/version")
    raw = b"GET /api2/json/version HTTP/1.1\r\n\r\n"
    with (
        socket.create_connection((lab.hosts["master"], 8006), 5) as plain,
        lab.context.wrap_socket(plain, server_hostname=lab.hosts["master"]) as tls,
    ):
        tls.sendall(raw)
        assert [tls.recv(4096) for _ in range(3)] == [b"H", b"T", b"T"]
    lab.ctl("api", "master", "ok")


def test_a_late_fault_comes_after_the_work_and_a_refusal_instead_of_it(lab: LabProcess) -> None:
    def done() -> int:
        asked = {"source": "all", "typefilter": "vzsuspend"}
        return int(lab.ask("GET", "/nodes/master/tasks", asked).json.get("total", 0))

    path, before = "/nodes/master/lxc/101/status/suspend", done()
    lab.ctl("api", "master", "error", "401", "POST", "--once")
    assert lab.ask("POST", path).reason == "Authentication failed!"
    assert done() == before
    lab.ctl("api", "master", "error", "596", "POST", "--once")
    assert lab.ask("POST", path).status == 596
    assert done() == before + 1
    lab.ask("POST", "/nodes/master/lxc/101/status/resume")


def test_answers_that_make_no_sense_are_still_json(lab: LabProcess) -> None:
    lab.ctl("api", "master", "wrong-types")
    rows = lab.ask("GET", "/cluster/resources").data
    assert rows[-2:] == ["a row that is none", None]
    assert all(isinstance(row["maxmem"], dict) for row in rows[:-2] if row["type"] == "qemu")
    lab.ctl("api", "master", "unknown-words")
    rows = lab.ask("GET", "/cluster/resources").data
    assert {row["status"] for row in rows if row["type"] == "lxc"} == {"hibernating"}
    assert "hologram" in {row["type"] for row in rows}
    lab.ctl("api", "master", "flicker", "GET", "/cluster/status")
    told = {lab.ask("GET", "/cluster/status").data[0]["quorate"] for _ in range(30)}
    assert told == {0, 1}
    lab.ctl("api", "master", "other-cluster")
    rows = lab.ask("GET", "/cluster/status").data
    assert {row["name"] for row in rows} == {"otherclusterubd", "othermaster", "otherslave"}
    lab.ctl("api", "master", "ok")


def test_a_renamed_node_is_called_so_in_every_answer_and_in_paths(lab: LabProcess) -> None:
    lab.ctl("rename-node", "slave", "pve7")
    assert {row["node"] for row in lab.ask("GET", "/nodes").data} == {"master", "pve7"}
    assert lab.ask("GET", "/nodes/pve7/status").status == 200
    status = lab.ask("GET", "/cluster/ha/status/current").data
    assert {row["node"] for row in status if row["type"] == "lrm"} == {"master", "pve7"}
    lab.ctl("rename-node", "slave", "slave")
    assert {row["node"] for row in lab.ask("GET", "/nodes").data} == {"master", "slave"}


def test_a_clock_that_is_hours_off_is_told_by_every_node(lab: LabProcess) -> None:
    lab.ctl("clock", "master", "-10800")
    upid = lab.ask("POST", "/nodes/master/qemu/100/status/suspend").data
    stamp = int(upid.split(":")[4], 16)
    assert abs(time.time() - 10800 - stamp) < 5
    assert lab.end_of(upid)["exitstatus"] == "OK"
    asked = {"source": "all", "typefilter": "qmpause", "since": stamp - 2}
    assert upid in {t["upid"] for t in lab.ask("GET", "/nodes/master/tasks", asked).data}
    there = parsedate_to_datetime(lab.ask("GET", "/version", node="master").headers["date"])
    assert abs(time.time() - 10800 - there.timestamp()) < 5
    lab.ctl("clock", "master", "0")
    lab.ask("POST", "/nodes/master/qemu/100/status/resume")


def test_another_certificate_is_shown_from_one_moment_to_the_next(lab: LabProcess) -> None:
    def shown() -> str:
        return ssl.get_server_certificate((lab.hosts["slave"], 8006))

    before = shown()
    lab.ctl("api", "slave", "certificate", "strange")
    with pytest.raises(ssl.SSLCertVerificationError):
        lab.ask("GET", "/version", node="slave")
    lab.ctl("api", "slave", "certificate", "renewed")
    assert lab.ask("GET", "/version", node="slave").status == 200
    assert shown() != before


def test_a_token_expires_and_every_ticket_is_void(lab: LabProcess) -> None:
    ticket = lab.sign_in()
    assert lab.ask("GET", "/version", headers=ticket).status == 200
    lab.ctl("tickets", "void")
    assert lab.ask("GET", "/version", headers=ticket).status == 401
    lab.ctl("token", "expire", lab.ready["watch_token_id"])
    assert lab.ask("GET", "/version", headers=lab.watch).status == 401
    lab.ctl("token", "expire", lab.ready["watch_token_id"], "never")
    assert lab.ask("GET", "/version", headers=lab.watch).status == 200


def test_a_number_that_is_used_again_belongs_to_another_guest(lab: LabProcess) -> None:
    before = lab.ask("GET", "/nodes/master/qemu/100/config").data
    lab.ctl("guest", "100", "reuse", "journal")
    after = lab.ask("GET", "/nodes/master/qemu/100/config").data
    assert (before["name"], after["name"]) == ("siakad", "journal")
    assert before["smbios1"] != after["smbios1"]
    assert before["net0"] != after["net0"]
    lab.ctl("guest", "100", "reuse", "siakad")
