"""The commands that people queue for the master, and what it makes of each."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hapanel.ha.engine.events import (
    CommandRefused,
    CommandTaken,
    Rearmed,
    ServiceRelocated,
)
from hapanel.ha.engine.reasons import No
from hapanel.ha.engine.round import Round
from hapanel.ha.engine.words import DisarmMode, NodeState
from hapanel.ha.engine.world import Disarm, Order


def read_commands(turn: Round) -> None:
    """Take up everything that was queued, in order."""
    queued, turn.draft.commands = turn.draft.commands, []
    for command in queued:
        verb, *words = command.split()
        handler = _HANDLERS.get(verb)
        if handler is None or len(words) != _WORDS[verb]:
            refuse(turn, command, No.NOT_UNDERSTOOD)
        else:
            handler(turn, command, *words)


def refuse(turn: Round, command: str, reason: No, partner: str = "") -> None:
    """Throw a command away and say why."""
    turn.draft.emit(
        CommandRefused(at=turn.draft.now, command=command, reason=reason, partner=partner)
    )


def _take(turn: Round, command: str, also: tuple[str, ...] = ()) -> None:
    turn.draft.emit(CommandTaken(at=turn.draft.now, command=command, also=also))


def _move(turn: Round, command: str, sid: str, node: str) -> None:
    service = turn.draft.services.get(sid)
    if service is None:
        refuse(turn, command, No.NO_SUCH_SERVICE)
    elif not turn.nodes.is_online(node):
        refuse(turn, command, No.NODE_NOT_ONLINE)
    elif service.node == node:
        refuse(turn, command, No.ALREADY_THERE)
    else:
        order_move(turn, command, sid, node)


def order_move(turn: Round, command: str, sid: str, node: str) -> None:
    """Order a service and its positive partners to `node`, unless a negative partner is there.

    Unlike the automatic choice this also heeds negative partners that are stopped.
    """
    services = turn.draft.services
    for other in sorted(turn.scene.rules.strangers(sid)):
        there = services.get(other)
        if there is not None and there.node == node and there.target in (None, node):
            refuse(turn, command, No.NEGATIVE_PARTNER_THERE, other)
            return
    order = Order(verb=command.split()[0], target=node)
    also = tuple(
        partner
        for partner in sorted(turn.scene.rules.partners(sid))
        if partner in services and node not in (services[partner].node, services[partner].target)
    )
    for each in (sid, *also):
        turn.put(each, replace(services[each], order=order))
    _take(turn, command, also)


def _stop(turn: Round, command: str, sid: str, timeout: str) -> None:
    service = turn.draft.services.get(sid)
    if service is None or not timeout.isdecimal():
        refuse(turn, command, No.NO_SUCH_SERVICE if service is None else No.NOT_UNDERSTOOD)
        return
    turn.put(sid, replace(service, order=Order(verb="stop", timeout=int(timeout))))
    _take(turn, command)


def _enable_maintenance(turn: Round, command: str, node: str) -> None:
    state = turn.nodes.state(node)
    if state is NodeState.ONLINE:
        turn.draft.maintenance_requests |= {node}
        _take(turn, command)
    elif state is NodeState.MAINTENANCE:
        refuse(turn, command, No.ALREADY_IN_MAINTENANCE)
    else:
        refuse(turn, command, No.NODE_NOT_ONLINE)


def _disable_maintenance(turn: Round, command: str, node: str) -> None:
    turn.draft.maintenance_requests -= {node}
    _take(turn, command)


def _disarm(turn: Round, command: str, mode: str) -> None:
    if turn.draft.disarm is not None:
        refuse(turn, command, No.ALREADY_DISARMED)
    elif mode not in list(DisarmMode):
        refuse(turn, command, No.NOT_UNDERSTOOD)
    else:
        turn.draft.disarm = Disarm(mode=DisarmMode(mode))
        _take(turn, command)


def _arm(turn: Round, command: str) -> None:
    if turn.draft.disarm is None:
        refuse(turn, command, No.NOT_DISARMED)
        return
    _take(turn, command)
    if turn.draft.disarm.mode is DisarmMode.IGNORE:
        _find_moved(turn)
    turn.draft.disarm = None
    turn.draft.emit(Rearmed(at=turn.draft.now))


def _find_moved(turn: Round) -> None:
    """While ignored, guests may have been moved past the manager."""
    for sid in sorted(turn.draft.services):
        service, guest = turn.draft.services[sid], turn.guests.get(sid)
        if guest is not None and guest.node != service.node:
            turn.put(sid, replace(service, node=guest.node))
            turn.draft.emit(
                ServiceRelocated(at=turn.draft.now, sid=sid, origin=service.node, node=guest.node)
            )


_HANDLERS: dict[str, Callable[..., None]] = {
    "migrate": _move,
    "relocate": _move,
    "stop": _stop,
    "enable-node-maintenance": _enable_maintenance,
    "disable-node-maintenance": _disable_maintenance,
    "disarm-ha": _disarm,
    "arm-ha": _arm,
}
_WORDS = {
    "migrate": 2,
    "relocate": 2,
    "stop": 2,
    "enable-node-maintenance": 1,
    "disable-node-maintenance": 1,
    "disarm-ha": 1,
    "arm-ha": 0,
}
