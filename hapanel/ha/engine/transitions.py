"""What the master does with a service in each state, once per pass."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hapanel.ha.engine.commands import refuse
from hapanel.ha.engine.events import LockRemoved
from hapanel.ha.engine.placement import Preference
from hapanel.ha.engine.reasons import No, Why
from hapanel.ha.engine.round import Round
from hapanel.ha.engine.words import JobResult, LrmMode, NodeState, Requested, ServiceState
from hapanel.ha.engine.world import Order, Service

_NO_NEWS = frozenset({None, JobResult.OK})
_RELOCATABLE = frozenset({JobResult.FAILED, JobResult.WRONG_NODE})
_FREEZABLE = frozenset({ServiceState.STARTED, ServiceState.STOPPED, ServiceState.REQUEST_STOP})
# Locks whose task died with the node. Others, such as `create`, mean an unfinished guest.
_LEFTOVER_LOCKS = frozenset(
    {
        "backup",
        "mounted",
        "migrate",
        "clone",
        "rollback",
        "snapshot",
        "snapshot-delete",
        "suspending",
        "suspended",
    }
)


def visit(turn: Round, sid: str) -> bool:
    """Look at one service: whether its state changed."""
    service = turn.draft.services[sid]
    _VISITS[service.state](turn, sid, service)
    after = turn.draft.services[sid]
    if turn.modes.get(after.node) is LrmMode.RESTART and after.state in _FREEZABLE:
        turn.change(sid, ServiceState.FREEZE)
    return turn.draft.services[sid].state is not service.state


def is_settled(turn: Round, sid: str) -> bool:
    """Whether a visit would change nothing, by a cheap look (without rechecks)."""
    service = turn.draft.services[sid]
    return (
        service.is_running
        and service.state is ServiceState.STARTED
        and service.order is None
        and service.maintenance_node is None
        and service.node in turn.scene.online
        and turn.results.get(service.uid) in _NO_NEWS
        and turn.modes.get(service.node) is not LrmMode.RESTART
        and turn.requested(sid) is Requested.STARTED
        and not turn.scene.rules.binds(sid)
    )


def _fence_when_lost(turn: Round, sid: str, service: Service) -> bool:
    if turn.nodes.is_offline_long_enough(service.node):
        turn.change(sid, ServiceState.FENCE)
        return True
    return False


def _request_stop(turn: Round, sid: str, service: Service) -> None:
    result = turn.results.get(service.uid)
    if result is JobResult.OK:
        turn.change(sid, ServiceState.STOPPED)
    elif result is not None:
        turn.change(sid, ServiceState.ERROR)
    else:
        _fence_when_lost(turn, sid, service)


def _moving(turn: Round, sid: str, service: Service) -> None:
    result = turn.results.get(service.uid)
    if result is None:
        _fence_when_lost(turn, sid, service)
    elif result is JobResult.OK:
        turn.change(sid, turn.awake_state(sid), node=service.target)
    elif result is JobResult.WRONG_NODE:
        turn.change(sid, ServiceState.ERROR)
    else:
        turn.change(sid, turn.awake_state(sid))


def _stopped(turn: Round, sid: str, service: Service) -> None:
    guest = turn.guests.get(sid)
    if guest is not None and service.node != guest.node:
        # Possible when a node was fenced in the middle of a move.
        service = replace(service, node=guest.node)
        turn.put(sid, service)
    order = service.order
    if order is not None:
        turn.put(sid, replace(service, order=None))
        if order.verb == "stop":
            _ignore(turn, sid, order, No.ALREADY_STOPPED)
        elif _may_move(turn, sid, service, order):
            turn.change(sid, ServiceState(order.verb), target=order.target)
            return
    requested = turn.requested(sid)
    if requested is Requested.DISABLED:
        return
    in_maintenance = turn.nodes.state(service.node) is NodeState.MAINTENANCE
    if not in_maintenance and _fence_when_lost(turn, sid, service):
        return
    if requested is Requested.STARTED:
        turn.change(sid, ServiceState.REQUEST_START)


def _may_move(turn: Round, sid: str, service: Service, order: Order) -> bool:
    if not turn.nodes.is_online(order.target):
        _ignore(turn, sid, order, No.NODE_NOT_ONLINE)
        return False
    if service.node == order.target:
        _ignore(turn, sid, order, No.ALREADY_THERE)
        return False
    return True


def _ignore(turn: Round, sid: str, order: Order, reason: No) -> None:
    refuse(turn, f"{order.verb} {sid} {order.target or order.timeout}", reason)


def _request_start(turn: Round, sid: str, service: Service) -> None:
    if turn.draft.options.rebalance_on_start:
        node = turn.select(sid, Preference.BEST_SCORE)
        if node is not None and node != service.node:
            turn.note_choice(sid, node, Why.REBALANCE_ON_START)
            turn.change(sid, ServiceState.REQUEST_START_BALANCE, target=node)
            return
    turn.change(sid, ServiceState.STARTED)


def _started(turn: Round, sid: str, service: Service) -> None:
    if not turn.nodes.is_online(service.node):
        if _fence_when_lost(turn, sid, service):
            return
        if turn.nodes.state(service.node) is not NodeState.MAINTENANCE:
            return
        if service.maintenance_node != service.node:
            service = replace(service, maintenance_node=service.node)
            turn.put(sid, service)
    requested = turn.requested(sid)
    if requested is not Requested.STARTED:
        turn.change(sid, ServiceState.REQUEST_STOP)
    elif service.order is not None:
        _obey(turn, sid, service, service.order)
    else:
        _keep_running(turn, sid, service)


def _obey(turn: Round, sid: str, service: Service, order: Order) -> None:
    turn.put(sid, replace(service, order=None))
    if order.verb == "stop":
        turn.change(sid, ServiceState.REQUEST_STOP, timeout=order.timeout)
        guest = turn.draft.guests.get(sid)
        if guest is not None:
            turn.draft.guests[sid] = replace(guest, requested=Requested.STOPPED)
            turn.read_guests()
    elif _may_move(turn, sid, service, order):
        turn.change(sid, ServiceState(order.verb), target=order.target)


def _take_result(
    turn: Round, sid: str, service: Service, result: JobResult | None
) -> tuple[Service, Preference] | None:
    """The service after the LRM's word, and what to look for now; None when it is in error."""
    if result is None:
        return service, Preference.STAY
    if result is JobResult.OK:
        if service.failed_nodes or not service.is_running:
            service = replace(service, failed_nodes=(), is_running=True)
            turn.put(sid, service)
        return service, Preference.STAY
    failed_nodes = (*service.failed_nodes, service.node)
    service = replace(service, is_running=False, failed_nodes=failed_nodes)
    turn.put(sid, service)
    may_relocate = len(failed_nodes) <= turn.guests[sid].max_relocate
    if result not in _RELOCATABLE or not may_relocate:
        turn.change(sid, ServiceState.ERROR)
        return None
    return service, Preference.TRY_NEXT


