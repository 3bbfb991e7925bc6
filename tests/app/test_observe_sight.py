"""Who saw it and when: partitions, flicker, answers in part, answers of somebody else."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from hapanel.kernel.names import GuestType
from hapanel.observe import memory
from hapanel.observe.pace import read_pace
from hapanel.ports.cluster import HaStatus, Membership, NodeState
from hapanel.ports.errors import (
    Garbage,
    OtherCluster,
    PermissionMissing,
    ServerFault,
    SignInRefused,
    Unreachable,
)
from nodes.models import Cluster, Reach, Sight
from tests.app.test_observe_rounds import Watcher

pytestmark = pytest.mark.django_db(transaction=True)

SLAVE = "https://127.0.42.21:8006"


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())  # as in a new process
    return Watcher(monkeypatch)


def sight(watcher: Watcher) -> str:
    return str(watcher.cluster.sight)


def view(watcher: Watcher, node: str, *sees: str, quorate: bool) -> tuple[Membership, HaStatus]:
    """What a node would say that sees these nodes."""
    nodes = tuple(
        NodeState(name=name, online=name in sees, status="online" if name in sees else "offline")
        for name in watcher.double.online
    )
    members = Membership(
        cluster_name="clusterubd", quorate=quorate, version=2, nodes=nodes, local_node=node
    )
    kept, watcher.double.quorate = watcher.double.quorate, quorate
    ha = watcher.double.ha_status()
    watcher.double.quorate = kept
    return members, ha


# Who and when


def test_every_value_knows_who_saw_it_and_when(watcher: Watcher) -> None:
    watcher.look()
    seen_at = watcher.cluster.observed_at
    assert watcher.cluster.seen_by == "master"
    for thing in (watcher.guest(), watcher.node("slave")):
        assert (thing.seen_by, thing.seen_at, thing.sight) == ("master", seen_at, Sight.CURRENT)
    watcher.double.online["slave"] = False
    watcher.look()
    lost = watcher.node("slave")
    assert (lost.seen_by, lost.seen_at, lost.sight) == ("master", seen_at, Sight.UNKNOWN)


@pytest.mark.parametrize(
    ("quorate", "age", "sight"),
    [
        (True, 1, Sight.CURRENT),
        (None, 1, Sight.CURRENT),
        (False, 1, Sight.MINORITY),
        (True, 60, Sight.STALE),
        (False, 60, Sight.STALE),
        (True, None, Sight.UNKNOWN),
    ],
)
def test_how_well_a_cluster_is_seen_has_a_word(
    quorate: bool | None, age: int | None, sight: Sight
) -> None:
    seen = None if age is None else timezone.now() - timedelta(seconds=age)
    assert Cluster(quorate=quorate, observed_at=seen).sight == sight


# A partition


def test_the_quorate_part_is_believed_and_the_other_one_is_shown(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    watcher.look()
    watcher.double.online["slave"] = False
    watcher.double.quorate = False
    watcher.double.others[SLAVE] = view(watcher, "slave", "slave", quorate=True)

    def answers_through_slave(address: str | None) -> None:
        watcher.double.preferred = address
        watcher.double.answered_by = address or "https://127.0.42.20:8006"
        if address == SLAVE:
            watcher.double.quorate = True
            watcher.double.online |= {"master": False, "slave": True}

    watcher.double.prefer = answers_through_slave  # type: ignore[method-assign]
    watcher.look()
    assert watcher.cluster.quorate is True
    assert watcher.double.preferred == SLAVE
    [other] = watcher.cluster.other_views
    assert (other["node"], other["quorate"], other["sees"]) == ("master", False, ["master"])
    assert watcher.guest().status == "unknown", "master, which it is on, is cut off"
    assert "master has no quorum, slave has" in caplog.text
    assert watcher.facts() == ["node_lost", "node_cut_off"]


def test_only_the_minority_answers(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.online["slave"] = False
    watcher.double.quorate = False
    watcher.double.fails["view_from"] = Unreachable("no answer in time")
    watcher.double.others[SLAVE] = view(watcher, "slave", "slave", quorate=True)
    watcher.look()
    assert sight(watcher) == Sight.MINORITY
    assert watcher.guest().sight == Sight.MINORITY
    assert watcher.cluster.other_views == []


def test_both_halves_without_quorum_are_told_side_by_side(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.online["slave"] = False
    watcher.double.quorate = False
    watcher.double.others[SLAVE] = view(watcher, "slave", "slave", quorate=False)
    watcher.look()
    assert sight(watcher) == Sight.MINORITY
    assert [each["node"] for each in watcher.cluster.other_views] == ["slave"]
    watcher.double.online["slave"] = watcher.double.quorate = True
    watcher.look()
    assert watcher.cluster.other_views == []
    assert sight(watcher) == Sight.CURRENT


def test_a_second_opinion_costs_the_same_however_many_nodes_there_are(watcher: Watcher) -> None:
    watcher.double.online |= {f"node{n}": True for n in range(20)}
    watcher.look()
    watcher.double.online["slave"] = False
    for n in range(20):
        address = f"https://127.0.42.{30 + n}:8006"
        watcher.double.others[address] = view(watcher, "slave", "slave", quorate=False)
    watcher.look()
    assert watcher.double.asked.count("view_from") <= 1


# Flicker


def test_a_flickering_cluster_status_raises_no_alarm(watcher: Watcher) -> None:
    watcher.look()
    told = watcher.double.membership
    for n in range(8):

        def flickers(n: int = n) -> Membership:
            said = told()
            return Membership(
                cluster_name=said.cluster_name,
                quorate=bool(n % 2),
                version=2,
                nodes=said.nodes,
                local_node=said.local_node,
            )

        watcher.double.membership = flickers  # type: ignore[method-assign]
        watcher.look()
        assert watcher.cluster.quorate is True
    assert watcher.facts() == []


def test_one_odd_answer_of_a_node_that_sees_all_others_turns_nothing_red(
    watcher: Watcher,
) -> None:
    watcher.look()
    recorded = []
    for said in (False, True, False, False):
        watcher.double.quorate = said
        watcher.look()
        recorded.append(watcher.cluster.quorate)
    assert recorded == [True, True, True, False]
    assert watcher.facts() == ["quorum_lost"]


# In part


@pytest.mark.parametrize(
    ("error", "reach"),
    [
        (PermissionMissing("(/, Sys.Audit)", status=403), Reach.PERMISSION),
        (ServerFault("unable to read manager_status", status=500), Reach.FAULT),
        (Garbage("the answer is no JSON"), Reach.GARBAGE),
    ],
)
def test_what_the_ha_manager_does_not_tell_any_more_is_not_believed_any_more(
    watcher: Watcher, error: Exception, reach: Reach, caplog: pytest.LogCaptureFixture
) -> None:
    watcher.look()
    told_at = watcher.cluster.ha_seen_at
    watcher.double.fails["ha_status"] = error  # type: ignore[assignment]
    watcher.look()
    cluster = watcher.cluster
    assert (cluster.reach, cluster.ha_manager_node, cluster.ha_seen_at) == (reach, "", told_at)
    assert watcher.guest().sight == Sight.CURRENT
    assert watcher.node().lrm_state == ""
    watcher.look(after=1.0)
    assert watcher.double.asked == ["resources"]
    assert watcher.cluster.reach == reach, "a look that does not ask it changes nothing about it"
    later = timezone.now() + timedelta(seconds=5)
    cluster.observed_at = later
    assert cluster.is_ha_stale(later + timedelta(seconds=2))
    assert not cluster.is_stale(later + timedelta(seconds=2))
    assert caplog.text.count("is seen in part only") == 1
    del watcher.double.fails["ha_status"]
    watcher.look()
    assert watcher.cluster.reach == Reach.OK
    assert watcher.facts() == [], "it was seen all the time"


def test_without_both_answers_nobody_knows_about_quorum(watcher: Watcher) -> None:
    watcher.look()
    missing = PermissionMissing("(/, Sys.Audit)", status=403)
    watcher.double.fails |= {"ha_status": missing, "membership": missing}
    watcher.look()
    watcher.look()
    assert watcher.cluster.quorate is None


# Somebody else


def test_another_cluster_under_the_same_name_is_not_recorded(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    watcher.look()
    watcher.double.online = {"pve1": True, "pve2": True}
    watcher.double.guests = {100: watcher.double.guest(100, node="pve1", name="theirs")}
    assert not watcher.look()
    assert watcher.cluster.reach == Reach.OTHER_CLUSTER
    assert watcher.guest().name == "siakad"
    assert "pve1, pve2 answer there, none of which is in clusterubd" in caplog.text
    assert watcher.facts() == ["api_unreachable"]


def test_a_node_that_is_called_otherwise_is_another_node(watcher: Watcher) -> None:
    watcher.look()
    del watcher.double.online["slave"]
    watcher.double.online["pve7"] = True
    for _ in range(3):
        watcher.look()
    assert watcher.node("pve7").status == "online"
    assert watcher.facts()[0] == "node_added"


def test_a_number_that_belongs_to_another_guest_now_is_told(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.change(100, name="journal")
    watcher.look()
    watcher.double.change(101, type=GuestType.QEMU, name="radius")
    watcher.look()
    assert watcher.facts() == ["guest_renamed", "guest_replaced"]
    assert watcher.guest(101).config_read_at is None


# Backing off


def test_a_silent_cluster_is_left_alone_longer_each_time_until_it_answers(
    watcher: Watcher,
) -> None:
    watcher.look()
    watcher.double.fails[""] = Unreachable("no answer in time")
    for failures in (1, 2, 3):
        watcher.look()
        pace = read_pace(watcher.cluster.pk)
        assert pace.failures == failures
        least = 3 * 2 ** (failures - 1) * 0.8
        assert pace.rest_until - pace.looked_at >= least
    assert pace.failing_since < pace.looked_at
    watcher.double.fails.clear()
    watcher.look()
    assert read_pace(watcher.cluster.pk).failures == 0


def test_the_log_names_each_failure_once(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    watcher.look()
    for error in (
        Unreachable("connection refused"),
        Unreachable("connection refused"),
        SignInRefused("Authentication failed!", status=401),
        OtherCluster("campus answers there, which is not clusterubd"),
    ):
        watcher.double.fails[""] = error
        watcher.look()
    lines = [r.getMessage() for r in caplog.records if r.name == "hapanel.observe.round"]
    assert lines == [
        "clusterubd is not seen: connection refused (unreachable)",
        "clusterubd is not seen: Authentication failed! (refused)",
        "clusterubd is not seen: campus answers there, which is not clusterubd (other_cluster)",
    ]


def test_a_clock_that_is_hours_off_is_recorded_and_logged(
    watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = []
    for offset in (0.7, -10800.2, -10799.5):
        watcher.double.clock_offset = offset
        watcher.look()
        recorded.append(watcher.cluster.clock_offset)
    assert recorded == [None, -10800, -10800]
    assert caplog.text.count("its clock is -10800 s off") == 1
