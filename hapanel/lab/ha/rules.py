"""HA rules as configured, and what makes one infeasible. Texts: pve-ha-manager's rule plugins.

Pure. Placement by rules is the HA engine's business; `in_force` tells it of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hapanel.ha.engine.rules import NodeAffinity, ResourceAffinity
from hapanel.ha.engine.rules import Rule as EngineRule

Errors = dict[str, dict[str, list[str]]]

PRIORITIES_WITH_AFFINITY = (
    "resources are in a resource affinity rule and cannot be in a node affinity rule with"
    " multiple priorities"
)
BUNDLE_ELSEWHERE = (
    "at least one resource is in a positive resource affinity rule and there are other resources"
    " in at least one other node affinity rule already"
)
APART_RESTRICTED = (
    "two or more resources are restricted to less nodes than available to the resources"
)
APART_RESTRICTS = (
    "at least one resource is in a negative resource affinity rule and this rule would restrict"
    " these to less nodes than available to the resources"
)


class RuleType(StrEnum):
    """Kinds of rules."""

    NODE_AFFINITY = "node-affinity"
    RESOURCE_AFFINITY = "resource-affinity"


@dataclass
class Rule:
    """One rule. `nodes` maps a node to its priority, None where none was given."""

    name: str
    type: RuleType
    resources: list[str] = field(default_factory=list)
    nodes: dict[str, int | None] = field(default_factory=dict)
    strict: bool = False
    affinity: str | None = None
    disable: bool | None = None
    comment: str | None = None

    @property
    def has_priorities(self) -> bool:
        """Whether its nodes have different priorities."""
        return len({priority or 0 for priority in self.nodes.values()}) > 1


class Rules:
    """The rules file: rules by name, in the order in which they were made."""

    def __init__(self) -> None:
        self.by_name: dict[str, Rule] = {}

    def digest(self) -> str:
        """SHA-1 of the file."""
        text = "\n".join(map(str, self.by_name.values()))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def partners(self, sid: str) -> tuple[set[str], set[str]]:
        """Who must be where the resource is, and who must not."""
        active = {name: rule for name, rule in self.by_name.items() if not rule.disable}
        bundles = (resources for _, resources in _bundles(active) if sid in resources)
        together = next(bundles, {sid})
        apart = {
            other
            for rule in active.values()
            if rule.affinity == "negative" and together & set(rule.resources)
            for other in rule.resources
        }
        return together - {sid}, apart - together

    def forget_resource(self, sid: str) -> None:
        """Takes a resource out of all rules; a rule that is left empty goes."""
        for name, rule in list(self.by_name.items()):
            rule.resources = [other for other in rule.resources if other != sid]
            if not rule.resources:
                del self.by_name[name]


def in_force(rules: Rules) -> tuple[EngineRule, ...]:
    """The rules that are not switched off, in the engine's words."""
    return tuple(_for_engine(rule) for rule in rules.by_name.values() if not rule.disable)


def _for_engine(rule: Rule) -> EngineRule:
    resources = frozenset(rule.resources)
    if rule.type is RuleType.RESOURCE_AFFINITY:
        positive = rule.affinity == "positive"
        return ResourceAffinity(id=rule.name, resources=resources, positive=positive)
    nodes = {node: priority or 0 for node, priority in rule.nodes.items()}
    return NodeAffinity(id=rule.name, resources=resources, nodes=nodes, strict=rule.strict)


def infeasible(rules: Mapping[str, Rule], node_count: int) -> Errors:
    """Rule -> property -> complaints. Disabled rules are neither judged nor count."""
    active = {name: rule for name, rule in rules.items() if not rule.disable}
    found: Errors = {}
    for name, complaint in (
        *_resources_in_two_node_rules(active),
        *_wrong_counts(active, node_count),
        *_contradictions(active),
        *_priorities_with_affinity(active),
        *_bundles_in_two_places(active),
        *_apart_on_too_few_nodes(active),
    ):
        found.setdefault(name, {}).setdefault("resources", []).append(complaint)
    return found


