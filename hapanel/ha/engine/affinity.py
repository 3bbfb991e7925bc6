"""Rules made ready for questions: where may a resource run, with whom, and without whom?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hapanel.ha.engine.rules import (
    Bundle,
    Conflict,
    NodeAffinity,
    ResourceAffinity,
    Rule,
    bundles,
    conflicts,
)

_NOBODY: frozenset[str] = frozenset()


class CompiledRules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds after conflicting rules were dropped and implied ones added.

    places: the node affinity of a resource. together, apart: its partners.
    dropped: rules without effect, with the reasons.
    """

    places: Mapping[str, NodeAffinity]
    together: Mapping[str, frozenset[str]]
    apart: Mapping[str, frozenset[str]]
    dropped: Mapping[str, Sequence[Conflict]]

    def binds(self, sid: str) -> bool:
        """Whether any rule says something about `sid`."""
        return sid in self.places or sid in self.together or sid in self.apart

    def partners(self, sid: str) -> frozenset[str]:
        """Those that must be on its node."""
        return self.together.get(sid, _NOBODY)

    def strangers(self, sid: str) -> frozenset[str]:
        """Those that must not be on its node."""
        return self.apart.get(sid, _NOBODY)


def _apart_pairs(
    company: Iterable[ResourceAffinity], held: Iterable[Bundle]
) -> dict[str, set[str]]:
    """Who must be kept from whom, a bundle inheriting what holds for any of its members."""
    apart: dict[str, set[str]] = {}
    for rule in company:
        if not rule.positive:
            for sid in rule.resources:
                apart.setdefault(sid, set()).update(rule.resources - {sid})
    inherited: list[tuple[str, str]] = []
    for bundle in held:
        strangers = {other for sid in bundle.resources for other in apart.get(sid, ())}
        inherited.extend((sid, other) for sid in bundle.resources for other in strangers)
    for sid, other in inherited:
        apart.setdefault(sid, set()).add(other)
        apart.setdefault(other, set()).add(sid)
    return apart


def _places(rules: Iterable[Rule], held: Iterable[Bundle]) -> dict[str, NodeAffinity]:
    """The node affinity by resource; a bundle takes over that of its member."""
    places: dict[str, NodeAffinity] = {}
    listed = [rule for rule in rules if isinstance(rule, NodeAffinity)]
    for rule in listed:
        for sid in rule.resources:
            places.setdefault(sid, rule)
    for bundle in held:
        found = next((rule for rule in listed if rule.resources & bundle.resources), None)
        if found:
            for sid in bundle.resources:
                places.setdefault(sid, found)
    return places


def compile_rules(rules: Iterable[Rule], nodes: Sequence[str]) -> CompiledRules:
    """What `rules` mean in a cluster of `nodes` (all known ones, up or not)."""
    listed = tuple(rules)
    dropped = conflicts(listed, nodes)
    kept = [rule for rule in listed if rule.id not in dropped]
    company = [rule for rule in kept if isinstance(rule, ResourceAffinity)]
    held = bundles(company)
    return CompiledRules(
        places=_places(kept, held),
        together={sid: each.resources - {sid} for each in held for sid in each.resources},
        apart={sid: frozenset(others) for sid, others in _apart_pairs(company, held).items()},
        dropped=dropped,
    )
