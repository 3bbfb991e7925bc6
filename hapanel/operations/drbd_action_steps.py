"""The verb drbd_action, as a worker carries it out: look at both sides, send once, look again.

An order that got no answer is not sent again: the state of the node says what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hapanel.drbd import orders
from hapanel.drbd.actions import Action, Scene, refusals_of
from hapanel.drbd.join import Sight
from hapanel.drbd.progress import Figures, Standing, figures, standing
from hapanel.kernel.refusal import Refused
from hapanel.operations import drbd_outcomes as ends
from hapanel.operations.drbd_action import lines_of
from hapanel.operations.drbd_scene import live_scene, record_groups
from hapanel.operations.drbd_verify_end import end_verify, seen_working
from hapanel.operations.models import State, Step
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.errors import ClusterError, NodeUnreachable
from hapanel.ports.replication import ResourceState
from hapanel.ports.ssh_errors import ScriptOlder
from hapanel.ports.ssh_faults import fault_of

_OF_GROUPS = frozenset({Action.ACTIVATE, Action.DEACTIVATE})
_NEEDS_GROUPS = _OF_GROUPS | {Action.SECONDARY}
# DRBD shows most things at once; a link needs its peer's next attempt, ten seconds at most.
PATIENCE_SECONDS = 20.0
# A link that is refused falls within a second; a verify has begun by then.
AT_ONCE_SECONDS = 3.0
LOOK_AGAIN_SECONDS = 0.5
FOLLOW_SECONDS = 1.0


def preflight(work: Work) -> None:
    """Judge anew from what the nodes say now."""
    action, node = _action(work), work.operation.source
    try:
        scene = live_scene(work, node, with_groups=action in _NEEDS_GROUPS)
    except Refused as gone:
        work.fail(gone.refusals[0])
        return
    refusals = refusals_of(action, scene, confirm=work.operation.params["confirm"])
    if refusals:
        work.fail(refusals[0])
        return
    lines = list(lines_of(action, scene))
    work.commit(noted("drbd_checked"), step=Step.INTENDED, memo=work.memo(lines=lines))


def send(work: Work) -> None:
    """Send it, once. Whoever finds the right to send taken only looks what came of it."""
    if work.operation.sent_at is not None:
        work.commit(_unanswered(work, "-"), step=Step.SETTLING)
        return
    if not work.take_the_right_to_send():
        return
    hands, node = work.doors.to_nodes(work.cluster), work.operation.source
    notes: list[Note] = []
    for line in work.operation.memo["lines"]:
        try:
            answer = hands.order(node, line)
        except ScriptOlder as error:
            work.fail(fault_of(node, error))
            return
        except ClusterError as error:
            _no_answer(work, error)
            return
        refusal = ends.refusal_of(node, work.operation.resource, line, answer)
        if refusal is not None:
            work.fail(refusal)
            return
        notes.append(noted("drbd_ordered", node=node, line=line))
    memo = work.memo(answered=True)
    if _action(work) in _OF_GROUPS:
        record_groups(work, node)
        work.commit(*notes, noted("drbd_done", node=node), state=State.SUCCEEDED, percent=100.0)
    else:
        work.commit(*notes, step=Step.SETTLING, memo=memo)


def _no_answer(work: Work, error: ClusterError) -> None:
    if error.may_have_happened:
        work.commit(_unanswered(work, error.reason), step=Step.SETTLING)
    else:
        work.fail(ends.NOT_SENT(node=work.operation.source, reason=error.reason[:300]))


def _unanswered(work: Work, reason: str) -> Note:
    return noted("drbd_unanswered", node=work.operation.source, reason=reason[:300])


def settle(work: Work) -> None:
    """Look until the node shows it, and follow the sync or verify that it started to its end."""
    action, node = _action(work), work.operation.source
    try:
        scene = live_scene(work, node, with_groups=action in _OF_GROUPS)
    except Refused as gone:
        work.fail(gone.refusals[0])
        return
    side = scene.side
    if side is None or side.sight is not Sight.CURRENT:
        raise NodeUnreachable((side.unseen_because if side else None) or "it tells nothing")
    if action in _OF_GROUPS:
        _settle_groups(work, action, scene)
        return
    match standing(action, side.state):
        case Standing.WORKING if side.state is not None:
            _follow(work, side.state)
        case Standing.REACHED if side.state is not None:
            _reached(work, action, side.state)
        case found if work.operation.memo.get("works"):
            _broken_off(work, found)
        case found:
            _wait(work, action, found)


def _settle_groups(work: Work, action: Action, scene: Scene) -> None:
    """Only after an answer was lost: whether the groups are as they were wanted."""
    wanted = scene.groups if action is Action.ACTIVATE else ()
    if scene.active_groups == wanted:
        _succeed(work)
    else:
        _give_up(work)


def _follow(work: Work, state: ResourceState) -> None:
    now = figures(state)
    assert now is not None
    if work.operation.cancel_requested_at is not None and not now.is_verify:
        _pause(work)
        return
    notes = [] if work.operation.memo.get("works") else [noted("drbd_works", word=now.word)]
    if now.is_held and not work.operation.memo.get("held"):
        notes.append(noted("drbd_held"))
    memo = work.memo(works=True, held=now.is_held, **seen_working(work, now)) | {"off_since": None}
    work.commit(*notes, memo=memo, look_in=FOLLOW_SECONDS, **_measured(now))


def _measured(now: Figures) -> dict[str, Any]:
    rate = None if now.is_held else now.rate
    eta = None if now.is_held else now.eta_seconds
    return {"percent": now.percent, "rate": rate, "eta_seconds": eta}


def _pause(work: Work) -> None:
    """Cancelling a sync holds it: what was copied stays copied."""
    node, resource = work.operation.source, work.operation.resource
    line = orders.drbdadm(Action.PAUSE_SYNC.value, resource)
    answer = work.doors.to_nodes(work.cluster).order(node, line)
    refusal = ends.refusal_of(node, resource, line, answer)
    if refusal is not None:
        # It ended in this moment, or waits already: the next look says which.
        work.commit(look_in=FOLLOW_SECONDS, cancel_requested_at=None)
        return
    work.commit(noted("drbd_paused", node=node), state=State.CANCELLED)


def _reached(work: Work, action: Action, state: ResourceState) -> None:
    operation = work.operation
    if action is not Action.VERIFY:
        _succeed(work)
    elif not operation.memo.get("works") and work.since(operation.sent_at) < AT_ONCE_SECONDS:
        work.commit(look_in=LOOK_AGAIN_SECONDS)
    elif not operation.memo.get("works") and not operation.memo.get("answered"):
        _give_up(work)
    else:
        end_verify(work, state)


def _wait(work: Work, action: Action, found: Standing) -> None:
    waited = work.since(work.operation.sent_at)
    names = {"node": work.operation.source, "resource": work.operation.resource}
    is_answered = bool(work.operation.memo.get("answered"))
    if action is Action.CONNECT and found is Standing.NOT_YET and is_answered:
        if waited > AT_ONCE_SECONDS:
            work.fail(ends.PARTED_AGAIN(**names))
            return
    elif action is Action.CONNECT and found is Standing.WAITING and waited > PATIENCE_SECONDS:
        _succeed(work, noted("drbd_waits_for_peer", node=names["node"]))
        return
    elif waited > PATIENCE_SECONDS:
        _give_up(work)
        return
    work.commit(look_in=LOOK_AGAIN_SECONDS)


def _broken_off(work: Work, found: Standing) -> None:
    """The link fell while something ran: DRBD connects again by itself, but not for ever."""
    since = work.operation.memo.get("off_since")
    if since is None:
        memo = work.memo(off_since=work.now.isoformat())
        work.commit(memo=memo, look_in=FOLLOW_SECONDS, rate=None, eta_seconds=None)
    elif work.since(datetime.fromisoformat(since)) < PATIENCE_SECONDS:
        work.commit(look_in=FOLLOW_SECONDS)
    else:
        operation = work.operation
        names = {"node": operation.source, "resource": operation.resource}
        word = "StandAlone" if found is Standing.NOT_YET else "Connecting"
        work.fail(ends.BROKEN_OFF(**names, state=word))


def _succeed(work: Work, *notes: Note, **changes: Any) -> None:
    lines = notes or (noted("drbd_done", node=work.operation.source),)
    work.commit(*lines, state=State.SUCCEEDED, percent=100.0, rate=None, eta_seconds=0, **changes)


def _give_up(work: Work) -> None:
    kind = ends.DISOBEYED if work.operation.memo.get("answered") else ends.UNANSWERED
    line = "; ".join(work.operation.memo["lines"])
    seconds = round(work.since(work.operation.sent_at))
    work.fail(kind(node=work.operation.source, line=line, seconds=seconds))


def _action(work: Work) -> Action:
    return Action(work.operation.params["action"])


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: send,
    Step.SETTLING: settle,
}
