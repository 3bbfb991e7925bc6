"""Throwing a switch of the lab: asked, told once, seen to be so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from msgspec.structs import replace

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.live.lab_picture import last_look, remember
from hapanel.operations import machine
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.switch_lab import LabWish, Switch, cluster_of, request_switch_lab
from hapanel.operations.switch_lab_steps import PATIENCE_SECONDS
from hapanel.operations.wishes import Asker, Via
from hapanel.ports.errors import BadRequest, Unreachable
from hapanel.ports.lab import LabLink, LabNode, LabPicture
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors
from tests.fake_lab import PICTURE, FakeLab

CRASH = LabWish(Switch.CRASH, "master")
THREE = LabPicture(
    nodes={name: LabNode(power="on", address=f"127.0.42.{n}") for n, name in enumerate("abc")},
    links=(
        LabLink(nodes=("a", "b"), network="cluster", cut=True),
        LabLink(nodes=("a", "c"), network="cluster", cut=True),
        LabLink(nodes=("b", "c"), network="cluster", mbit=10),
    ),
)


@pytest.fixture(autouse=True)
def a_lab_is_configured(settings: pytest.FixtureRequest) -> None:
    settings.LAB_URL = "http://127.0.0.1:1"  # type: ignore[attr-defined]


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.PAGE, ada, "127.0.0.1")


@pytest.fixture
def lab(clusterubd: Cluster) -> FakeLab:
    remember(PICTURE)
    return FakeLab()


@pytest.fixture
def doors(lab: FakeLab) -> FakeDoors:
    doors = FakeDoors(FakeCluster(VirtualClock(timezone.now() + timedelta(minutes=1))))
    doors.lab = lab
    return doors


def run(operation: Operation, doors: FakeDoors, rounds: int = 1) -> Operation:
    for _ in range(rounds):
        doors.cluster.clock.advance(1)
        machine.carry_on(operation.pk, doors, doors.cluster.clock)
    operation.refresh_from_db()
    return operation


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [refusal.code for refusal in refused.value.refusals]


@pytest.mark.parametrize(
    ("wish", "orders"),
    [
        (LabWish(Switch.CUT, "master"), [("cut", "master", "slave", "--network", "all")]),
        (LabWish(Switch.MAINTENANCE_ON, "slave"), [("maintenance", "slave", "on")]),
        (LabWish(Switch.QDEVICE_OFF), [("qdevice", "off")]),
        (LabWish(Switch.API, "slave", fault="slow", amount=900), [("api", "slave", "slow", "900")]),
    ],
)
def test_each_switch_is_told_once_and_seen_to_be_thrown(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker, wish: LabWish, orders: list[tuple[str, ...]]
) -> None:
    operation = run(request_switch_lab(wish, by_ada), doors)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert lab.orders == orders
    assert last_look().picture == lab.picture, "the page has the news without another look"
    asked, ended = Entry.objects.order_by("id")
    assert (asked.action, ended.action) == ("lab_switch_requested", "lab_switch_ended")
    assert (ended.outcome, ended.actor) == ("succeeded", "ada")


def test_power_and_cables_come_back(lab: FakeLab, doors: FakeDoors, by_ada: Asker) -> None:
    run(request_switch_lab(CRASH, by_ada, confirm="master"), doors)
    back = run(request_switch_lab(LabWish(Switch.POWER_ON, "master"), by_ada), doors)
    cut = run(request_switch_lab(LabWish(Switch.CUT, "slave", "cluster"), by_ada), doors)
    healed = run(request_switch_lab(LabWish(Switch.HEAL, "master", "cluster"), by_ada), doors)
    assert {back.state, cut.state, healed.state} == {State.SUCCEEDED}
    assert not lab.picture.cut_off("slave", "cluster")


def test_cutting_the_power_asks_for_the_name_and_keeps_what_was_foretold(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker
) -> None:
    with pytest.raises(Refused) as refused:
        request_switch_lab(CRASH, by_ada, confirm="slave")
    assert codes(refused) == ["lab-name-not-typed"]
    operation = run(request_switch_lab(CRASH, by_ada, confirm="master"), doors)
    assert operation.cluster is not None
    assert operation.cluster.name == "clusterubd"
    told = operation.params["foretold"]
    assert (told["recover"], told["total"], told["quorate"]) == (0, 2, False)
    lines = list(operation.timeline.values_list("code", flat=True))
    assert lines == ["requested", "foretold", "began", "lab_told", "lab_obeyed"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (LabWish(Switch.POWER_ON, "master"), "lab-is-so"),
        (LabWish(Switch.HEAL, "master"), "lab-is-so"),
        (LabWish(Switch.QDEVICE_ON), "lab-is-so"),
        (LabWish(Switch.CUT, "nobody"), "lab-has-no"),
        (LabWish(Switch.CUT, "master", "power"), "lab-has-no"),
        (LabWish(Switch.API, "master", fault="melts"), "lab-fault-unknown"),
        (LabWish(Switch.API, "master", fault="slow"), "lab-fault-unknown"),
        (LabWish(Switch.API, "master", fault="hang", amount=3), "lab-fault-unknown"),
    ],
)
def test_what_cannot_be_switched_is_refused_at_once(
    lab: FakeLab, by_ada: Asker, wish: LabWish, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        request_switch_lab(wish, by_ada)
    assert codes(refused) == [code]
    assert not Operation.objects.exists()


def test_one_hand_at_a_time(lab: FakeLab, by_ada: Asker) -> None:
    request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    with pytest.raises(Refused) as refused:
        request_switch_lab(LabWish(Switch.CUT, "master"), by_ada)
    assert codes(refused) == ["lab-busy"]


def test_without_a_lab_or_its_picture_nothing_is_asked(
    clusterubd: Cluster, by_ada: Asker, settings: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused) as refused:
        request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    assert codes(refused) == ["lab-not-seen"]
    settings.LAB_URL = ""  # type: ignore[attr-defined]
    with pytest.raises(Refused) as refused:
        request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    assert codes(refused) == ["no-lab"]


def test_a_lost_answer_is_no_reason_to_tell_it_twice(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker
) -> None:
    lab.lost_answer = Unreachable("timed out", may_have_happened=True)
    operation = run(request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada), doors)
    assert operation.state == State.SUCCEEDED
    assert lab.orders == [("qdevice", "off")]


def test_a_worker_that_died_while_it_told_is_followed_by_one_that_only_looks(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker
) -> None:
    operation = request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    clock = doors.cluster.clock
    for _begin_and_preflight in range(2):
        machine.advance(operation.pk, doors, clock)
    Operation.objects.filter(pk=operation.pk).update(sent_at=clock.now())
    assert Operation.objects.get(pk=operation.pk).step == Step.INTENDED
    operation = run(operation, doors, rounds=round(PATIENCE_SECONDS) + 2)
    assert lab.orders == []
    assert operation.state == State.FAILED
    assert operation.outcome is not None
    assert operation.outcome["code"] == "lab-disobeys"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Unreachable("Connection refused"), "lab-silent"),
        (BadRequest("no such thing", status=400), "lab-silent"),
    ],
)
def test_a_silent_lab_ends_it_before_anything_is_told(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker, fault: Unreachable, code: str
) -> None:
    operation = request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    lab.fault = fault
    operation = run(operation, doors)
    assert operation.outcome is not None
    assert (operation.state, operation.outcome["code"]) == (State.FAILED, code)
    assert operation.sent_at is None


def test_it_is_judged_again_by_what_the_lab_says_now(
    lab: FakeLab, doors: FakeDoors, by_ada: Asker
) -> None:
    operation = request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada)
    lab.picture = replace(lab.picture, qdevice="off")
    operation = run(operation, doors)
    assert operation.outcome is not None
    assert operation.outcome["code"] == "lab-is-so"
    assert lab.orders == []


def test_a_refusing_lab_is_quoted(lab: FakeLab, doors: FakeDoors, by_ada: Asker) -> None:
    lab.lost_answer = BadRequest("the fuse is missing", status=400)
    operation = run(request_switch_lab(LabWish(Switch.QDEVICE_OFF), by_ada), doors)
    assert operation.outcome is not None
    assert operation.outcome["code"] == "lab-refuses"
    assert operation.outcome["params"] == {"reason": "the fuse is missing"}


def test_the_lab_is_known_by_its_addresses_and_not_by_a_name_that_a_copy_bears(
    clusterubd: Cluster,
) -> None:
    found = cluster_of(PICTURE)
    assert found == clusterubd
    Cluster.objects.update(addresses=["https://10.0.0.7:8006"], found_addresses=[])
    assert cluster_of(PICTURE) is None


def test_a_cable_is_a_nodes_own_once_there_are_three() -> None:
    assert THREE.is_unplugged("a", "cluster")
    assert not THREE.is_unplugged("b", "cluster")
    assert not THREE.is_frayed("b", "cluster"), "it misses only whoever is unplugged"
    partly = replace(THREE, links=THREE.links[:1])
    assert partly.is_frayed("a", "cluster")
    assert partly.is_frayed("b", "cluster")
    assert not partly.is_frayed("c", "cluster")
    assert not THREE.is_unplugged("a", "replication")
