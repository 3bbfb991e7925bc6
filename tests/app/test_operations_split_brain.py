"""The split-brain assistant as an operation: refusals, the whole way, and a worker that dies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from hapanel.accounts.models import User
from hapanel.drbd.recovery import OF_GUESTS, Act, RecoveryStep
from hapanel.kernel.refusal import Refused
from hapanel.observe import replication_desk
from hapanel.operations.cancel import request_cancel
from hapanel.operations.models import Operation, State
from hapanel.operations.split_brain import SplitBrainWish, request_split_brain
from hapanel.operations.wishes import Asker, Via
from hapanel.operations.work import Work
from hapanel.ports.node_shell import LvmVolume, OrderAnswer
from hapanel.ui.recovery_words import step_words
from nodes.models import Cluster, DrbdNode
from tests.app.recovery_stage import DISCARD, WAY, Killed, codes, parted_nodes, run
from tests.fake_nodes import FakeNodes, losing_answers, record_replication

PAGE = "/clusters/clusterubd/replication/rs/split-brain/"
ACTIONS = "/api/v1/drbd-resources/clusterubd/rs/actions/"
FILE = {
    "path": "/etc/drbd.d/rs.res",
    "text": "resource rs { device /dev/drbd0; meta-disk internal;"
    " on master { disk /dev/pve/r0; } on slave { disk /dev/pve/r0; } }",
}


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada)


@pytest.fixture
def nodes(clusterubd: Cluster) -> FakeNodes:
    """Both sides in a split brain; slave runs no guest, and follows what it is told."""
    nodes = parted_nodes()
    record_replication(clusterubd, nodes, {100: "master", 101: "master"})
    return nodes


Ask = Callable[..., Operation]


@pytest.fixture
def ask(clusterubd: Cluster, by_ada: Asker, nodes: FakeNodes) -> Ask:
    def asked(victim: str = "slave", confirm: str = "slave", without: bool = True) -> Operation:
        wish = SplitBrainWish(clusterubd, "rs", victim, confirm, without)
        return request_split_brain(wish, by_ada)

    return asked


def test_the_whole_way_ends_up_to_date_with_the_groups_as_they_were(
    ask: Ask, nodes: FakeNodes
) -> None:
    operation = run(ask(), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.sent == WAY
    assert nodes.active == {"master", "slave"}
    assert codes(operation)[-1] == "split_brain_over"
    assert "split_brain_sync" in codes(operation)


def test_a_snapshot_is_taken_first_where_a_volume_lies_below(
    clusterubd: Cluster, ask: Ask, nodes: FakeNodes
) -> None:
    nodes.volumes = [LvmVolume(vg="pve", lv="r0", size=2**30, active=True)]
    nodes.free = 2**30
    record_replication(clusterubd, nodes, {100: "master"})
    DrbdNode.objects.filter(cluster=clusterubd).update(files=[FILE])
    operation = run(ask(without=False), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.lines[0].startswith(f"lvcreate --snapshot --name hapanel-rs-0-{operation.pk} ")
    assert nodes.sent[1:] == WAY


@pytest.mark.parametrize(
    ("victim", "confirm", "without", "code"),
    [
        ("master", "master", True, "victim-runs-guests"),
        ("third", "third", True, "drbd-node-unknown"),
        ("slave", "master", True, "drbd-name-not-typed"),
        ("slave", "slave", False, "copy-no-volume-below"),
    ],
)
def test_what_must_not_be_given_up_is_refused(
    ask: Ask, victim: str, confirm: str, without: bool, code: str
) -> None:
    with pytest.raises(Refused, match=code):
        ask(victim, confirm, without)


def test_a_guest_that_came_meanwhile_stops_it_before_anything_is_sent(
    clusterubd: Cluster, ask: Ask, nodes: FakeNodes
) -> None:
    operation = ask()
    record_replication(clusterubd, nodes, {100: "slave", 101: "slave"})
    run(operation, nodes)
    assert operation.outcome is not None
    assert (operation.outcome["code"], nodes.sent) == ("victim-runs-guests", [])


@pytest.mark.parametrize("line", [line for _node, line in WAY])
@pytest.mark.parametrize("where", ["before", "after", "lost"])
def test_a_worker_that_dies_or_hears_nothing_at_any_step_changes_nothing(
    ask: Ask, nodes: FakeNodes, line: str, where: str
) -> None:
    def fault(told: str) -> None:
        if told == line:
            nodes.before = nodes.after = lambda _line: None
            if where == "lost":
                losing_answers(line)(told)
            raise Killed

    setattr(nodes, "before" if where == "before" else "after", fault)
    operation = run(ask(), nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.sent == WAY


@pytest.mark.parametrize("commits", range(1, 20, 3))
def test_a_worker_killed_after_any_commit_is_taken_up(
    ask: Ask, nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    operation, left, real = ask(), [commits], Work.commit

    def commit(work: Work, *notes: Any, **changes: Any) -> None:
        real(work, *notes, **changes)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(Work, "commit", commit)
    run(operation, nodes)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert nodes.sent == WAY


def test_what_lvm_refuses_ends_it_and_a_new_one_takes_up_the_rest(
    ask: Ask, nodes: FakeNodes
) -> None:
    said = "  Logical volume vg_drbd/vm-101-disk-0 in use.\n"
    nodes.answers["vgchange -an vg_drbd"] = OrderAnswer(exit=5, said=said)
    operation = run(ask(), nodes)
    assert operation.outcome is not None
    assert operation.outcome["code"] == "lvm-refused"
    nodes.answers.clear()
    assert run(ask(), nodes).state == State.SUCCEEDED


def test_it_can_be_left_until_changes_are_given_up(
    ask: Ask, nodes: FakeNodes, by_ada: Asker
) -> None:
    operation = ask()

    def cancel(line: str) -> None:
        if line == "drbdadm secondary rs":
            request_cancel(operation, by_ada)

    nodes.before = cancel
    run(operation, nodes)
    assert (operation.state, DISCARD in nodes.lines) == (State.CANCELLED, False)


def test_it_cannot_be_left_afterwards(ask: Ask, nodes: FakeNodes, by_ada: Asker) -> None:
    operation = run(ask(), nodes, seconds=3)
    assert DISCARD in nodes.lines
    with pytest.raises(Refused, match="drbd-cannot-cancel"):
        request_cancel(operation, by_ada)
    assert run(operation, nodes).state == State.SUCCEEDED


def test_the_page_shows_both_sides_and_wants_the_name(
    nodes: FakeNodes, as_oda: Client, as_hal: Client
) -> None:
    shown = as_oda.get(PAGE).content.decode()
    assert "No guest of rs runs on slave" in shown
    assert "Guests of rs run on master: 100 siakad, 101 elearning." in shown
    assert f"slave# {DISCARD}" in shown
    verdict = as_oda.get("/clusters/clusterubd/replication/rs/").content.decode()
    assert PAGE in verdict
    told = {"victim": "slave", "confirm": "slave", "without_copy": "on"}
    assert as_hal.post(PAGE, told).status_code == 403
    assert as_oda.post(PAGE, told | {"confirm": "x"}).status_code == 422
    assert as_oda.post(PAGE, told).status_code == 302
    operation = Operation.objects.get()
    assert operation.get_absolute_url() in as_oda.get(PAGE).content.decode()


def test_its_page_lists_every_step_and_where_it_stands(
    ask: Ask, nodes: FakeNodes, as_oda: Client
) -> None:
    operation = run(ask(), nodes, seconds=3)
    shown = as_oda.get(operation.get_absolute_url()).content.decode()
    listed = shown.partition('<ol class="steps">')[2].partition("</ol>")[0]
    steps = re.findall(r'<li data-state="(\w+)">.*?<b>(.*?)</b>', listed)
    assert [state for state, _word in steps] == ["ok"] * 5 + ["busy"] + ["off"] * 2
    assert steps[3][1] == "Give up what slave alone has written"
    assert steps[5][1] == "Sync slave until both sides are UpToDate"
    assert '<span id="percent">30 %</span>' in shown
    assert run(operation, nodes).state == State.SUCCEEDED
    shown = as_oda.get(operation.get_absolute_url()).content.decode()
    assert "The split brain of rs is over: both sides are UpToDate" in shown


@pytest.mark.parametrize("act", Act)
def test_every_step_has_its_words(act: Act) -> None:
    about = "101" if act in OF_GUESTS else "vg_drbd"
    step = RecoveryStep(act, "slave", "", about).as_record()
    words = step_words(step, {"101": {"name": "elearning"}})
    assert ("101 elearning" if act in OF_GUESTS else "slave") in words
    assert "%" not in words


def test_rest_takes_the_same_way(nodes: FakeNodes, as_oda: Client) -> None:
    def post(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = as_oda.post(ACTIONS, body, content_type="application/json")
        return answer.status_code, answer.json()

    asked = {"action": "resolve-split-brain", "victim": "slave", "confirm": "slave"}
    status, plan = post(asked | {"dry_run": True})
    assert (status, plan["possible"], plan["commands"][0]) == (200, False, "vgchange -an vg_drbd")
    assert post(asked)[1]["code"] == "copy-no-volume-below"
    assert post(asked | {"victim": "master"})[1]["code"] == "victim-runs-guests"
    status, made = post(asked | {"without_copy": True})
    assert (status, made["kind"]) == (202, "resolve_split_brain")
