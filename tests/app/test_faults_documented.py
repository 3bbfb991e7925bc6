"""docs/faults.md, row by row: each fault is made, and everybody says what the table says."""

from __future__ import annotations

import contextlib
import html
import logging
import re
import socket
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel import wiring
from hapanel.accounts.models import User
from hapanel.accounts.vault import seal
from hapanel.gateways.proxmox import ProxmoxGateway, Timeouts, transport
from hapanel.kernel.clock import VirtualClock
from hapanel.lab.faults import Misbehaviour
from hapanel.observe import memory
from hapanel.observe.round import observe
from hapanel.operations.migrate import request_migration
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.wishes import Asker, MigrationWish, Via
from hapanel.operations.words import TIMELINE
from hapanel.ports import errors
from nodes.models import Cluster, Mode
from tests.app.test_operations_machine import at, codes, outcome, run
from tests.contract.lab_process import LabProcess, running
from tests.fake_cluster import FakeCluster

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text()
REFUSALS = (Path(__file__).resolve().parents[2] / "docs" / "refusals.md").read_text()
QUICK = Timeouts(connect=0.5, trial=0.5, look=0.5, direct=0.5, proxied=1.0, write=1.0, pulse=0.3)


@dataclass(frozen=True)
class Row:
    """One fault: how it is made, and what has to be found where."""

    fault: str
    made: str
    log: tuple[str, ...]
    page: tuple[str, ...]
    api: tuple[str, ...]
    operation: str


def _code(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def _cells(part: str, columns: int) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in lines if len(cells) == columns]


def _rows() -> list[Row]:
    return [
        Row(name, made.strip("`"), _code(log), _code(page), _code(api), operation)
        for name, made, log, page, api, operation in _cells(TEXT, 6)
        if name != "fault"
    ]


# A revoked token stays so: what needs it comes before.
ROWS = sorted(_rows(), key=lambda row: row.made.startswith("token revoke"))
KINDS = {cells[0].strip("`"): cells[1:] for cells in _cells(TEXT, 3) if cells[0] != "error"}
ERRORS: dict[str, type[errors.ClusterError]] = {
    each.kind: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, errors.ClusterError) and each.kind != "error"
}


# Complete


@pytest.mark.parametrize("kind", [each for each in Misbehaviour if each is not Misbehaviour.OK])
def test_every_fault_of_the_lab_has_its_row(kind: Misbehaviour) -> None:
    assert any(re.match(rf"api \S+ {kind.value}\b", row.made) for row in ROWS)


