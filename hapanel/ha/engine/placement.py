"""Which node shall a service run on? The order of the questions is the manager's.

Node affinity decides first and by priority class; resource affinity then looks only at the best
class, and a lower one is not tried when affinity forbids all of it. No scheduler refuses a node
for lack of memory or CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from hapanel.ha.engine.affinity import CompiledRules
from hapanel.ha.engine.reasons import Because, RuledOut
from hapanel.ha.engine.usage import Usage, used_nodes
from hapanel.ha.engine.world import Guest, Service


class Preference(Enum):
    """What a choice of a node is for."""

    STAY = "none"
    TRY_NEXT = "try next"
    BEST_SCORE = "best score"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice is made from: online nodes, rules, all services, and the counters."""

    online: frozenset[str]
    rules: CompiledRules
    services: Mapping[str, Service]
    usage: Usage


def classes(scene: Scene, sid: str) -> tuple[frozenset[str], frozenset[str]]:
    """By node affinity: all nodes that are allowed, and those of the highest priority online."""
    rule = scene.rules.places.get(sid)
    if rule is None:
        return scene.online, scene.online
    priority = {node: level for node, level in rule.nodes.items() if node in scene.online}
    if not rule.strict:
        priority |= {node: -1 for node in scene.online if node not in rule.nodes}
    highest = max(priority.values(), default=0)
    best = frozenset(node for node, level in priority.items() if level == highest)
    return frozenset(priority), best


def company(scene: Scene, sid: str) -> dict[str, int]:
    """How many partners of a positive rule each node has; one that moves counts at its target."""
    found: dict[str, int] = {}
    for partner in scene.rules.partners(sid):
        service = scene.services.get(partner)
        if service is not None:
            here, there = used_nodes(service, scene.online)
            node = there or here
            if node is not None:
                found[node] = found.get(node, 0) + 1
    return found


def occupied(scene: Scene, sid: str) -> dict[str, str]:
    """The nodes that partners of a negative rule use or move to, with one such partner each."""
    found: dict[str, str] = {}
    for partner in sorted(scene.rules.strangers(sid)):
        service = scene.services.get(partner)
        if service is not None:
            for node in used_nodes(service, scene.online):
                if node is not None:
                    found.setdefault(node, partner)
    return found


def _by_affinity(scene: Scene, sid: str, nodes: frozenset[str]) -> frozenset[str]:
    """Of `nodes`, those that resource affinity leaves."""
    nodes = nodes.difference(occupied(scene, sid))
    together = {node: n for node, n in company(scene, sid).items() if node in nodes}
    if not together:
        return nodes
    return frozenset({min(together, key=lambda node: (-together[node], node))})


def _may_stay(scene: Scene, sid: str, service: Service) -> bool:
    """Whether resource affinity leaves it where it is."""
    return service.node not in occupied(scene, sid) or service.node in company(scene, sid)


def select(
    scene: Scene, sid: str, service: Service, guest: Guest, preference: Preference
) -> str | None:
    """The node for `sid`, or None. `guest.failback` is what counts, groups included."""
    staying = preference is Preference.STAY
    bound = scene.rules.binds(sid)
    if staying and not bound and service.maintenance_node is None and service.node in scene.online:
        return service.node
    allowed, nodes = classes(scene, sid)
    if not allowed:
        return None
    if (
        staying
        and not guest.failback
        and service.node in allowed
        and _may_stay(scene, sid, service)
    ):
        return service.node
    if preference is Preference.TRY_NEXT:
        nodes = nodes.difference(service.failed_nodes)
    if bound:
        nodes = _by_affinity(scene, sid, nodes)
    if service.maintenance_node in nodes:
        return service.maintenance_node
    if staying and service.node in nodes:
        return service.node
    score = scene.usage.scores(guest.load)
    return min(nodes, key=lambda node: (score[node], node), default=None)


def explain(
    scene: Scene, sid: str, service: Service, known: Mapping[str, object], chosen: str | None
) -> tuple[RuledOut, ...]:
    """Why none of the other `known` nodes was taken for `sid`."""
    allowed, best = classes(scene, sid)
    taken = occupied(scene, sid)
    rule = scene.rules.places.get(sid)
    left = _by_affinity(scene, sid, best)
    found = []
    for node in sorted(known):
        partner = ""
        if node == chosen:
            continue
        if node not in scene.online:
            because = Because.NOT_ONLINE
        elif node not in allowed:
            because, partner = Because.NODE_AFFINITY, rule.id if rule else ""
        elif node not in best:
            because, partner = Because.LOWER_PRIORITY, rule.id if rule else ""
        elif node in taken:
            because, partner = Because.NEGATIVE_AFFINITY, taken[node]
        elif node not in left:
            because = Because.POSITIVE_AFFINITY
        elif node in service.failed_nodes:
            because = Because.FAILED_THERE
        else:
            because = Because.WORSE_SCORE
        found.append(RuledOut(sid, node, because, partner))
    return tuple(found)
