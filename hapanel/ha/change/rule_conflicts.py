"""Rules that cannot all be kept, in words. What conflicts is the engine's to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hapanel.ha.change.refusals import RULE_CONFLICT
from hapanel.ha.engine.rules import Conflict, conflicts
from hapanel.ha.forecast.initial import engine_rule
from hapanel.kernel.refusal import Refusal
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.ports.cluster import HaRule

SENTENCES: Mapping[Conflict, str] = {
    Conflict.PLACED_TWICE: _("A guest of %(rule)s stands in another node affinity rule already."),
    Conflict.TOO_FEW_RESOURCES: _("%(rule)s needs at least two guests."),
    Conflict.TOO_FEW_NODES: _("%(rule)s keeps more guests apart than there are nodes."),
    Conflict.BOTH_WAYS: _(
        "Guests of %(rule)s are to be together by one rule and apart by another."
    ),
    Conflict.SEVERAL_PRIORITIES: _(
        "Guests that are kept together or apart cannot prefer one node to another: %(rule)s."
    ),
    Conflict.BUNDLE_IN_TWO_PLACES: _(
        "Guests that are kept together stand in several node affinity rules: %(rule)s."
    ),
    Conflict.APART_ON_TOO_FEW_NODES: _(
        "Node affinity leaves the guests that are kept apart too few nodes: %(rule)s."
    ),
}


def conflict_refusals(
    name: str, rules: Iterable[HaRule], nodes: Sequence[str]
) -> tuple[Refusal, ...]:
    """Why the rule `name` could not be kept among `rules`; Proxmox refuses such a rule."""
    found = _conflicts(rules, nodes).get(name, [])
    refusal = RULE_CONFLICT(rule=name)
    return tuple(replace(refusal, because_template=SENTENCES[each]) for each in found)


def dropped_rules(
    before: Iterable[HaRule], after: Iterable[HaRule], nodes: Sequence[str]
) -> set[str]:
    """The rules that held before and are ignored after."""
    return set(_conflicts(after, nodes)) - set(_conflicts(before, nodes))


def _conflicts(rules: Iterable[HaRule], nodes: Sequence[str]) -> dict[str, list[Conflict]]:
    known = [rule for told in rules if (rule := engine_rule(told)) is not None]
    return conflicts(known, nodes)