def test_every_kind_of_error_has_its_row() -> None:
    assert set(KINDS) == set(ERRORS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_the_operations_words_exist(row: Row) -> None:
    assert row.operation
    for code in _code(row.operation):
        known = code in KINDS or code in TIMELINE or f"### {code}\n" in REFUSALS
        assert known or "as `" not in row.operation, code


# Made


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("clusterubd", 120) as process:
        yield process


@pytest.fixture
def watched(lab: LabProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The lab's cluster, seen well by a panel that has just been started."""
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())
    monkeypatch.setattr(memory, "PATIENCE", timedelta(0))
    monkeypatch.setattr(wiring, "_board", wiring._Board())
    monkeypatch.setattr(wiring, "ProxmoxGateway", partial(ProxmoxGateway, timeouts=QUICK))
    monkeypatch.setattr(transport, "MAX_BODY", 1_000_000)
    cluster = Cluster.objects.create(
        name="clusterubd",
        pve_name="clusterubd",
        addresses=[node["url"] for node in lab.ready["nodes"]],
        ca_pem=lab.ready["ca"],
        token_id=lab.ready["token_id"],
        encrypted_secret=seal(lab.ready["token_secret"]),
        mode=Mode.OPERATE,
    )
    clock = [1_000_000.0]

    def now() -> float:
        clock[0] += 3.0
        return clock[0]

    monkeypatch.setattr("hapanel.observe.round.now", now)
    look(cluster)
    assert cluster.reach == "ok", cluster.reach_detail
    yield cluster
    for node in lab.hosts:
        lab.ctl("api", node, "ok")
        lab.ctl("clock", node, "0")
        lab.ctl("rename-node", node, node)
        lab.ctl("api", node, "certificate", "renewed")
    with contextlib.suppress(urllib.error.HTTPError):
        lab.ctl("token", "expire", lab.ready["token_id"], "never")
    lab.ctl("heal", *lab.hosts, "--network", "cluster")
    lab.ctl("guest", "100", "reuse", "siakad")


def look(cluster: Cluster) -> None:
    cluster.refresh_from_db()
    with wiring.gateway_of(cluster) as gateway:
        observe(cluster, gateway)
    cluster.refresh_from_db()


@contextlib.contextmanager
def made(lab: LabProcess, row: Row, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if row.made == "no name server":

        def nobody(*_args: object, **_more: object) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        with monkeypatch.context() as patched:
            patched.setattr(wiring, "_board", wiring._Board())
            patched.setattr(socket, "getaddrinfo", nobody)
            yield
        return
    for node in lab.hosts if "NODE" in row.made else ("",):
        words = row.made.replace("NODE", node).replace("TOKEN", lab.ready["token_id"])
        words = words.replace("huge 70", "huge 2")  # MAX_BODY is less here as well
        lab.ctl(*words.split())
    if row.made.startswith("cut"):
        time.sleep(0.3)  # corosync takes its time to notice, shortened by the lab's speed
    yield


def page_of(client: Client) -> str:
    """Everything that the cluster's pages say, as a reader sees it."""
    cluster = "clusters/clusterubd/"
    paths = (cluster, f"{cluster}ha/", f"{cluster}guests/100/", f"settings/{cluster}")
    raw = " ".join(client.get(f"/{path}").content.decode() for path in paths)
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", raw)).split())


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_everybody_says_what_the_table_says(
    row: Row,
    lab: LabProcess,
    watched: Cluster,
    as_ada: Client,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    caplog.clear()
    with made(lab, row, monkeypatch):
        for _ in range(2):
            look(watched)
    said = "\n".join(record.getMessage() for record in caplog.records)
    for words in row.log:
        assert words in said
    if not row.log:
        warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
        assert warnings == []
    if watched.attempted_at != watched.observed_at:
        Cluster.objects.update(observed_at=timezone.now() - timedelta(seconds=20))
    if "in part" in said:
        Cluster.objects.update(ha_seen_at=timezone.now() - timedelta(seconds=20))
    page = page_of(as_ada)
    for words in row.page:
        assert words in page
    told = as_ada.get("/api/v1/clusters/clusterubd/").json()
    for pair in row.api:
        name, _, value = pair.partition(": ")
        assert str(told[name]).removesuffix(".0") == value, pair


# Operations


def _asked(cluster: Cluster, oda: User) -> Operation:
    wish = MigrationWish(cluster=cluster, vmid=100, target="slave")
    return request_migration(wish, Asker("oda", Via.API, oda))


def _answer_with(cluster: FakeCluster, error: errors.ClusterError, *methods: str) -> None:
    def act(called: str) -> None:
        if called in methods:
            raise error

    cluster.before = act


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_an_operation_ends_as_the_table_says_before_it_was_sent(
    kind: str, clusterubd: Cluster, oda: User
) -> None:
    cluster, operation = FakeCluster(VirtualClock(timezone.now())), _asked(clusterubd, oda)
    _answer_with(cluster, ERRORS[kind]("as it is said"), "resources")
    run(operation, cluster)
    [code] = _code(KINDS[kind][0])
    assert (operation.state, outcome(operation)) == (State.FAILED, code)
    assert cluster.posts == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_an_operation_under_way_only_goes_blind(kind: str, clusterubd: Cluster, oda: User) -> None:
    cluster, operation = FakeCluster(VirtualClock(timezone.now())), _asked(clusterubd, oda)
    cluster.duration = 40.0
    run(operation, cluster, until=at(Step.FOLLOWING))
    _answer_with(cluster, ERRORS[kind]("as it is said"), "task_log", "task_status", "resources")
    run(operation, cluster, seconds=20)
    assert operation.state == State.RUNNING
    assert operation.blind_since is not None
    assert _code(KINDS[kind][1])[0] in codes(operation)
    cluster.before = lambda _called: None
    run(operation, cluster)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert "sighted" in codes(operation)
    assert len(cluster.posts) == 1
