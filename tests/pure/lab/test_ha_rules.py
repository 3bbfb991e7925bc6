"""Which HA rules cannot be kept, and what is said of each of them."""

from __future__ import annotations

from hapanel.lab.ha.rules import (
    APART_RESTRICTED,
    APART_RESTRICTS,
    BUNDLE_ELSEWHERE,
    PRIORITIES_WITH_AFFINITY,
    Rule,
    RuleType,
    infeasible,
)


def place(name: str, resources: str, nodes: str, *, disable: bool | None = None) -> Rule:
    """A node affinity rule: `a:2 b` are nodes with and without a priority."""
    pairs = (node.partition(":") for node in nodes.split())
    known = {node: int(priority) if priority else None for node, _, priority in pairs}
    return Rule(name, RuleType.NODE_AFFINITY, resources.split(), known, disable=disable)


def together(name: str, resources: str) -> Rule:
    """A positive resource affinity rule."""
    return Rule(name, RuleType.RESOURCE_AFFINITY, resources.split(), affinity="positive")


def apart(name: str, resources: str) -> Rule:
    """A negative one."""
    return Rule(name, RuleType.RESOURCE_AFFINITY, resources.split(), affinity="negative")


def complaints(*rules: Rule, nodes: int = 3) -> dict[str, list[str]]:
    """Rule -> what is wrong with its resources."""
    found = infeasible({rule.name: rule for rule in rules}, nodes)
    return {name: texts["resources"] for name, texts in found.items()}


def test_rules_that_get_along_are_not_complained_of() -> None:
    rules = place("p", "vm:1 vm:2", "a b"), together("t", "vm:1 vm:2"), apart("x", "vm:1 vm:3")
    assert complaints(*rules) == {}


def test_a_resource_has_one_place() -> None:
    said = ["resource 'vm:1' is already used in another node affinity rule"]
    assert complaints(place("p", "vm:1", "a"), place("q", "vm:1 vm:2", "a")) == {
        "p": said,
        "q": said,
    }
    assert complaints(place("p", "vm:1", "a"), place("q", "vm:1", "a", disable=True)) == {}


def test_affinity_needs_two_resources_and_apart_a_node_for_each() -> None:
    assert complaints(together("t", "vm:1")) == {
        "t": ["rule is ineffective as there are less than two resources"]
    }
    assert complaints(apart("x", "vm:1 vm:2 vm:3"), nodes=2) == {
        "x": ["rule defines more resources than available nodes"]
    }


def test_two_resources_are_not_together_and_apart() -> None:
    shares = "rule shares two or more resources with a"
    assert complaints(together("t", "vm:1 vm:2"), apart("x", "vm:1 vm:2")) == {
        "t": [f"{shares} negative resource affinity rule"],
        "x": [f"{shares} positive resource affinity rule"],
    }


def test_priorities_do_not_go_with_affinity() -> None:
    assert complaints(place("p", "vm:1", "a:2 b"), together("t", "vm:1 vm:2")) == {
        "p": [PRIORITIES_WITH_AFFINITY],
        "t": ["resources are in node affinity rules with multiple priorities"],
    }


def test_resources_that_belong_together_by_several_rules_have_one_place() -> None:
    rules = together("t", "vm:1 vm:2"), together("u", "vm:2 vm:3")
    places = place("p", "vm:1", "a"), place("q", "vm:3", "b")
    said = ["resources are in multiple node affinity rules"]
    assert complaints(*rules, *places) == {
        "t": said, "u": said, "p": [BUNDLE_ELSEWHERE], "q": [BUNDLE_ELSEWHERE],
    }  # fmt: skip


def test_resources_apart_are_not_confined_to_fewer_nodes() -> None:
    assert complaints(apart("x", "vm:1 vm:2"), place("p", "vm:1 vm:2", "a")) == {
        "x": [APART_RESTRICTED],
        "p": [APART_RESTRICTS],
    }
