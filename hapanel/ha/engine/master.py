"""One round of the master, in the manager's order: look, take in, decide, until nothing changes."""

from __future__ import annotations

from hapanel.ha.engine import disarming
from hapanel.ha.engine.commands import read_commands
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import FileSystemTrouble, ServiceAdded, ServiceDropped
from hapanel.ha.engine.groups import try_to_migrate
from hapanel.ha.engine.rebalance import rebalance
from hapanel.ha.engine.round import Round
from hapanel.ha.engine.transitions import is_settled, visit
from hapanel.ha.engine.words import NodeState, Requested, ServiceState
from hapanel.ha.engine.world import Memory, Service


def manage(draft: Draft, node: str, memory: Memory) -> Memory:
    """Let the master on `node` do one round: what it remembers afterwards."""
    if not draft.machines[node].can_write:
        draft.emit(FileSystemTrouble(at=draft.now, node=node, daemon="crm"))
        return memory
    turn = Round(draft, node, memory)
    turn.nodes.update(turn.modes)
    if not turn.nodes.is_operational(node):
        return turn.close()
    try_to_migrate(turn)
    turn.read_guests()
    _add_and_drop(turn)
    turn.count_usage()
    turn.compile()
    read_commands(turn)
    _decide(turn)
    draft.master = node
    draft.status_at = draft.now
    return turn.close()


def _decide(turn: Round) -> None:
    if turn.draft.disarm is None:
        rebalance(turn)
        _pass_until_quiet(turn, list(turn.draft.services))
    elif disarming.is_deferred(turn):
        services = turn.draft.services
        _pass_until_quiet(turn, [s for s in services if services[s].state in disarming.UNDER_WAY])
    else:
        disarming.hold(turn)


def _add_and_drop(turn: Round) -> None:
    """Bring the services in line with the configuration."""
    draft = turn.draft
    for sid in sorted(turn.guests.keys() - draft.services.keys()):
        guest = turn.guests[sid]
        if guest.requested is Requested.IGNORED:
            continue
        # A new service is taken to run where it is, so that nothing moves it for a start.
        started = guest.requested is Requested.STARTED
        state = ServiceState.REQUEST_START if started else ServiceState.REQUEST_STOP
        turn.put(sid, Service(state=state, node=guest.node, uid=draft.new_uid()))
        draft.emit(ServiceAdded(at=draft.now, sid=sid, state=state, node=guest.node))
    for sid in sorted(draft.services):
        known = turn.guests.get(sid)
        if known is not None and known.requested is not Requested.IGNORED:
            continue
        service = draft.services[sid]
        reason = "no config" if known is None else "ignored state requested"
        draft.emit(
            ServiceDropped(
                at=draft.now, sid=sid, state=service.state, node=service.node, reason=reason
            )
        )
        draft.drop_service(sid)


def _pass_until_quiet(turn: Round, sids: list[str]) -> None:
    """Visit the services in the order of strings, then fence; again, until nothing changes."""
    if not turn.draft.profile.rechecks:
        sids = [sid for sid in sids if not is_settled(turn, sid)]
    listed = sorted(sids)
    again = True
    while again:
        again = False
        for sid in listed:
            if visit(turn, sid):
                again = True
        if _fence(turn):
            again = True


def _fence(turn: Round) -> bool:
    """Try to get the locks of nodes with services in fence: whether a node is known dead now."""
    known_dead: dict[str, bool] = {}
    services = turn.draft.services
    for sid in sorted(s for s, each in services.items() if each.state is ServiceState.FENCE):
        node = services[sid].node
        if node not in known_dead:
            known_dead[node] = turn.nodes.fence(node)
        if known_dead[node]:
            turn.change(sid, ServiceState.RECOVERY)
    for node, state in sorted(turn.draft.node_states.items()):
        # Somebody may have removed its services meanwhile.
        if state is NodeState.FENCE and node not in known_dead:
            known_dead[node] = turn.nodes.fence(node)
    return any(known_dead.values())
