"""HA rules and the older HA groups as they are configured, and which of them cancel each other.

The manager drops every rule of a conflict, not only one of them, and says why in its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec


class Conflict(StrEnum):
    """Why a rule takes no effect."""

    PLACED_TWICE = "a resource is in another node affinity rule already"
    TOO_FEW_RESOURCES = "there are less than two resources"
    TOO_FEW_NODES = "there are more resources than nodes to keep them apart"
    BOTH_WAYS = "two or more resources are to be together and apart"
    SEVERAL_PRIORITIES = "resources of an affinity rule are in a node rule with priorities"
    BUNDLE_IN_TWO_PLACES = "resources to be together are in more than one node affinity rule"
    APART_ON_TOO_FEW_NODES = "node affinity leaves resources to be apart too few nodes"


Conflicts: TypeAlias = Iterable[tuple[str, Conflict]]


class NodeAffinity(msgspec.Struct, frozen=True, kw_only=True):
    """Where resources may run: nodes with their priorities; strict means nowhere else."""

    id: str
    resources: frozenset[str]
    nodes: Mapping[str, int]
    strict: bool = False

    @property
    def has_several_priorities(self) -> bool:
        """Whether the nodes are not all the same to it."""
        return len(set(self.nodes.values())) > 1


class ResourceAffinity(msgspec.Struct, frozen=True, kw_only=True):
    """Resources that must share a node (positive) or must not (negative)."""

    id: str
    resources: frozenset[str]
    positive: bool


Rule: TypeAlias = "NodeAffinity | ResourceAffinity"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """An HA group of Proxmox VE 8: nodes with priorities for the guests that name it."""

    nodes: Mapping[str, int]
    restricted: bool = False
    nofailback: bool = False

    def as_rule(self, name: str, members: frozenset[str]) -> NodeAffinity:
        """The node affinity rule that Proxmox VE 9 makes of it."""
        return NodeAffinity(
            id=f"ha-group-{name}", resources=members, nodes=self.nodes, strict=self.restricted
        )


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """Positive rules that hang together by shared resources, taken as one."""

    rules: tuple[str, ...]
    resources: frozenset[str]


def bundles(rules: Iterable[ResourceAffinity]) -> list[Bundle]:
    """The positive ones of `rules`, merged where they share a resource."""
    merged: list[Bundle] = []
    for rule in rules:
        if not rule.positive:
            continue
        touching = [each for each in merged if each.resources & rule.resources]
        merged = [each for each in merged if each not in touching]
        merged.append(
            Bundle(
                rules=(*(i for each in touching for i in each.rules), rule.id),
                resources=rule.resources.union(*(each.resources for each in touching)),
            )
        )
    return merged


class RuleBook:
    """The enabled rules by kind, for the checks."""

    def __init__(self, rules: Iterable[Rule], nodes: Sequence[str]) -> None:
        listed = list(rules)
        self.nodes = nodes
        self.places = [rule for rule in listed if isinstance(rule, NodeAffinity)]
        self.company = [rule for rule in listed if isinstance(rule, ResourceAffinity)]
        self.apart = [rule for rule in self.company if not rule.positive]
        self.bundles = bundles(self.company)


def _placed_twice(book: RuleBook) -> Conflicts:
    by_resource: dict[str, list[str]] = {}
    for rule in book.places:
        for sid in rule.resources:
            by_resource.setdefault(sid, []).append(rule.id)
    for _, rules in sorted(by_resource.items()):
        for rule_id in rules if len(rules) > 1 else ():
            yield rule_id, Conflict.PLACED_TWICE


def _too_few_resources(book: RuleBook) -> Conflicts:
    for rule in book.company:
        if len(rule.resources) < 2:
            yield rule.id, Conflict.TOO_FEW_RESOURCES


def _too_few_nodes(book: RuleBook) -> Conflicts:
    for rule in book.apart:
        if len(rule.resources) > len(book.nodes):
            yield rule.id, Conflict.TOO_FEW_NODES


def _together_and_apart(book: RuleBook) -> Conflicts:
    for bundle in book.bundles:
        for rule in book.apart:
            if len(bundle.resources & rule.resources) >= 2:
                yield rule.id, Conflict.BOTH_WAYS
                for rule_id in bundle.rules:
                    yield rule_id, Conflict.BOTH_WAYS


def _several_priorities(book: RuleBook) -> Conflicts:
    for rule in book.company:
        paired = [place for place in book.places if place.resources & rule.resources]
        if any(place.has_several_priorities for place in paired):
            yield rule.id, Conflict.SEVERAL_PRIORITIES
            for place in paired:
                yield place.id, Conflict.SEVERAL_PRIORITIES


def _bundle_in_two_places(book: RuleBook) -> Conflicts:
    for bundle in book.bundles:
        paired = [place for place in book.places if place.resources & bundle.resources]
        if len(paired) > 1:
            for rule_id in bundle.rules:
                yield rule_id, Conflict.BUNDLE_IN_TWO_PLACES
            for place in paired:
                yield place.id, Conflict.BUNDLE_IN_TWO_PLACES


def _apart_on_too_few_nodes(book: RuleBook) -> Conflicts:
    for rule in book.apart:
        paired = [place for place in book.places if place.resources & rule.resources]
        located = {sid for place in paired for sid in place.resources & rule.resources}
        allowed = {node for place in paired for node in place.nodes}
        if len(allowed) < len(located):
            yield rule.id, Conflict.APART_ON_TOO_FEW_NODES
            for place in paired:
                yield place.id, Conflict.APART_ON_TOO_FEW_NODES


_CHECKS: tuple[Callable[[RuleBook], Conflicts], ...] = (
    _placed_twice,
    _too_few_resources,
    _too_few_nodes,
    _together_and_apart,
    _several_priorities,
    _bundle_in_two_places,
    _apart_on_too_few_nodes,
)


def conflicts(rules: Iterable[Rule], nodes: Sequence[str]) -> dict[str, list[Conflict]]:
    """The rules that take no effect, by id, each with its reasons. `nodes` are all known nodes."""
    book = RuleBook(rules, nodes)
    found: dict[str, list[Conflict]] = {}
    for check in _CHECKS:
        for rule_id, reason in check(book):
            reasons = found.setdefault(rule_id, [])
            if reason not in reasons:
                reasons.append(reason)
    return dict(sorted(found.items()))
