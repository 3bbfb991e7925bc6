"""Rules: which cancel each other, what they imply, and that the whole conflict goes."""

from __future__ import annotations

import pytest

from hapanel.ha.engine.affinity import compile_rules
from hapanel.ha.engine.rules import Group, NodeAffinity, ResourceAffinity, Rule, bundles, conflicts

NODES = ("n1", "n2", "n3")


def place(name: str, sids: str, nodes: dict[str, int], *, strict: bool = False) -> NodeAffinity:
    return NodeAffinity(id=name, resources=frozenset(sids.split()), nodes=nodes, strict=strict)


def apart(name: str, sids: str) -> ResourceAffinity:
    return ResourceAffinity(id=name, resources=frozenset(sids.split()), positive=False)


def together(name: str, sids: str) -> ResourceAffinity:
    return ResourceAffinity(id=name, resources=frozenset(sids.split()), positive=True)


CONFLICTS: list[tuple[str, list[Rule], set[str]]] = [
    ("fine", [place("a", "vm:1", {"n1": 0}), apart("b", "vm:1 vm:2")], set()),
    (
        "placed twice",
        [place("a", "vm:1 vm:2", {"n1": 0}), place("b", "vm:2", {"n2": 0})],
        {"a", "b"},
    ),
    ("alone", [together("a", "vm:1"), apart("b", "vm:2")], {"a", "b"}),
    ("more than nodes", [apart("a", "vm:1 vm:2 vm:3 vm:4")], {"a"}),
    ("both ways", [together("a", "vm:1 vm:2"), apart("b", "vm:1 vm:2 vm:3")], {"a", "b"}),
    (
        "both ways through a chain",
        [together("a", "vm:1 vm:2"), together("b", "vm:2 vm:3"), apart("c", "vm:1 vm:3")],
        {"a", "b", "c"},
    ),
    (
        "priorities in company",
        [place("a", "vm:1", {"n1": 2, "n2": 1}), apart("b", "vm:1 vm:2")],
        {"a", "b"},
    ),
    (
        "together in two places",
        [
            together("a", "vm:1 vm:2"),
            place("b", "vm:1", {"n1": 0}),
            place("c", "vm:2", {"n2": 0}),
        ],
        {"a", "b", "c"},
    ),
    (
        "apart on one node",
        [apart("a", "vm:1 vm:2"), place("b", "vm:1 vm:2", {"n1": 0})],
        {"a", "b"},
    ),
    ("one pinned, one free", [apart("a", "vm:1 vm:2"), place("b", "vm:1", {"n1": 0})], set()),
]


@pytest.mark.parametrize(
    ("rules", "lost"), [c[1:] for c in CONFLICTS], ids=[c[0] for c in CONFLICTS]
)
def test_every_rule_of_a_conflict_is_dropped(rules: list[Rule], lost: set[str]) -> None:
    found = conflicts(rules, NODES)
    assert set(found) == lost
    assert all(found.values())


def test_overlapping_positive_rules_are_one_bundle() -> None:
    found = bundles(
        [together("a", "vm:1 vm:2"), together("b", "vm:3 vm:4"), together("c", "vm:2 vm:3")]
    )
    assert [each.resources for each in found] == [frozenset({"vm:1", "vm:2", "vm:3", "vm:4"})]
    assert set(found[0].rules) == {"a", "b", "c"}


def test_a_bundle_inherits_its_members_enemies_and_place() -> None:
    rules = compile_rules(
        [
            together("t", "vm:1 vm:2"),
            apart("x", "vm:1 vm:3"),
            place("p", "vm:2", {"n1": 0, "n2": 0}, strict=True),
        ],
        NODES,
    )
    assert rules.strangers("vm:2") == {"vm:3"}
    assert rules.strangers("vm:3") == {"vm:1", "vm:2"}
    assert rules.partners("vm:1") == {"vm:2"}
    assert rules.places["vm:1"].id == "p"
    assert rules.binds("vm:3")
    assert not rules.binds("vm:4")


def test_a_conflict_leaves_the_other_rules_alone() -> None:
    rules = compile_rules([apart("a", "vm:1"), apart("b", "vm:1 vm:2")], NODES)
    assert list(rules.dropped) == ["a"]
    assert rules.strangers("vm:1") == {"vm:2"}


def test_a_restricted_group_is_a_strict_rule() -> None:
    group = Group(nodes={"n1": 2, "n2": 0}, restricted=True, nofailback=True)
    rule = group.as_rule("web", frozenset({"vm:1"}))
    assert rule.strict
    assert rule.nodes == {"n1": 2, "n2": 0}
    assert rule.has_several_priorities