def _of(rules: Mapping[str, Rule], type_: RuleType) -> list[Rule]:
    return [rule for _, rule in sorted(rules.items()) if rule.type is type_]


def _resources_in_two_node_rules(rules: Mapping[str, Rule]) -> Iterator[tuple[str, str]]:
    node_rules = _of(rules, RuleType.NODE_AFFINITY)
    for rule in node_rules:
        for sid in sorted(rule.resources):
            if sum(sid in other.resources for other in node_rules) > 1:
                complaint = f"resource '{sid}' is already used in another node affinity rule"
                yield rule.name, complaint


def _wrong_counts(rules: Mapping[str, Rule], node_count: int) -> Iterator[tuple[str, str]]:
    for rule in _of(rules, RuleType.RESOURCE_AFFINITY):
        if len(rule.resources) < 2:
            yield rule.name, "rule is ineffective as there are less than two resources"
        if rule.affinity == "negative" and len(rule.resources) > node_count:
            yield rule.name, "rule defines more resources than available nodes"


def _contradictions(rules: Mapping[str, Rule]) -> Iterator[tuple[str, str]]:
    affinity = _of(rules, RuleType.RESOURCE_AFFINITY)
    for rule in affinity:
        for other in affinity:
            shared = set(rule.resources) & set(other.resources)
            if rule.affinity != other.affinity and len(shared) > 1:
                shares = "rule shares two or more resources with a"
                yield rule.name, f"{shares} {other.affinity} resource affinity rule"


def _paired(rules: Mapping[str, Rule], resources: set[str]) -> list[Rule]:
    """Node rules that place some of the resources."""
    placing = _of(rules, RuleType.NODE_AFFINITY)
    return [rule for rule in placing if resources & set(rule.resources)]


def _priorities_with_affinity(rules: Mapping[str, Rule]) -> Iterator[tuple[str, str]]:
    complained: set[str] = set()
    for rule in _of(rules, RuleType.RESOURCE_AFFINITY):
        paired = _paired(rules, set(rule.resources))
        if any(other.has_priorities for other in paired):
            yield rule.name, "resources are in node affinity rules with multiple priorities"
            complained |= {other.name for other in paired}
    for name in sorted(complained):
        yield name, PRIORITIES_WITH_AFFINITY


def _bundles_in_two_places(rules: Mapping[str, Rule]) -> Iterator[tuple[str, str]]:
    for names, resources in _bundles(rules):
        paired = _paired(rules, resources)
        if len(paired) > 1:
            for name in names:
                yield name, "resources are in multiple node affinity rules"
            for rule in paired:
                yield rule.name, BUNDLE_ELSEWHERE


def _bundles(rules: Mapping[str, Rule]) -> list[tuple[list[str], set[str]]]:
    """Positive rules that overlap, as one: their names and all their resources."""
    found: list[tuple[list[str], set[str]]] = []
    for rule in _of(rules, RuleType.RESOURCE_AFFINITY):
        if rule.affinity != "positive":
            continue
        names, resources, apart = [rule.name], set(rule.resources), []
        for bundle in found:
            if bundle[1] & resources:
                names, resources = bundle[0] + names, bundle[1] | resources
            else:
                apart.append(bundle)
        found = [*apart, (names, resources)]
    return found


def _apart_on_too_few_nodes(rules: Mapping[str, Rule]) -> Iterator[tuple[str, str]]:
    for rule in _of(rules, RuleType.RESOURCE_AFFINITY):
        if rule.affinity != "negative":
            continue
        paired = _paired(rules, set(rule.resources))
        placed = {sid for other in paired for sid in other.resources} & set(rule.resources)
        if len({node for other in paired for node in other.nodes}) < len(placed):
            yield rule.name, APART_RESTRICTED
            for other in paired:
                yield other.name, APART_RESTRICTS
