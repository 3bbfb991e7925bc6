"""Joined sides and what is said of them: one small world a judgement."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.contradictions import Subject
from hapanel.drbd.findings import Code, Fact, Finding, Severity
from hapanel.drbd.join import Sight, join, resources_of
from hapanel.drbd.judge import judge
from hapanel.drbd.load import Load
from hapanel.drbd.split_brain import Sign
from hapanel.ports.replication import (
    DiskState,
    NodeReplication,
    NodeStatus,
    Pause,
    ReplicationState,
    Suspension,
)
from tests.pure.drbd.stage import (
    ALONE,
    BAD,
    CONNECTED,
    CONNECTING,
    NOW,
    SIAKAD,
    P,
    S,
    codes,
    generations,
    joined,
    judged,
    peer,
    silent,
    split,
    told,
)

DOCS = Path(__file__).resolve().parents[3] / "docs" / "drbd.md"


def test_two_sides_that_agree_are_healthy() -> None:
    judgement = judged(told("master", P, peer()), told("slave", S, peer(role=P)))
    assert (codes(judgement), judgement.severity) == (["healthy"], Severity.OK)
    assert judgement.findings[0].because() == "rs is replicated: master, slave hold the same data."
    assert judgement.findings[0].remedy() == ""


def test_a_side_that_is_not_seen_is_never_green() -> None:
    slave = told("slave", S, peer(role=P))
    judgement = judged(told("master", P, peer()), silent("slave", slave))
    assert (codes(judgement), judgement.severity) == (["not-observed"], Severity.UNKNOWN)
    (age,) = judgement.findings[0].evidence
    assert (age.fact, age.value) == (Fact.AGE, 300.0)
    side = joined(told("master", P, peer()), silent("slave", slave)).side("slave")
    assert side is not None
    assert (side.sight, side.now, side.state is not None) == (Sight.LOST, None, True)


def test_no_side_at_all_is_not_observed() -> None:
    assert codes(judged(silent("master"), silent("slave"))) == ["not-observed"]
    assert codes(judge(join("rs", [], NOW))) == ["not-observed"]


def test_a_sync_names_source_target_and_what_is_left() -> None:
    judgement = judged(
        told("master", P, peer(disk=BAD, state=ReplicationState.SYNC_SOURCE, oos=512)),
        told("slave", S, peer(role=P, state=ReplicationState.SYNC_TARGET, oos=512), disk=BAD),
    )
    assert codes(judgement) == ["syncing"]
    assert "from master to slave, 512.0 KiB are left" in judgement.findings[0].because()


def test_a_held_sync_names_who_holds_it() -> None:
    source = peer(disk=BAD, state=ReplicationState.PAUSED_SYNC_S, oos=1, paused=(Pause.PEER,))
    target = peer(role=P, state=ReplicationState.PAUSED_SYNC_T, oos=1, paused=(Pause.USER,))
    judgement = judged(told("master", P, source), told("slave", S, target, disk=BAD))
    assert codes(judgement) == ["sync-paused"]
    assert "held by slave" in judgement.findings[0].because()


def test_a_pause_that_outlived_its_sync_is_said() -> None:
    judgement = judged(
        told("master", P, peer(paused=(Pause.USER,))), told("slave", S, peer(role=P))
    )
    assert codes(judgement) == ["sync-paused"]
    assert judgement.findings[0].nodes == ("master",)


def test_a_cut_link_leaves_the_current_data_with_the_primary() -> None:
    judgement = judged(
        told("master", P, peer(CONNECTING, oos=0)), told("slave", S, peer(CONNECTING, oos=0))
    )
    assert codes(judgement) == ["degraded"]
    assert "The current data is on master." in judgement.findings[0].because()


def test_what_was_written_since_makes_the_other_copy_stale() -> None:
    judgement = judged(
        told("master", P, peer(CONNECTING, oos=6)), told("slave", S, peer(CONNECTING, oos=0))
    )
    assert codes(judgement) == ["degraded", "stale"]
    assert judgement.findings[1].nodes == ("slave",)
    since = Circumstances(apart_since=NOW, last_primary={"master": NOW})
    sides = (told("master", P, peer(CONNECTING, oos=6)), told("slave", S, peer(CONNECTING)))
    stale = judged(*sides, given=since).findings[1]
    assert [one.fact for one in stale.evidence] == [Fact.LAST_PRIMARY, Fact.APART_SINCE]


def test_generation_ids_tell_which_copy_is_older_without_any_primary() -> None:
    older = peer(CONNECTING, oos=None, ids=generations(0xA0))
    newer = peer(CONNECTING, oos=None, ids=generations(0xB0, 0xA0))
    judgement = judged(told("master", S, older), told("slave", S, newer))
    assert [one.nodes for one in judgement.findings if one.code is Code.STALE] == [("master",)]
    assert "The current data is on slave." in judgement.findings[0].because()


def test_a_secondary_whose_primary_vanished_may_be_old() -> None:
    slave = told("slave", S, peer(CONNECTING))
    judgement = judged(silent("master"), slave)
    assert codes(judgement) == ["degraded", "stale", "not-observed"]
    assert "may be older" in judgement.findings[1].because()
    took_over = judged(silent("master"), told("slave", P, peer(CONNECTING, oos=3)))
    assert codes(took_over) == ["degraded", "not-observed"]
    assert "The current data is on slave." in took_over.findings[0].because()


def test_a_sync_that_was_broken_off_leaves_an_incomplete_copy() -> None:
    judgement = judged(
        told("master", P, peer(ALONE, oos=400)),
        told("slave", S, peer(CONNECTING, oos=400), disk=BAD),
    )
    assert codes(judgement) == ["degraded", "disconnected", "stale"]
    assert "not complete" in judgement.findings[2].because()
    assert judgement.split_brain is None


def test_both_alone_without_changes_gave_up_and_did_not_split() -> None:
    judgement = judged(told("master", S, peer(ALONE)), told("slave", S, peer(ALONE)))
    assert codes(judgement) == ["degraded", "disconnected"]
    assert "any more on master, slave" in judgement.findings[1].because()


def test_a_split_brain_has_both_sides_evidence() -> None:
    judgement = judged(*split(), given=Circumstances(guests=(SIAKAD,), last_primary={"slave": NOW}))
    found = judgement.split_brain
    assert (judgement.health, judgement.severity) == (Code.SPLIT_BRAIN, Severity.DANGER)
    assert found is not None
    assert found.signs == (Sign.BOTH_CHANGED, Sign.BOTH_PRIMARY)
    assert not found.is_certain
    rows = {(one.node, one.fact): one.value for one in judgement.findings[0].evidence}
    assert rows["master", Fact.OUT_OF_SYNC] == 3 * 1024
    assert rows["slave", Fact.OUT_OF_SYNC] == 5 * 1024
    assert rows["master", Fact.GUESTS] == "100 siakad"
    assert ("slave", Fact.LAST_PRIMARY) not in rows  # it still is


def test_of_a_side_that_is_primary_no_more_it_is_said_when_it_was_last() -> None:
    sides = (told("master", P, peer(ALONE, oos=3)), told("slave", S, peer(ALONE, oos=5)))
    judgement = judged(*sides, given=Circumstances(last_primary={"master": NOW, "slave": NOW}))
    last = [one for one in judgement.findings[0].evidence if one.fact is Fact.LAST_PRIMARY]
    assert [(one.node, one.value) for one in last] == [("slave", NOW.isoformat())]


def test_a_split_brain_of_two_secondaries_is_one_too() -> None:
    sides = (told("master", S, peer(ALONE, oos=2)), told("slave", S, peer(ALONE, oos=2)))
    assert judged(*sides).health is Code.SPLIT_BRAIN


def test_a_victim_that_waits_does_not_end_the_split_brain() -> None:
    sides = (told("master", P, peer(ALONE, oos=3)), told("slave", S, peer(CONNECTING, oos=5)))
    assert judged(*sides).health is Code.SPLIT_BRAIN


def test_equal_differences_of_a_verify_are_no_split_brain() -> None:
    sides = (told("master", P, peer(ALONE, oos=9)), told("slave", S, peer(CONNECTING, oos=9)))
    assert not judged(*sides).has(Code.SPLIT_BRAIN)


def test_generation_ids_or_the_helper_make_it_certain() -> None:
    ids = (generations(0xB1, 0xA0), generations(0xC1, 0xA1))
    sides = (
        told("master", S, peer(ALONE, oos=0, ids=ids[0])),
        told("slave", S, peer(CONNECTING, oos=0, ids=ids[1])),
    )
    found = judged(*sides).split_brain
    assert found is not None
    assert (found.signs, found.is_certain) == ((Sign.GENERATIONS,), True)
    called = (
        told("master", S, peer(ALONE), split_brain_called=True),
        told("slave", S, peer(ALONE)),
    )
    helped = judged(*called).split_brain
    assert helped is not None
    assert helped.signs == (Sign.HELPER,)


def test_the_same_or_older_data_by_its_ids_is_no_split_brain() -> None:
    sides = (
        told("master", S, peer(ALONE, oos=3, ids=generations(0xB1, 0xA0))),
        told("slave", S, peer(ALONE, oos=5, ids=generations(0xA1))),
    )
    assert not judged(*sides).has(Code.SPLIT_BRAIN)


def test_two_primaries_without_a_link_are_about_to_split() -> None:
    sides = (told("master", P, peer(CONNECTING)), told("slave", P, peer(CONNECTING)))
    judgement = judged(*sides)
    assert (judgement.health, judgement.split_brain) == (Code.DIVERGING, None)
    assert judgement.divergences[0].signs == (Sign.BOTH_PRIMARY,)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (Circumstances(), Code.DUAL_PRIMARY),
        (Circumstances(dual_primary_configured=True), Code.DUAL_PRIMARY_CONFIGURED),
        (Circumstances(dual_primary_configured=False), Code.DUAL_PRIMARY_UNEXPLAINED),
        (
            Circumstances(
                dual_primary_configured=False,
                migrating=("100 siakad",),
                dual_primary_seconds=12.0,
            ),
            Code.DUAL_PRIMARY_TEMPORARY,
        ),
    ],
)
def test_two_primaries_are_judged_by_what_explains_them(given: Circumstances, code: Code) -> None:
    sides = (told("master", P, peer(role=P)), told("slave", P, peer(role=P)))
    judgement = judged(*sides, given=given)
    assert judgement.has(code)
    if code is Code.DUAL_PRIMARY_TEMPORARY:
        assert codes(judgement) == ["dual-primary-temporary", "healthy"]
        assert judgement.findings[0].evidence[0].value == 12.0


def test_a_primary_on_an_incomplete_copy_is_a_danger() -> None:
    judgement = judged(
        told("master", P, peer(state=ReplicationState.SYNC_TARGET, oos=4), disk=BAD),
        told("slave", S, peer(role=P, disk=BAD, state=ReplicationState.SYNC_SOURCE, oos=4)),
    )
    assert codes(judgement) == ["inconsistent-primary", "syncing"]


def test_no_whole_copy_anywhere_is_only_said_when_all_were_seen() -> None:
    master = told("master", S, peer(disk=BAD, oos=9), disk=BAD)
    both = judged(master, told("slave", S, peer(disk=BAD, oos=9), disk=BAD))
    assert codes(both) == ["no-current-copy"]
    assert not judged(master, silent("slave")).has(Code.NO_CURRENT_COPY)


def test_a_lost_disk_is_named_and_a_client_is_none() -> None:
    gone = DiskState.DISKLESS
    slave = told("slave", S, peer(role=P), disk=gone)
    judgement = judged(told("master", P, peer(disk=gone)), slave)
    assert codes(judgement) == ["diskless"]
    assert judgement.findings[0].nodes == ("slave",)
    assert slave.status is not None
    (state,) = slave.status.resources
    client = replace(state, volumes=(replace(state.volumes[0], client=True),))
    meant = replace(slave, status=replace(slave.status, resources=(client,)))
    assert codes(judged(told("master", P, peer(disk=gone)), meant)) == ["healthy"]


def test_what_a_verify_found_is_kept_after_it() -> None:
    judgement = judged(told("master", P, peer(oos=8)), told("slave", S, peer(role=P, oos=8)))
    assert codes(judgement) == ["verify-differences"]
    assert "8.0 KiB" in judgement.findings[0].because()
    running = judged(
        told("master", P, peer(state=ReplicationState.VERIFY_S)),
        told("slave", S, peer(role=P, state=ReplicationState.VERIFY_T)),
    )
    assert codes(running) == ["verifying", "healthy"]


def load(written: float, *, full: int, looks: int = 10) -> Load:
    """What master wrote and sent over 40 s, the link taking 100 MB a second at that time."""
    return Load("master", "", 40.0, written, 100e6, looks, full)


def test_writes_beyond_the_link_are_said() -> None:
    sides = (told("master", P, peer()), told("slave", S, peer(role=P)))
    given = Circumstances(loads=(load(95e6, full=6),))
    thin = judged(*sides, given=given)
    assert codes(thin) == ["link-too-thin"]
    facts = {one.fact: one.value for one in thin.findings[0].evidence}
    assert facts[Fact.WRITE_RATE] == 95_000_000
    assert facts[Fact.SENT_RATE] == 100_000_000
    assert facts[Fact.LINK_FULL] == "6 / 10"
    ahead = told("master", P, peer(state=ReplicationState.AHEAD, oos=5))
    behind = judged(ahead, sides[1], given=given)
    assert "link-too-thin" in codes(behind)
    assert all(one.evidence for one in behind.findings if one.code is Code.LINK_TOO_THIN)


def test_without_a_link_that_was_seen_full_nothing_is_too_thin() -> None:
    sides = (told("master", P, peer()), told("slave", S, peer(role=P)))
    for unproven in (load(95e6, full=4), load(1e6, full=10), load(95e6, full=3, looks=3)):
        assert codes(judged(*sides, given=Circumstances(loads=(unproven,)))) == ["healthy"]


def test_quorum_and_waiting_writes_are_dangers_for_a_primary() -> None:
    judgement = judged(
        told("master", P, peer(), quorum=False, suspended=(Suspension.QUORUM,)),
        told("slave", S, peer(role=P), quorum=False),
    )
    assert codes(judgement) == ["io-suspended", "no-quorum", "no-quorum"]
    assert [one.severity.value for one in judgement.findings] == ["danger", "danger", "warn"]


def test_a_resource_that_is_down_is_not_the_same_as_not_seen() -> None:
    down = NodeReplication(node="slave", status=NodeStatus(), seen_at=NOW)
    judgement = judged(told("master", P, peer(CONNECTING)), down)
    assert codes(judgement) == ["not-up", "degraded"]
    cut = NodeReplication(node="slave", status=NodeStatus(complete=False), seen_at=NOW)
    assert "not-observed" in codes(judged(told("master", P, peer(CONNECTING)), cut))
    nowhere = [NodeReplication(node=one, status=NodeStatus(), seen_at=NOW) for one in "ab"]
    everywhere = judge(join("rs", nowhere, NOW, members=["a", "b"]))
    assert (codes(everywhere), everywhere.severity) == (["not-up"], Severity.DANGER)


@pytest.mark.parametrize("disk", [DiskState.NEGOTIATING, DiskState.OUTDATED])
def test_a_copy_that_is_not_up_to_date_is_never_green(disk: DiskState) -> None:
    judgement = judged(
        told("master", P, peer(disk=disk)), told("slave", S, peer(role=P), disk=disk)
    )
    assert codes(judgement) == ["changing"]


def test_nodes_without_a_link_are_not_healthy() -> None:
    assert codes(judged(told("master", P), told("slave", S))) == ["degraded"]
    assert codes(judged(told("master", P))) == ["degraded"]


def test_unknown_words_are_never_green() -> None:
    odd = told("master", P, peer(), unknown_words={"role": "Boss"})
    judgement = judged(odd, told("slave", S, peer(role=P)))
    assert (codes(judgement), judgement.severity) == (["not-understood"], Severity.UNKNOWN)
    blank = told("master", P, peer(), disk=DiskState.UNKNOWN)
    assert "not-understood" in codes(judged(blank, told("slave", S, peer(role=P))))
    torn = told("master", P, replace(peer(), volumes=()))
    assert "not-understood" in codes(judged(torn, told("slave", S, peer(role=P))))


def test_sides_that_contradict_each_other_are_named() -> None:
    one_sided = joined(told("master", P, peer()), told("slave", S, peer(CONNECTING)))
    assert [one.subject for one in one_sided.contradictions] == [Subject.CONNECTION]
    lies = joined(
        told("master", P, peer(role=P, disk=BAD)),
        told("slave", S, peer(role=P, state=ReplicationState.SYNC_TARGET)),
    )
    found = {one.subject for one in lies.contradictions}
    assert found == {Subject.ROLE, Subject.DISK, Subject.REPLICATION}
    assert "contradiction" in codes(judge(lies))


def three(*links: tuple[str, str]) -> list[NodeReplication]:
    """Three nodes, all linked but for `links`, which are cut."""
    names = ("one", "two", "six")
    return [
        told(
            mine,
            P if mine == "one" else S,
            *(
                peer(
                    CONNECTING if {mine, other} in map(set, links) else CONNECTED,
                    role=P if other == "one" else S,
                    name=f"{other}.campus.example",
                )
                for other in names
                if other != mine
            ),
        )
        for mine in names
    ]


def test_three_nodes_have_three_links_and_domains_in_names_do_not_matter() -> None:
    replication = join("rs", three(), NOW)
    assert len(replication.links) == 3
    assert all(link.is_seen_whole for link in replication.links)
    assert codes(judge(replication)) == ["healthy"]
    cut = judge(join("rs", three(("one", "six")), NOW))
    assert codes(cut) == ["degraded"]
    assert "The current data is on one." in cut.findings[0].because()


def test_a_peer_that_is_no_node_of_the_cluster_stays_in_the_picture() -> None:
    replication = join("rs", three()[:2], NOW)
    names = [one.node for one in replication.sides]
    assert names == ["one", "two", "six.campus.example"]
    assert codes(judge(replication)) == ["not-observed"]


def test_nodes_without_a_part_in_a_resource_are_no_sides_of_it() -> None:
    other = NodeReplication(node="third", status=NodeStatus(), seen_at=NOW)
    nodes = [told("master", P, peer(name="slave")), told("slave", S, peer(name="master")), other]
    assert [one.node for one in join("rs", nodes, NOW).sides] == ["master", "slave"]
    assert resources_of(nodes) == ("rs",)


def test_a_finding_survives_a_database() -> None:
    for finding in judged(*split(), given=Circumstances(last_primary={"slave": NOW})).findings:
        assert Finding.from_record(finding.as_record()) == finding


def test_every_code_has_a_paragraph_in_the_docs() -> None:
    headings = re.findall(r"^### `([a-z-]+)`$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert headings == [code.value for code in Code]
