"""Removing what the split-brain assistant took, with nodes in memory and killed workers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.operations import machine
from hapanel.operations.cancel import request_cancel
from hapanel.operations.models import Operation, State
from hapanel.operations.remove_snapshot import RemovalWish, request_removal
from hapanel.operations.wishes import Asker, Via
from hapanel.ports.node_shell import LvmVolume, OrderAnswer
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors
from tests.fake_nodes import FakeNodes, losing_answers, record_replication
from tests.pure.drbd.stage import P, S, peer, split, told

OURS = "pve/hapanel-rs-0-17"
LINE = f"lvremove --yes {OURS}"
PAGE = "/clusters/clusterubd/replication/rs/slave/snapshots/pve/hapanel-rs-0-17/remove/"
ACTIONS = "/api/v1/drbd-resources/clusterubd/rs/actions/"
HEALTHY = (told("master", P, peer()), told("slave", S, peer(role=P)))
TAKEN = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)


class Killed(BaseException):
    """The worker was killed here."""


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture
def nodes(clusterubd: Cluster) -> FakeNodes:
    """After a recovery: both sides whole, the assistant's snapshot on slave, and somebody's own."""
    nodes = FakeNodes(HEALTHY)
    nodes.volumes = [
        LvmVolume(vg="pve", lv="r0", size=2**30, active=True),
        LvmVolume(
            vg="pve", lv="hapanel-rs-0-17", size=2**26, origin="r0", filled=12.4, made_at=TAKEN
        ),
        LvmVolume(vg="pve", lv="hapanel-other-0-3", size=2**26, origin="r1"),
    ]
    record_replication(clusterubd, nodes, {100: "master"})
    return nodes


@pytest.fixture
def by_oda(oda: User) -> Asker:
    return Asker("oda", Via.API, oda)


def asked(cluster: Cluster, by: Asker, snapshot: str = OURS, confirm: str = "") -> Operation:
    return request_removal(RemovalWish(cluster, "rs", "slave", snapshot, confirm), by)


def run(operation: Operation, nodes: FakeNodes, *, seconds: float = 40) -> Operation:
    clock = VirtualClock(max(timezone.now(), operation.look_at))
    doors = FakeDoors(FakeCluster(clock))
    doors.nodes = nodes
    end = clock.now() + timedelta(seconds=seconds)
    while clock.now() < end and operation.ended_at is None:
        try:
            wait = machine.advance(operation.pk, doors, clock)
        except Killed:
            wait = None
        operation.refresh_from_db()
        clock.advance(1.0 if wait is None else max(wait, 0.05))
    return operation


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


def test_it_is_removed_once_and_leaves_the_page_at_once(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker, as_oda: Client
) -> None:
    shown = as_oda.get("/clusters/clusterubd/replication/rs/").content.decode()
    assert OURS in shown
    assert PAGE in shown
    assert "hapanel-other" not in shown[shown.index('id="snapshots"') :].split("</section>")[0]
    operation = run(asked(clusterubd, by_oda), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.sent == [("slave", LINE)]
    assert operation.timeline.last().code == "snapshot_removed"  # type: ignore[union-attr]
    told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()["snapshots"]
    assert [one["node"] for one in told] == ["master"], "the fake's nodes have one list of volumes"
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"snapshot_removal_requested", "snapshot_removal_ended"} <= actions


def test_rest_tells_size_age_and_use_and_removes_it(
    nodes: FakeNodes, as_oda: Client, as_hal: Client
) -> None:
    told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()["snapshots"][1]
    assert told == {
        "node": "slave",
        "snapshot": OURS,
        "origin": "r0",
        "size": 2**26,
        "filled": 12.4,
        "taken_at": "2026-11-29T20:00:00Z",
    }
    body = {"action": "remove-snapshot", "node": "slave", "snapshot": OURS}
    plan = as_oda.post(ACTIONS, {**body, "dry_run": True}, content_type="application/json")
    assert (plan.status_code, plan.json()["possible"], plan.json()["commands"]) == (
        200,
        True,
        [LINE],
    )
    assert not Operation.objects.exists()
    made = as_oda.post(ACTIONS, body, content_type="application/json")
    assert (made.status_code, made.json()["kind"]) == (202, "remove_snapshot")
    again = as_oda.post(ACTIONS, body, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "drbd-operation-in-progress")
    assert as_hal.post(ACTIONS, body, content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        ("pve/r0", "snapshot-not-ours"),
        ("pve/hapanel-other-0-3", "snapshot-not-ours"),
        ("pve/hapanel-rs-0-17x", "snapshot-not-ours"),
        ("", "snapshot-not-ours"),
        ("pve/hapanel-rs-0-99", "snapshot-gone"),
        ("vg_drbd/hapanel-rs-0-17", "snapshot-gone"),
    ],
)
def test_what_is_not_the_assistants_is_never_touched(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker, snapshot: str, code: str
) -> None:
    with pytest.raises(Refused, match=code):
        asked(clusterubd, by_oda, snapshot)


def test_while_the_split_brain_stands_the_nodes_name_is_wanted(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker, as_oda: Client
) -> None:
    nodes.says = split()
    record_replication(clusterubd, nodes, {100: "master"})
    with pytest.raises(Refused, match="snapshot-still-needed"):
        asked(clusterubd, by_oda)
    dialog = as_oda.get(PAGE).content.decode()
    assert "Type the node’s name, slave" in dialog  # noqa: RUF001
    assert as_oda.post(PAGE, {"confirm": "master"}).status_code == 422
    sent = as_oda.post(PAGE, {"confirm": "slave"})
    assert sent.status_code == 302
    operation = run(Operation.objects.get(), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome


def test_a_split_brain_that_came_meanwhile_stops_it(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker
) -> None:
    operation = asked(clusterubd, by_oda)
    nodes.says = split()
    assert outcome(run(operation, nodes)) == "snapshot-still-needed"
    assert nodes.sent == []


def test_a_lost_answer_is_read_from_the_nodes_volumes(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker
) -> None:
    nodes.after = losing_answers(LINE)
    assert run(asked(clusterubd, by_oda), nodes).state == State.SUCCEEDED
    assert nodes.lines == [LINE]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_worker_sends_nothing_twice(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker, when: str
) -> None:
    def kill(_line: str) -> None:
        setattr(nodes, when, lambda _line: None)
        raise Killed

    setattr(nodes, when, kill)
    operation = run(asked(clusterubd, by_oda), nodes)
    if when == "after":
        assert (operation.state, nodes.lines) == (State.SUCCEEDED, [LINE])
    else:
        assert (outcome(operation), nodes.lines) == ("drbd-order-unanswered", [])


def test_lvms_own_words_end_it(clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker) -> None:
    nodes.answers[LINE] = OrderAnswer(exit=5, said="Logical volume pve/x in use.")
    operation = run(asked(clusterubd, by_oda), nodes)
    assert outcome(operation) == "lvm-refused"


def test_it_can_be_cancelled_until_it_is_sent(
    clusterubd: Cluster, nodes: FakeNodes, by_oda: Asker
) -> None:
    operation = request_cancel(asked(clusterubd, by_oda), by_oda)
    assert operation.state == State.CANCELLED
    nodes.answers[LINE] = OrderAnswer(exit=0)
    nodes.after = losing_answers(LINE)
    operation = asked(clusterubd, by_oda)
    Operation.objects.filter(pk=operation.pk).update(state=State.RUNNING, sent_at=timezone.now())
    with pytest.raises(Refused, match="drbd-cannot-cancel"):
        request_cancel(operation, by_oda)


def test_a_dialog_of_a_snapshot_that_is_gone_says_so(nodes: FakeNodes, as_oda: Client) -> None:
    gone = as_oda.get(PAGE.replace("-17", "-99")).content.decode()
    assert "slave has no snapshot pve/hapanel-rs-0-99" in gone
    assert as_oda.get(PAGE.replace("/rs/", "/none/")).status_code == 404
