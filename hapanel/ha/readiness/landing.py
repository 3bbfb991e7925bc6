"""On which nodes a guest may land when its own dies: the engine's rules, asked without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hapanel.ha.engine.affinity import CompiledRules, compile_rules
from hapanel.ha.engine.placement import Scene, classes, occupied
from hapanel.ha.engine.rules import Conflict
from hapanel.ha.engine.usage import BasicUsage
from hapanel.ha.engine.words import ServiceState
from hapanel.ha.engine.world import Service
from hapanel.ha.forecast.initial import rules_of
from hapanel.ha.forecast.snapshot import SeenGuest, Snapshot


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """nodes: where it may be started. rule: what leaves it none. partner: whom it must avoid."""

    nodes: frozenset[str]
    rule: str = ""
    partner: str = ""


class Grounds:
    """The places of one snapshot."""

    def __init__(self, seen: Snapshot) -> None:
        known = tuple(sorted(node.name for node in seen.nodes))
        self._rules: CompiledRules = compile_rules(rules_of(seen), known)
        # Nodes in maintenance vote and take nobody.
        self._online = frozenset(n.name for n in seen.nodes if n.status == "online")
        self._services = {
            guest.sid: Service(state=ServiceState.STARTED, node=guest.node, uid=0)
            for guest in seen.guests
            if guest.managed and guest.is_running and self._rules.binds(guest.sid)
        }

    @property
    def dropped(self) -> Mapping[str, Sequence[Conflict]]:
        """Rules that the HA manager drops, each with its reasons."""
        return self._rules.dropped

    def landing(self, guest: SeenGuest) -> Landing:
        """Where `guest` may be started when its node dies alone."""
        online = self._online - {guest.node}
        if not self._rules.binds(guest.sid):
            return Landing(nodes=online)
        usage = BasicUsage(frozenset())
        scene = Scene(online=online, rules=self._rules, services=self._services, usage=usage)
        _, best = classes(scene, guest.sid)
        taken = occupied(scene, guest.sid)
        left = best.difference(taken)
        rule = self._rules.places.get(guest.sid)
        partner = next(iter(sorted(taken.values())), "")
        return Landing(
            nodes=left,
            rule=rule.id if rule and not best else "",
            partner=partner if best and not left else "",
        )
