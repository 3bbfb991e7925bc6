"""The snapshot of a cluster as it will be once a change is made and has settled."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hapanel.ha.change.configuration import rules_after
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ha.engine.step import step
from hapanel.ha.forecast.daemons import NOW, Phase
from hapanel.ha.forecast.initial import Scenery
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, SeenResource, Snapshot

# The HA manager's next round, and the moves that follow from it.
_SETTLES = 240.0
# An LRM without work sleeps; it takes its lock as soon as there is some.
_ASLEEP = frozenset({"", "idle", "wait_for_agent_lock"})


def changed(seen: Snapshot, change: HaChange) -> Snapshot:
    """`seen` after the change, before the HA manager has reacted to it."""
    after = _CHANGES[change.verb](seen, change)
    return replace(after, nodes=tuple(_awake(node, after) for node in after.nodes))


def settled(seen: Snapshot) -> Snapshot:
    """`seen` after the HA manager has moved what its rules want elsewhere.

    Asks the engine, with the guests that a rule names.
    """
    bound = {sid for rule in seen.rules if not rule.disabled for sid in rule.resources}
    movable = [g.sid for g in seen.guests if g.managed and g.is_running and g.sid in bound]
    if not movable or seen.quorate is False or seen.armed.startswith("disarm"):
        return seen
    world = Scenery(seen).world(movable, Phase(coarse=True))
    after, _events = step(world, NOW + _SETTLES)
    places = {sid: service.node for sid, service in after.services.items()}
    return replace(seen, guests=tuple(_at(guest, places.get(guest.sid)) for guest in seen.guests))


def _at(guest: SeenGuest, node: str | None) -> SeenGuest:
    if node is None or node == guest.node or guest.resource is None:
        return guest
    return replace(guest, node=node, resource=replace(guest.resource, node=node, state="started"))


def _awake(node: SeenNode, seen: Snapshot) -> SeenNode:
    """A node whose LRM sleeps wakes up with its first guest under HA, and arms its watchdog."""
    has_work = any(g.managed and g.node == node.name for g in seen.guests)
    sleeps = node.is_member and not node.lrm_dead and node.lrm_state in _ASLEEP
    return replace(node, lrm_state="active") if has_work and sleeps else node


def _put_resource(seen: Snapshot, change: HaChange) -> Snapshot:
    return _with_guest(seen, change.key, lambda guest: _managed(guest, change))


def _remove_resource(seen: Snapshot, change: HaChange) -> Snapshot:
    after = _with_guest(seen, change.key, lambda guest: replace(guest, resource=None))
    return replace(after, rules=rules_after(seen.rules, change))


def _change_rules(seen: Snapshot, change: HaChange) -> Snapshot:
    return replace(seen, rules=rules_after(seen.rules, change))


def _disarm(seen: Snapshot, _change: HaChange) -> Snapshot:
    return replace(seen, armed="disarmed")


def _arm(seen: Snapshot, _change: HaChange) -> Snapshot:
    guests = tuple(
        replace(g, resource=replace(g.resource, state=_awaited(g.resource.request)))
        if g.resource and g.resource.state == "freeze"
        else g
        for g in seen.guests
    )
    nodes = tuple(
        replace(node, lrm_state="") if node.lrm_state == "disarm" else node for node in seen.nodes
    )
    return replace(seen, armed="armed", guests=guests, nodes=nodes)


_CHANGES: dict[Verb, Callable[[Snapshot, HaChange], Snapshot]] = {
    Verb.ADD_RESOURCE: _put_resource,
    Verb.CHANGE_RESOURCE: _put_resource,
    Verb.REMOVE_RESOURCE: _remove_resource,
    Verb.ADD_RULE: _change_rules,
    Verb.CHANGE_RULE: _change_rules,
    Verb.REMOVE_RULE: _change_rules,
    Verb.DISARM: _disarm,
    Verb.ARM: _arm,
}


def _with_guest(seen: Snapshot, sid: str, change: Callable[[SeenGuest], SeenGuest]) -> Snapshot:
    return replace(seen, guests=tuple(change(g) if g.sid == sid else g for g in seen.guests))


def _managed(guest: SeenGuest, change: HaChange) -> SeenGuest:
    wanted = change.resource
    known = guest.resource or SeenResource(state="started", request="started", node=guest.node)
    request = wanted.state or known.request
    resource = replace(
        known,
        request=request,
        state=_awaited(request) if wanted.state or guest.resource is None else known.state,
        max_restart=known.max_restart if wanted.max_restart is None else wanted.max_restart,
        max_relocate=known.max_relocate if wanted.max_relocate is None else wanted.max_relocate,
        failback=known.failback if wanted.failback is None else wanted.failback,
    )
    return replace(guest, resource=resource, is_running=runs_after(guest, request))


def _awaited(request: str) -> str:
    """The manager's state once it has done what is requested."""
    return "started" if request in ("started", "enabled") else "stopped"


def runs_after(guest: SeenGuest, request: str) -> bool:
    """Whether the guest runs once the HA manager has done what is requested."""
    return guest.is_running if request == "ignored" else _awaited(request) == "started"
