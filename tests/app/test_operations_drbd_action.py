"""Actions on a DRBD resource as operations, with nodes in memory and workers that are killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.drbd.actions import Action
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.operations import machine
from hapanel.operations.cancel import request_cancel
from hapanel.operations.drbd_action import DrbdWish, request_drbd_action
from hapanel.operations.models import Operation, State
from hapanel.operations.wishes import Asker, Via
from hapanel.operations.work import Work
from hapanel.ports.errors import Unreachable
from hapanel.ports.node_shell import OrderAnswer
from hapanel.ports.replication import NodeReplication, Pause, ReplicationState
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors
from tests.fake_nodes import FakeNodes, losing_answers, record_replication
from tests.pure.drbd.stage import ALONE, BAD, P, S, peer, silent, split, told

ACTIONS = "/api/v1/drbd-resources/clusterubd/rs/actions/"
HEALTHY = (told("master", P, peer()), told("slave", S, peer(role=P)))
APART = (told("master", P, peer(ALONE, oos=4)), told("slave", S, peer(ALONE)))


class Killed(BaseException):
    """The worker was killed here."""


def syncing(percent: float, paused: tuple[Pause, ...] = ()) -> tuple[NodeReplication, ...]:
    state = ReplicationState.PAUSED_SYNC_T if paused else ReplicationState.SYNC_TARGET
    moving = peer(role=P, state=state, oos=9, percent=percent, rate=2.0**20, paused=paused)
    return (told("master", P, peer(disk=BAD)), told("slave", S, moving, disk=BAD))


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture
def by_oda(oda: User) -> Asker:
    return Asker("oda", Via.API, oda)


@pytest.fixture
def nodes() -> FakeNodes:
    return FakeNodes(HEALTHY)


Ask = Callable[..., Operation]


@pytest.fixture
def ask(clusterubd: Cluster, by_oda: Asker, nodes: FakeNodes) -> Ask:
    """Record what the nodes say, then a wish."""

    def asked(action: Action, node: str = "slave", confirm: str = "") -> Operation:
        record_replication(clusterubd, nodes, {100: "master"})
        return request_drbd_action(DrbdWish(clusterubd, "rs", node, action, confirm), by_oda)

    return asked


def run(operation: Operation, nodes: FakeNodes, *, seconds: float = 60) -> Operation:
    """Let workers advance it until it ends or the time is up."""
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


def codes(operation: Operation) -> list[str]:
    return [entry.code for entry in operation.timeline.all()]


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None
    return str(operation.outcome["code"])


def test_an_order_is_sent_once_and_its_effect_is_seen(ask: Ask, nodes: FakeNodes) -> None:
    nodes.effects["drbdadm disconnect rs"] = APART
    operation = run(ask(Action.DISCONNECT), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.sent == [("slave", "drbdadm disconnect rs")]
    assert codes(operation)[-2:] == ["drbd_ordered", "drbd_done"]
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"drbd_action_requested", "drbd_action_ended"} <= actions


def test_a_sync_that_a_connect_starts_is_followed_to_its_end(ask: Ask, nodes: FakeNodes) -> None:
    nodes.says = APART
    nodes.effects["drbdadm connect rs"] = syncing(40.0)
    operation = run(ask(Action.CONNECT), nodes, seconds=8)
    assert (operation.state, operation.percent) == (State.RUNNING, 40.0)
    assert operation.rate == 2**20
    nodes.says = HEALTHY
    assert run(operation, nodes).state == State.SUCCEEDED
    assert operation.percent == 100.0


def test_cancelling_a_sync_pauses_it(ask: Ask, nodes: FakeNodes, by_oda: Asker) -> None:
    nodes.effects["drbdadm invalidate rs"] = syncing(5.0)
    operation = run(ask(Action.INVALIDATE, confirm="slave"), nodes, seconds=5)
    nodes.effects["drbdadm pause-sync rs"] = syncing(6.0, (Pause.USER,))
    request_cancel(operation, by_oda)
    assert run(operation, nodes).state == State.CANCELLED
    assert nodes.lines == ["drbdadm invalidate rs", "drbdadm pause-sync rs"]


@pytest.mark.parametrize(("found", "code"), [(0, "drbd_verify_clean"), (12, "drbd_verify_found")])
def test_a_verify_says_what_it_found(ask: Ask, nodes: FakeNodes, found: int, code: str) -> None:
    verifying = peer(role=P, state=ReplicationState.VERIFY_S, percent=50.0)
    nodes.effects["drbdadm verify rs"] = (HEALTHY[0], told("slave", S, verifying))
    operation = run(ask(Action.VERIFY), nodes, seconds=4)
    assert operation.percent == 50.0
    nodes.says = (HEALTHY[0], told("slave", S, peer(role=P, oos=found)))
    assert run(operation, nodes).state == State.SUCCEEDED
    assert codes(operation)[-1] == code


def test_a_running_verify_cannot_be_cancelled(ask: Ask, nodes: FakeNodes, by_oda: Asker) -> None:
    verifying = peer(role=P, state=ReplicationState.VERIFY_S, percent=50.0)
    nodes.effects["drbdadm verify rs"] = (HEALTHY[0], told("slave", S, verifying))
    operation = run(ask(Action.VERIFY), nodes, seconds=4)
    with pytest.raises(Refused, match="drbd-cannot-cancel"):
        request_cancel(operation, by_oda)


def test_a_lost_answer_is_not_repeated_and_the_state_decides(ask: Ask, nodes: FakeNodes) -> None:
    nodes.effects["drbdadm disconnect rs"] = APART
    nodes.after = losing_answers("drbdadm disconnect rs")
    operation = run(ask(Action.DISCONNECT), nodes)
    assert operation.state == State.SUCCEEDED
    assert "drbd_unanswered" in codes(operation)
    assert len(nodes.sent) == 1


def test_a_lost_answer_without_an_effect_fails_and_says_so(ask: Ask, nodes: FakeNodes) -> None:
    nodes.after = losing_answers("drbdadm disconnect rs")
    operation = run(ask(Action.DISCONNECT), nodes)
    assert operation.state == State.FAILED
    assert outcome(operation) == "drbd-order-unanswered"
    assert len(nodes.sent) == 1


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_worker_killed_around_the_order_never_sends_twice(
    ask: Ask, nodes: FakeNodes, where: str
) -> None:
    nodes.effects["drbdadm disconnect rs"] = APART

    def kill(_line: str) -> None:
        setattr(nodes, where, lambda _line: None)
        raise Killed

    setattr(nodes, where, kill)
    operation = run(ask(Action.DISCONNECT), nodes)
    assert len(nodes.sent) == (1 if where == "after" else 0)
    assert operation.state == (State.SUCCEEDED if where == "after" else State.FAILED)


@pytest.mark.parametrize("commits", range(1, 5))
def test_a_worker_killed_after_any_commit_is_taken_up(
    ask: Ask, nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    nodes.effects["drbdadm disconnect rs"] = APART
    left, real = [commits], Work.commit

    def commit(work: Work, *notes: object, **changes: object) -> None:
        real(work, *notes, **changes)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    operation = ask(Action.DISCONNECT)
    monkeypatch.setattr(Work, "commit", commit)
    run(operation, nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert len(nodes.sent) == 1


def test_what_drbd_refuses_is_explained_in_its_words_without_the_secret(
    ask: Ask, nodes: FakeNodes
) -> None:
    nodes.says = (told("master", P, peer(role=P)), told("slave", P, peer(role=P)))
    said = "rs: State change failed: (-12) Device is held open by someone\n"
    nodes.answers["drbdadm secondary rs"] = OrderAnswer(exit=11, said=said)
    operation = run(ask(Action.SECONDARY), nodes)
    assert outcome(operation) == "drbd-in-use"
    assert operation.outcome is not None
    assert "held open" in operation.outcome["params"]["said"]


def test_the_worker_looks_again_before_it_sends(ask: Ask, nodes: FakeNodes) -> None:
    operation = ask(Action.PRIMARY)
    nodes.says = syncing(10.0)
    run(operation, nodes)
    assert (operation.state, outcome(operation)) == (State.FAILED, "drbd-old-data")
    assert nodes.sent == []


def test_a_node_that_cannot_be_reached_fails_it_before_anything_was_sent(
    ask: Ask, nodes: FakeNodes
) -> None:
    def away(_line: str) -> None:
        raise Unreachable("connection refused")

    nodes.before = away
    assert outcome(run(ask(Action.DISCONNECT), nodes)) == "drbd-order-not-sent"


def test_a_node_that_falls_silent_meanwhile_is_waited_for(ask: Ask, nodes: FakeNodes) -> None:
    nodes.says = APART
    nodes.effects["drbdadm connect rs"] = (APART[0], silent("slave"))
    operation = run(ask(Action.CONNECT), nodes, seconds=30)
    assert operation.state == State.RUNNING
    assert operation.blind_since is not None
    nodes.says = HEALTHY
    assert run(operation, nodes).state == State.SUCCEEDED


def test_a_link_that_parts_again_at_once_is_no_success(ask: Ask, nodes: FakeNodes) -> None:
    nodes.says = APART
    assert outcome(run(ask(Action.CONNECT), nodes)) == "drbd-parted-again"


def test_an_active_group_is_closed_first_and_a_guest_hinders_it(ask: Ask, nodes: FakeNodes) -> None:
    nodes.says = (told("master", P, peer(role=P)), told("slave", P, peer(role=P)))
    nodes.active = {"master", "slave"}
    assert outcome(run(ask(Action.SECONDARY), nodes)) == "drbd-group-active"
    assert run(ask(Action.DEACTIVATE), nodes).state == State.SUCCEEDED
    assert nodes.active == {"master"}
    with pytest.raises(Refused, match="drbd-guests-run"):
        ask(Action.DEACTIVATE, "master")


def test_a_second_operation_on_the_resource_waits_for_the_first(ask: Ask) -> None:
    first = ask(Action.DISCONNECT)
    with pytest.raises(Refused, match="drbd-operation-in-progress") as caught:
        ask(Action.VERIFY)
    assert caught.value.refusals[0].params["operation"] == first.pk


# Over REST and on the page


def test_rest_tells_the_plan_refuses_and_repeats_by_key(
    clusterubd: Cluster, nodes: FakeNodes, as_oda: Client, as_hal: Client
) -> None:
    record_replication(clusterubd, nodes, {100: "master"})

    def post(client: Client, body: dict[str, object], **headers: str) -> tuple[int, dict[str, Any]]:
        answer = client.post(ACTIONS, body, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()

    asked: dict[str, object] = {"action": "invalidate", "node": "slave"}
    status, plan = post(as_oda, asked | {"dry_run": True})
    assert (status, plan["possible"], plan["commands"]) == (200, False, ["drbdadm invalidate rs"])
    assert post(as_oda, asked)[0] == 422
    assert post(as_hal, asked)[0] == 403
    assert post(as_oda, {"action": "secondary", "node": "master"})[1]["code"] == "drbd-guests-run"
    assert post(as_oda, {"action": "verify", "node": "nowhere"})[0] == 422
    assert post(as_oda, {"action": "resize", "node": "slave"})[1]["code"] == "drbd-resize"
    key = {"Idempotency-Key": "one"}
    status, made = post(as_oda, asked | {"confirm": "slave"}, **key)
    assert (status, made["kind"], made["resource"]) == (202, "drbd_action", "rs")
    assert post(as_oda, asked | {"confirm": "slave"}, **key)[1]["id"] == made["id"]
    gone = as_oda.post(ACTIONS.replace("/rs/", "/r0/"), asked, content_type="application/json")
    assert gone.status_code == 404


def test_a_verify_may_wait_for_the_night(
    clusterubd: Cluster, nodes: FakeNodes, as_oda: Client
) -> None:
    record_replication(clusterubd, nodes, {100: "master"})
    night = (timezone.now() + timedelta(hours=5)).isoformat()
    body = {"action": "verify", "node": "slave", "not_before": night}
    made = as_oda.post(ACTIONS, body, content_type="application/json").json()
    assert made["state"] == "scheduled"


def test_the_page_offers_what_is_possible_and_says_why_the_rest_is_not(
    clusterubd: Cluster, nodes: FakeNodes, as_oda: Client, as_hal: Client
) -> None:
    record_replication(clusterubd, nodes, {100: "master"})
    shown = as_oda.get("/clusters/clusterubd/replication/rs/").content.decode()
    assert "/replication/rs/slave/verify/" in shown
    assert "/replication/rs/master/secondary/" not in shown
    assert "Guests of rs run on master: 100 siakad." in shown
    path = "/clusters/clusterubd/replication/rs/slave/invalidate/"
    assert "drbdadm invalidate rs" in as_oda.get(path).content.decode()
    assert as_oda.post(path, {"confirm": "master"}).status_code == 422
    assert as_hal.post(path, {"confirm": "slave"}).status_code == 403
    assert as_oda.get(path.replace("invalidate", "format")).status_code == 404
    assert as_oda.post(path, {"confirm": "slave"}).status_code == 302
    operation = Operation.objects.get()
    followed = as_oda.get(f"/operations/{operation.pk}/").content.decode()
    assert "Replication: invalidate rs" in followed
    answer = as_oda.post(f"/operations/{operation.pk}/cancel-replication/")
    assert answer.status_code == 302
    operation.refresh_from_db()
    assert operation.state == State.CANCELLED


def test_a_split_brain_is_not_connected_blindly(ask: Ask, nodes: FakeNodes) -> None:
    nodes.says = split()
    with pytest.raises(Refused, match="drbd-splits-again"):
        ask(Action.CONNECT)
