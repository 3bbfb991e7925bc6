"""The one sentence about a cluster, and its cure."""

from __future__ import annotations

import pytest

from hapanel.ha.verdict import DETAILS, LEVELS, REASONS, SENTENCES, Code, Level, Unknown, judge
from hapanel.ha.verdict import unknown as no_verdict
from hapanel.ports.cluster import NodeVotes, QDevice

NONE = QDevice(configured=False)
UP = QDevice(configured=True, connected=True, votes=1, casts_vote=True)
DOWN = QDevice(configured=True, connected=False, votes=1)

PAPER = (
    NodeVotes(name="master", node_id=1, votes=1),
    NodeVotes(name="slave", node_id=2, votes=1),
)
THREE = (*PAPER, NodeVotes(name="third", node_id=3, votes=1))


def test_the_papers_two_nodes_would_not_survive_and_are_told_the_cure() -> None:
    verdict = judge("clusterubd", PAPER, {"master", "slave"}, NONE, True)
    assert verdict.code is Code.WOULD_NOT_SURVIVE
    assert verdict.level is Level.WARN
    assert (
        verdict.sentence() == "clusterubd works, but would not survive the loss of master or slave."
    )
    assert verdict.detail().startswith("2 of 2 votes are there, 2 are needed")
    assert verdict.cure is not None
    assert [step.command for step in verdict.cure.steps] == [
        "apt install corosync-qnetd",
        "apt install corosync-qdevice",
        "pvecm qdevice setup ADDRESS",
        "pvecm status",
    ]


def test_a_qdevice_cures_them() -> None:
    verdict = judge("clusterubd", PAPER, {"master", "slave"}, UP, True)
    assert verdict.code is Code.SURVIVES_ANY_SINGLE_LOSS
    assert verdict.cure is None
    assert verdict.sentence() == "clusterubd works and would survive the loss of any one node."


def test_a_qdevice_that_is_away_is_named_and_to_be_brought_back() -> None:
    verdict = judge("clusterubd", PAPER, {"master", "slave"}, DOWN, True)
    assert verdict.code is Code.NO_LOSS_LEFT
    assert "works without the QDevice" in verdict.sentence()
    assert verdict.cure is not None
    assert "systemctl status corosync-qnetd" in [step.command for step in verdict.cure.steps]


def test_a_node_that_is_away_leaves_no_loss_to_spare() -> None:
    verdict = judge("clusterubd", THREE, {"master", "slave"}, NONE, True)
    assert verdict.code is Code.NO_LOSS_LEFT
    assert verdict.sentence() == (
        "clusterubd works without third, but would not survive the loss of master or slave."
    )


def test_five_nodes_survive_one_more_loss() -> None:
    five = tuple(NodeVotes(name=f"n{n}", node_id=n, votes=1) for n in range(1, 6))
    verdict = judge("campus", five, {"n1", "n2", "n3", "n4"}, NONE, True)
    assert verdict.code is Code.SURVIVES_ONE_MORE_LOSS
    assert verdict.sentence() == "campus works without n5 and would survive one more loss."


def test_without_quorum_the_missing_node_is_named_in_the_cure() -> None:
    verdict = judge("clusterubd", PAPER, {"slave"}, NONE, False)
    assert verdict.code is Code.NOT_QUORATE
    assert verdict.level is Level.DANGER
    assert verdict.missing == ("master",)
    assert verdict.cure is not None


def test_the_clusters_own_no_outranks_our_count() -> None:
    verdict = judge("clusterubd", PAPER, {"master", "slave"}, UP, False)
    assert verdict.code is Code.NOT_QUORATE
    assert "the cluster itself says" in verdict.detail()


def test_one_node_alone_is_no_cluster_to_fail_over_in() -> None:
    verdict = judge("alone", PAPER[:1], {"master"}, NONE, True)
    assert verdict.code is Code.SINGLE_NODE


def test_a_node_that_outvotes_the_rest_is_cured_by_equal_votes() -> None:
    votes = (NodeVotes(name="master", node_id=1, votes=2), *THREE[1:])
    verdict = judge("clusterubd", votes, {"master", "slave", "third"}, NONE, True)
    assert verdict.losses == ("master",)
    assert verdict.cure is not None
    assert "quorum_votes" in verdict.cure.steps[0].where


@pytest.mark.parametrize(
    ("votes", "qdevice", "reason"),
    [
        ((), NONE, Unknown.VOTES_NOT_READ),
        (PAPER, None, Unknown.QDEVICE_NOT_READ),
        (PAPER, QDevice(configured=True), Unknown.QDEVICE_NOT_READ),
    ],
)
def test_what_could_not_be_read_is_no_verdict(
    votes: tuple[NodeVotes, ...], qdevice: QDevice | None, reason: Unknown
) -> None:
    verdict = judge("clusterubd", votes, {"master", "slave"}, qdevice, True)
    assert (verdict.code, verdict.unknown) == (Code.UNKNOWN, reason)


def test_a_cluster_that_is_silent_says_since_when() -> None:
    verdict = no_verdict("clusterubd", Unknown.TOO_OLD, 42)
    assert verdict.level is Level.UNKNOWN
    assert "42 seconds" in verdict.detail()


def test_every_code_has_its_level_sentence_and_evidence() -> None:
    assert set(LEVELS) == set(SENTENCES) == set(Code)
    assert set(DETAILS) | {Code.UNKNOWN} == set(Code)
    assert set(REASONS) == set(Unknown)


def test_sentences_are_translated_at_the_edge() -> None:
    words = {
        SENTENCES[Code.WOULD_NOT_SURVIVE]: "%(cluster)s jalan, tetapi tanpa %(losses)s berhenti.",
        "%(first)s or %(last)s": "%(first)s atau %(last)s",
    }
    verdict = judge("clusterubd", PAPER, {"master", "slave"}, NONE, True)
    assert (
        verdict.sentence(lambda text: words.get(text, text))
        == "clusterubd jalan, tetapi tanpa master atau slave berhenti."
    )
