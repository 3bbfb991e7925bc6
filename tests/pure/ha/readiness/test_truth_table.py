"""Two nodes, and everything that decides whether a loss is survived: verdict and reason each."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from hapanel.drbd.findings import Code as Health
from hapanel.drbd.findings import Finding, Severity
from hapanel.drbd.judge import Judgement
from hapanel.ha.capacity.loss import Survey
from hapanel.ha.forecast.snapshot import SeenResource, SeenStorage, Snapshot
from hapanel.ha.readiness import wording as say
from hapanel.ha.readiness.condition import TITLES, Code, Condition, Met
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.judge import Readiness, readiness
from hapanel.ha.verdict import Level, Unknown, judge
from hapanel.ha.verdict import unknown as no_verdict
from hapanel.ports.cluster import HaRule, NodeVotes, QDevice
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from tests.pure.ha.forecast.two_nodes import GIB, guest, pair

OK, WARN, FAIL, UNKNOWN = Met.OK, Met.WARN, Met.FAIL, Met.UNKNOWN
DOCS = Path(__file__).resolve().parents[4] / "docs" / "readiness.md"
AWAY = QDevice(configured=True, connected=False, votes=1, algorithm="ffsplit")
UNREAD = QDevice(configured=True, connected=None, votes=1)
TWO_LINKS = {"links": ("10.0.0.1", "10.1.0.1")}
DEAD = {"lrm_state": "dead", "lrm_dead": True}
IN_GROUP = SeenResource(state="started", request="started", node="north", group="web")


def rule(kind: str = "node-affinity", *sids: str, **more: Any) -> HaRule:
    return HaRule(rule="stay", type=kind, resources=sids or ("vm:100",), **more)


ONLY_NORTH = rule(nodes=("north",), strict=True)
RATHER_NORTH = rule(nodes=("north",))
APART = rule("resource-affinity", "vm:100", "vm:200", affinity="negative")
ALONE = rule("resource-affinity", affinity="positive")


def only_north(kind: str = "dir") -> tuple[SeenStorage, ...]:
    return (SeenStorage(storage="shared", node="north", is_shared=True, kind=kind),)


def drbd() -> tuple[SeenStorage, ...]:
    return tuple(replace(each, node=n) for each in only_north("lvm") for n in ("north", "south"))


class Row(NamedTuple):
    """A condition, whether it is met, and the sentence that has to be told."""

    seen: Snapshot
    code: Code
    met: Met
    because: str | None = None


def told_unread(**more: Any) -> Snapshot:
    return pair(options=None, groups=None, **more)


TABLE = {
    # votes
    "two of two votes": Row(pair(), Code.QUORUM, FAIL),
    "with a QDevice": Row(pair(qdevice=True), Code.QUORUM, OK),
    "the QDevice is away": Row(pair(qdevice=AWAY), Code.QUORUM, FAIL),
    "the QDevice was not read": Row(pair(qdevice=UNREAD), Code.QUORUM, UNKNOWN),
    "nobody told of a QDevice": Row(pair(qdevice=None), Code.QUORUM, UNKNOWN),
    "one node away, no quorum": Row(pair(south={"status": "offline"}), Code.QUORUM, FAIL),
    "two votes on one node": Row(pair(votes=(2, 1)), Code.QUORUM, FAIL),
    "votes not read": Row(pair(votes=(None, None)), Code.QUORUM, UNKNOWN),
    # the HA stack
    "armed": Row(pair(), Code.ARMED, OK, say.CONDITION_OK["armed"]),
    "on standby": Row(pair(armed="standby"), Code.ARMED, OK, say.CONDITION_OK["standby"]),
    "before 9.2 nobody tells": Row(pair(armed=""), Code.ARMED, OK, say.ARMED_NOT_TOLD),
    "disarmed": Row(pair(armed="disarmed"), Code.ARMED, FAIL, say.IS_DISARMED),
    "being disarmed": Row(pair(armed="disarming"), Code.ARMED, FAIL, say.IS_DISARMED),
    "a manager at work": Row(pair(), Code.MANAGER, OK, say.MANAGER_WELL),
    "a dead manager": Row(pair(manager_state="dead"), Code.MANAGER, FAIL, say.MANAGER_DEAD),
    "no manager": Row(pair(seat=""), Code.MANAGER, WARN, say.MANAGER_NONE),
    "no manager and nothing to manage": Row(
        pair(guest(ha=False), seat=""), Code.MANAGER, OK, say.MANAGER_UNUSED
    ),
    "agents answer": Row(pair(), Code.FENCING, OK, say.FENCING_WELL),
    "an agent does not answer": Row(pair(south=DEAD), Code.FENCING, FAIL, say.FENCING_AGENTS),
    "agents not seen": Row(
        pair(north={"lrm_state": ""}, south={"lrm_state": ""}),
        Code.FENCING,
        UNKNOWN,
        say.FENCING_UNKNOWN,
    ),
    "nothing to fence": Row(pair(guest(ha=False)), Code.FENCING, OK, say.FENCING_UNUSED),
    # the guests
    "well": Row(pair(), Code.STATE, OK, say.NONE_GIVEN_UP),
    "given up": Row(pair(guest(state="error")), Code.STATE, FAIL, say.IN_ERROR),
    "frozen": Row(pair(guest(state="freeze")), Code.STATE, FAIL, say.FROZEN),
    "its agent is dead": Row(pair(north=DEAD), Code.STATE, FAIL, say.LRM_DEAD),
    "shared disk": Row(pair(), Code.STORAGE, OK, say.DISKS_WELL),
    "local disk": Row(pair(guest(disk="local")), Code.STORAGE, FAIL, say.LOCAL_DISK),
    "disks not read": Row(pair(guest(disks=None)), Code.STORAGE, UNKNOWN),
    "no guest under HA": Row(pair(guest(ha=False, disk="local")), Code.STORAGE, OK, say.NO_HA),
    "the other node lacks the storage": Row(
        pair(storages=only_north()), Code.STORAGE, FAIL, say.STORAGE_NOWHERE
    ),
    "switched off, local disk": Row(
        pair(guest(disk="local", request="stopped", state="stopped", is_running=False)),
        Code.STORAGE,
        OK,
        say.DISKS_WELL,
    ),
    "passed-through hardware": Row(
        pair(guest(passthrough=("hostpci0",))), Code.DEVICES, FAIL, say.HARDWARE
    ),
    "no hardware": Row(pair(), Code.DEVICES, OK, say.DEVICES_WELL),
    # rules
    "no rules": Row(pair(), Code.RULES, OK, say.RULES_WELL),
    "a strict rule": Row(pair(rules=(ONLY_NORTH,)), Code.RULES, FAIL, say.RULE_LEAVES_NONE),
    "a rule that only prefers": Row(pair(rules=(RATHER_NORTH,)), Code.RULES, OK, say.RULES_WELL),
    "a strict group of old": Row(
        pair(
            guest(resource=IN_GROUP),
            groups=(HaGroup(group="web", nodes=("north",), restricted=True),),
        ),
        Code.RULES,
        FAIL,
        say.RULE_LEAVES_NONE,
    ),
    "to be kept apart": Row(
        pair(guest(), guest(200, "south"), rules=(APART,)),
        Code.RULES,
        FAIL,
        say.PARTNER_IN_THE_WAY,
    ),
    "the other node in maintenance": Row(
        pair(south={"status": "maintenance"}), Code.RULES, FAIL, say.NO_NODE_LEFT
    ),
    "a rule that is ignored": Row(pair(rules=(ALONE,)), Code.RULES, WARN),
    "a rule that is switched off": Row(
        pair(rules=(replace(ONLY_NORTH, disabled=True),)), Code.RULES, OK, say.RULES_WELL
    ),
    # room
    "room": Row(pair(), Code.CAPACITY, OK, say.CAPACITY_WELL),
    "too little memory": Row(
        pair(south={"mem": 31 * GIB}), Code.CAPACITY, FAIL, say.CAPACITY_LEFT_OUT
    ),
    "memory not known": Row(
        pair(south={"mem": None}), Code.CAPACITY, UNKNOWN, say.CAPACITY_UNKNOWN
    ),
    "many cores": Row(
        pair(guest(maxcpu=9.0), north={"maxcpu": 4}, south={"maxcpu": 4}),
        Code.CAPACITY,
        WARN,
        say.CAPACITY_CPU,
    ),
    # around it
    "one corosync network": Row(
        pair(north={"links": ("10.0.0.1",)}, south={"links": ("10.0.0.2",)}),
        Code.NETWORK,
        WARN,
        say.NETWORK_ONE,
    ),
    "two corosync networks": Row(
        pair(north=TWO_LINKS, south=TWO_LINKS), Code.NETWORK, OK, say.NETWORK_WELL
    ),
    "networks not read": Row(pair(), Code.NETWORK, UNKNOWN, say.NETWORK_UNKNOWN),
    "replication is not observed": Row(
        pair(storages=drbd()), Code.REPLICATION_LINK, UNKNOWN, say.LINK_UNKNOWN
    ),
    "nothing is replicated": Row(pair(), Code.REPLICATION_LINK, OK, say.LINK_UNUSED),
    "guests outside HA only": Row(pair(guest(ha=False)), Code.COVERAGE, WARN, say.COVERAGE_NONE),
    "starts with its node, outside HA": Row(
        pair(guest(), guest(101, ha=False, onboot=True)), Code.COVERAGE, WARN, say.ONBOOT
    ),
    "outside HA, and nobody says that it matters": Row(
        pair(guest(), guest(101, ha=False)), Code.COVERAGE, OK, say.COVERAGE_WELL
    ),
    "fencing by hardware": Row(
        pair(options=DatacenterOptions(fencing="hardware")),
        Code.OTHER_FENCING,
        WARN,
        say.OTHER_FENCING,
    ),
    "fencing by watchdog": Row(
        pair(options=DatacenterOptions()), Code.OTHER_FENCING, OK, say.WATCHDOG_ONLY
    ),
    "options not read": Row(told_unread(), Code.OTHER_FENCING, UNKNOWN, say.OPTIONS_UNREAD),
    "groups not read": Row(told_unread(), Code.GROUPS, UNKNOWN, say.GROUPS_UNREAD),
    "no groups": Row(pair(groups=()), Code.GROUPS, OK, say.GROUPS_NONE),
    "groups of old": Row(
        pair(groups=(HaGroup(group="web", nodes=("north",)),)), Code.GROUPS, WARN, say.GROUPS_LEFT
    ),
}


@cache
def judged_row(name: str) -> Readiness:
    """What is said of a row of the table; the engine runs once for all who ask."""
    return judged(TABLE[name].seen)


def judged(seen: Snapshot, **more: Any) -> Readiness:
    listed = [
        NodeVotes(name=n.name, node_id=n.node_id, votes=n.votes)
        for n in seen.nodes
        if n.votes is not None
    ]
    online = [node.name for node in seen.nodes if node.is_member]
    votes = judge(seen.cluster, listed, online, seen.qdevice, None)
    values: dict[str, Any] = {"seen": seen, "votes": votes, "losses": Survey(seen).each()}
    return readiness(Facts(**(values | more)))


def condition(made: Readiness, code: Code) -> Condition:
    (found,) = [each for each in made.conditions if each.code is code]
    return found


@pytest.mark.parametrize("name", TABLE)
def test_two_nodes(name: str) -> None:
    row, made = TABLE[name], judged_row(name)
    found = condition(made, row.code)
    said = [each.sentence() for each in (*found.because, *(g.because for g in found.guests))]
    assert found.met is row.met, said
    assert all(said)
    if row.because:
        start = row.because.partition("%(")[0]
        assert any(text.startswith(start) for text in said), said
    if row.met in (FAIL, WARN):
        remedies = [each.sentence() for each in found.remedy] + [
            each.remedy.sentence() for each in found.guests
        ]
        assert any(remedies), "a No carries its remedy"


def test_every_condition_is_judged_once_whatever_is_seen() -> None:
    for name in TABLE:
        assert sorted(each.code for each in judged_row(name).conditions) == sorted(Code)


def test_the_papers_flaw_comes_first_with_the_cure() -> None:
    made = judged(pair())
    first = made.conditions[0]
    assert (first.code, first.met, first.level) == (Code.QUORUM, FAIL, Level.WARN)
    assert first.cure is not None
    assert "which may be the host of this panel" in first.cure.steps[0].where
    assert [each.vmid for each in made.at_risk] == [100]


def test_what_does_harm_already_comes_before_it() -> None:
    made = judged(pair(guest(state="error")))
    assert [each.code for each in made.conditions[:2]] == [Code.STATE, Code.QUORUM]
    assert made.conditions[0].level is Level.DANGER
    assert made.at_risk[0].level is Level.DANGER


@pytest.mark.parametrize(
    ("seen", "code", "level"),
    [
        (pair(), "would-not-survive", Level.WARN),
        (pair(qdevice=True), "survives-any-single-loss", Level.OK),
        (pair(guest(disk="local"), qdevice=True), "storage", Level.WARN),
        (pair(qdevice=True, armed="disarmed"), "armed", Level.WARN),
        (pair(qdevice=True, manager_state="dead"), "ha-manager", Level.DANGER),
        (pair(qdevice=True, groups=(HaGroup(group="w", nodes=("north",)),)),
         "survives-any-single-loss", Level.OK),
        (pair(qdevice=None, armed="disarmed"), "unknown", Level.UNKNOWN),
    ],
)  # fmt: skip
def test_the_headline_is_the_worst_that_decides(seen: Snapshot, code: str, level: Level) -> None:
    made = judged(seen).headline
    assert (made.code, made.level) == (code, level)
    assert made.title.sentence()
    assert all(each.sentence() for each in made.text)


def test_people_who_use_a_guest_make_it_matter() -> None:
    made = judged(pair(guest(), guest(101, ha=False)), services={101: ("E-Learning",)})
    found = condition(made, Code.COVERAGE)
    assert found.met is WARN
    assert "E-Learning" in found.guests[0].because.sentence()


def test_a_storage_that_one_of_three_lacks_is_a_warning() -> None:
    seen = pair(qdevice=True)
    third = replace(seen.nodes[1], name="third", node_id=3)
    made = judged(replace(seen, nodes=(*seen.nodes, third)))
    found = condition(made, Code.STORAGE)
    assert found.met is WARN
    assert "which third lacks" in found.guests[0].because.sentence()


def test_without_the_engine_only_what_is_certain_is_said() -> None:
    short = judged(pair(guest(maxmem=30 * GIB)), losses=None)
    assert condition(short, Code.CAPACITY).met is FAIL
    assert condition(judged(pair(), losses=None), Code.CAPACITY).met is OK


@pytest.mark.parametrize(
    ("severity", "met", "level"),
    [
        (Severity.DANGER, FAIL, Level.DANGER),
        (Severity.WARN, WARN, Level.WARN),
        (Severity.UNKNOWN, UNKNOWN, Level.UNKNOWN),
        (Severity.OK, OK, Level.OK),
    ],
)
def test_replication_that_is_observed_speaks_for_itself(
    severity: Severity, met: Met, level: Level
) -> None:
    worse = Finding(Health.SYNCING, severity, "it is %(how)s", "do %(how)s", params={"how": "so"})
    well = Finding(Health.HEALTHY, Severity.OK, "well", "")
    told = tuple(Judgement(name, (each,), ()) for name, each in (("a", well), ("b", worse)))
    found = condition(judged(pair(storages=drbd()), replication=told), Code.REPLICATION_LINK)
    assert (found.met, found.level) == (met, level)
    assert "it is so" in [each.sentence() for each in found.because]
    assert "do so" in [each.sentence() for each in found.remedy]
    assert found.evidence["resources"] == {"a": "healthy", "b": "syncing"}


def test_an_ha_manager_that_was_not_heard_leaves_its_part_open() -> None:
    made = judged(pair(), sees_ha=False)
    for code in (Code.ARMED, Code.MANAGER, Code.FENCING):
        assert condition(made, code).met is UNKNOWN


def test_of_what_is_not_seen_nothing_is_judged() -> None:
    votes = no_verdict("pair", Unknown.TOO_OLD, 60)
    made = judged(pair(armed="disarmed"), votes=votes)
    assert [each.code for each in made.conditions] == [Code.QUORUM]
    assert (made.met, made.at_risk) == (UNKNOWN, ())


def test_each_condition_has_a_paragraph_in_the_docs() -> None:
    named = set(re.findall(r"^### `([a-z-]+)`", DOCS.read_text(), re.MULTILINE))
    assert named == {code.value for code in Code}
    assert set(TITLES) == set(Code)


def test_the_table_holds_every_verdict_of_every_condition_that_decides() -> None:
    seen = {(row.code, row.met) for row in TABLE.values()}
    for code in (Code.QUORUM, Code.STORAGE, Code.CAPACITY):
        assert {met for each, met in seen if each is code} >= {OK, FAIL, UNKNOWN}
    assert {code for code, _ in seen} == set(Code)
