"""Switching HA off: wait for what is under way, hold the services still, let the LRMs let go."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine.events import DisarmCompleted, DisarmDeferred
from hapanel.ha.engine.round import Round
from hapanel.ha.engine.words import MOVING, DisarmMode, DisarmState, LrmMode, ServiceState

UNDER_WAY = MOVING | {ServiceState.FENCE, ServiceState.RECOVERY}
_AT_REST = frozenset({ServiceState.FREEZE, ServiceState.ERROR})


def is_deferred(turn: Round) -> bool:
    """Whether a service is still being fenced, recovered or moved; only such ones go on."""
    for sid in sorted(turn.draft.services):
        state = turn.draft.services[sid].state
        if state in UNDER_WAY:
            turn.draft.emit(DisarmDeferred(at=turn.draft.now, sid=sid, state=state))
            return True
    return False


def hold(turn: Round) -> None:
    """Hold the services, and note when the last LRM has let go."""
    disarm = turn.draft.disarm
    if disarm is None:
        return
    if disarm.mode is DisarmMode.FREEZE:
        for sid in sorted(turn.draft.services):
            if turn.draft.services[sid].state not in _AT_REST:
                turn.change(sid, ServiceState.FREEZE, by_disarm=True)
    modes = {turn.modes.get(node) for node in turn.nodes.online()}
    if disarm.state is DisarmState.DISARMING and modes <= {LrmMode.DISARM}:
        turn.draft.disarm = replace(disarm, state=DisarmState.DISARMED)
        turn.draft.emit(DisarmCompleted(at=turn.draft.now))