def _keep_running(turn: Round, sid: str, service: Service) -> None:
    """Take in the LRM's word, then see whether the service belongs elsewhere."""
    result = turn.results.get(service.uid)
    taken = _take_result(turn, sid, service, result)
    if taken is None:
        return
    service, preference = taken
    node = turn.select(sid, preference)
    if node is not None and node != service.node:
        _move(turn, sid, service, node, preference)
        return
    if preference is Preference.TRY_NEXT and node is None:
        turn.note_choice(sid, None, Why.TRIED_EVERYWHERE)
    came_back = turn.nodes.is_online(service.node) and service.maintenance_node == service.node
    looks_again = result is not None and (turn.draft.profile.rechecks or result is not JobResult.OK)
    if came_back or looks_again:
        # A new uid makes the LRM look again, and start a guest that died.
        uid = turn.draft.new_uid() if looks_again else service.uid
        fallback = None if came_back else service.maintenance_node
        turn.put(sid, replace(service, uid=uid, maintenance_node=fallback))


def _move(turn: Round, sid: str, service: Service, node: str, preference: Preference) -> None:
    why = Why.START_FAILED if preference is Preference.TRY_NEXT else Why.BELONGS_THERE
    fallback = service.maintenance_node
    if fallback is not None:
        if node == fallback:
            why = Why.BACK_FROM_MAINTENANCE
        elif service.node == fallback:
            why = Why.MAINTENANCE
        if service.node != fallback:
            turn.put(sid, replace(service, maintenance_node=None))
    turn.note_choice(sid, node, why)
    live = sid.startswith("vm:")
    turn.change(sid, ServiceState.MIGRATE if live else ServiceState.RELOCATE, target=node)


def _freeze(turn: Round, sid: str, service: Service) -> None:
    if turn.modes.get(service.node) is LrmMode.ACTIVE:
        turn.change(sid, turn.awake_state(sid))


def _error(turn: Round, sid: str, service: Service) -> None:
    if turn.requested(sid) is Requested.DISABLED:
        turn.put(sid, replace(service, failed_nodes=()))
        turn.change(sid, ServiceState.STOPPED)


def _recovery(turn: Round, sid: str, service: Service) -> None:
    node = turn.select(sid, Preference.BEST_SCORE)
    turn.note_choice(sid, node, Why.RECOVERY)
    if node is None:
        _error(turn, sid, service)
        return
    guest = turn.draft.guests[sid]
    if guest.lock in _LEFTOVER_LOCKS:
        turn.draft.emit(LockRemoved(at=turn.draft.now, sid=sid, lock=guest.lock or ""))
        guest = replace(guest, lock=None)
    turn.draft.guests[sid] = replace(guest, node=node)
    turn.read_guests()
    turn.change(sid, turn.awake_state(sid), node=node)


def _nothing(turn: Round, sid: str, service: Service) -> None:
    """A service in fence waits for its node."""
    del turn, sid, service


_VISITS: dict[ServiceState, Callable[[Round, str, Service], None]] = {
    ServiceState.STOPPED: _stopped,
    ServiceState.REQUEST_STOP: _request_stop,
    ServiceState.REQUEST_START: _request_start,
    ServiceState.REQUEST_START_BALANCE: _moving,
    ServiceState.STARTED: _started,
    ServiceState.FENCE: _nothing,
    ServiceState.RECOVERY: _recovery,
    ServiceState.MIGRATE: _moving,
    ServiceState.RELOCATE: _moving,
    ServiceState.FREEZE: _freeze,
    ServiceState.ERROR: _error,
}
