"""Votes counted as corosync counts them, over every small cluster."""

from __future__ import annotations

import pytest

from hapanel.ha.quorum import Ballot, ballot, judge_quorate, qdevice_votes
from hapanel.ports.cluster import HaStatus, Membership, NodeState, NodeVotes, QDevice

UP = QDevice(configured=True, connected=True, votes=1, algorithm="ffsplit", casts_vote=True)
DOWN = QDevice(configured=True, connected=False, votes=1, algorithm="ffsplit")
LMS = QDevice(configured=True, connected=True, votes=0, algorithm="lms", casts_vote=True)
NONE = QDevice(configured=False)


def nodes(*votes: int) -> tuple[NodeVotes, ...]:
    return tuple(
        NodeVotes(name=f"n{number}", node_id=number, votes=count)
        for number, count in enumerate(votes, start=1)
    )


def online(*numbers: int) -> frozenset[str]:
    return frozenset(f"n{number}" for number in numbers)


# votes, online, QDevice -> expected, needed, total, what would end it (0 is the QDevice)
TRUTH = [
    ((1,), (1,), NONE, 1, 1, 1, {1}),
    ((1, 1), (1, 2), NONE, 2, 2, 2, {1, 2}),
    ((1, 1), (1, 2), UP, 3, 2, 3, set()),
    ((1, 1), (1, 2), DOWN, 3, 2, 2, {1, 2}),
    ((1, 1), (1,), UP, 3, 2, 2, {0, 1}),
    ((1, 1), (1,), NONE, 2, 2, 1, {1}),
    ((2, 1), (1, 2), NONE, 3, 2, 3, {1}),
    ((2, 1), (1, 2), UP, 4, 3, 4, {1}),
    ((1, 1, 1), (1, 2, 3), NONE, 3, 2, 3, set()),
    ((1, 1, 1), (1, 2), NONE, 3, 2, 2, {1, 2}),
    ((1, 1, 1), (1, 2, 3), LMS, 5, 3, 5, set()),
    ((1, 1, 1), (1, 2), LMS, 5, 3, 4, {0}),
    ((1, 1, 1), (1,), LMS, 5, 3, 3, {0, 1}),
    ((2, 1, 1), (1, 2, 3), NONE, 4, 3, 4, {1}),
    ((1, 1, 1, 1), (1, 2, 3, 4), NONE, 4, 3, 4, set()),
    ((1, 1, 1, 1), (1, 2, 3), NONE, 4, 3, 3, {1, 2, 3}),
    ((1, 1, 1, 1), (1, 2, 3, 4), UP, 5, 3, 5, set()),
    ((1, 1, 1, 1), (1, 2, 3), UP, 5, 3, 4, set()),
    ((1, 1, 1, 1), (1, 2), UP, 5, 3, 3, {0, 1, 2}),
    ((1, 1, 1, 1, 1), (1, 2, 3, 4, 5), NONE, 5, 3, 5, set()),
    ((1, 1, 1, 1, 1), (1, 2, 3, 4), NONE, 5, 3, 4, set()),
    ((1, 1, 1, 1, 1), (1, 2, 3), NONE, 5, 3, 3, {1, 2, 3}),
    ((3, 1, 1, 1, 1), (1, 2, 3, 4, 5), NONE, 7, 4, 7, set()),
    ((4, 1, 1, 1, 1), (1, 2, 3, 4, 5), NONE, 8, 5, 8, {1}),
]


@pytest.mark.parametrize(("votes", "up", "qdevice", "expected", "needed", "total", "ends"), TRUTH)
def test_every_small_cluster_is_counted_as_corosync_does(
    votes: tuple[int, ...],
    up: tuple[int, ...],
    qdevice: QDevice,
    expected: int,
    needed: int,
    total: int,
    ends: set[int],
) -> None:
    counted = ballot(nodes(*votes), online(*up), qdevice)
    assert (counted.expected, counted.needed, counted.total) == (expected, needed, total)
    fatal = {
        int(loss.node[1:]) if loss.node else 0 for loss in counted.losses() if not loss.is_survived
    }
    if counted.is_quorate:
        assert fatal == ends


def test_two_equal_nodes_never_survive_without_a_qdevice_and_always_with_one() -> None:
    for votes in (1, 2, 3, 7):
        alone = ballot(nodes(votes, votes), online(1, 2), NONE)
        assert not any(loss.is_survived for loss in alone.losses())
    assert all(loss.is_survived for loss in ballot(nodes(1, 1), online(1, 2), UP).losses())


def test_a_qdevice_of_unknown_state_counts_as_away() -> None:
    unsure = QDevice(configured=True, connected=None, votes=1)
    counted = ballot(nodes(1, 1), online(1, 2), unsure)
    assert (counted.expected, counted.total) == (3, 2)


def test_a_qdevice_that_votes_for_the_other_side_counts_as_away() -> None:
    refused = QDevice(configured=True, connected=True, votes=1, casts_vote=False)
    assert ballot(nodes(1, 1), online(1), refused).total == 1


def test_a_member_that_is_not_configured_has_no_vote() -> None:
    assert ballot(nodes(1, 1), {"n1", "n2", "stranger"}, None).total == 2


def test_a_lost_node_is_named_and_counted_out() -> None:
    counted = ballot(nodes(1, 1, 1), online(1, 3), NONE)
    assert counted.missing == ("n2",)


def test_the_algorithm_follows_the_number_of_nodes_when_nobody_tells_it() -> None:
    assert [qdevice_votes(count, None) for count in (1, 2, 3, 4, 5)] == [1, 1, 2, 1, 4]
    assert qdevice_votes(4, "lms") == 3
    assert qdevice_votes(3, "ffsplit") == 1


def test_nothing_is_quorate_when_nobody_is_there() -> None:
    assert not Ballot(nodes(1, 1), frozenset()).is_quorate


def membership(quorate: bool | None) -> Membership:
    state = NodeState(name="n1", online=True)
    return Membership(
        cluster_name="clusterubd", quorate=quorate, version=4, nodes=(state,), local_node="n1"
    )


def ha_status(quorate: bool | None) -> HaStatus:
    return HaStatus(
        quorate=quorate,
        quorum_text="",
        manager_node=None,
        manager_state=None,
        armed_state=None,
        lrms=(),
        services=(),
    )


@pytest.mark.parametrize(
    ("member", "ha", "judged"),
    [
        (True, False, False),
        (False, True, True),
        (True, None, True),
        (False, None, False),
        (None, True, True),
        (None, None, None),
    ],
)
def test_the_ha_quorum_row_outranks_the_flickering_cluster_status(
    member: bool | None, ha: bool | None, judged: bool | None
) -> None:
    assert judge_quorate(membership(member), ha_status(ha)) is judged


def test_without_an_answer_nobody_knows_about_quorum() -> None:
    assert judge_quorate(None, None) is None
    assert judge_quorate(membership(True), None) is True
