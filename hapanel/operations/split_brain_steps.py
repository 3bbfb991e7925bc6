"""The verb resolve_split_brain, as a worker carries it out: one committed step after the other.

Each step is committed before it is sent. Whoever takes the operation up finds which step was told
last, reads the state, and goes on: a step whose state is reached is passed over, one that was told
and does not show is told once more after a while, since each of them only says how it shall be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hapanel.drbd.join import Replication
from hapanel.drbd.progress import figures
from hapanel.drbd.recovery import OF_LVM, Act, RecoveryStep, is_done, links_of
from hapanel.kernel.refusal import Refused
from hapanel.operations import drbd_outcomes as ends
from hapanel.operations.drbd_scene import live_scene
from hapanel.operations.models import State, Step
from hapanel.operations.split_brain import SplitBrainWish, case_of, refusals_of
from hapanel.operations.work import Work, noted
from hapanel.ports.errors import ClusterError, NodeUnreachable
from hapanel.ports.node_shell import LvmReport
from hapanel.ports.replication import ConnectionState
from hapanel.ports.ssh_errors import ScriptOlder
from hapanel.ports.ssh_faults import fault_of

LOOK_AGAIN_SECONDS = 0.5
FOLLOW_SECONDS = 1.0
# A step that was told and does not show is told once more after so long, and then given up.
TELL_AGAIN_SECONDS = 10.0
MOST_TELLINGS = 2
# A link that parts again does so within a second; one that is lost comes back within ten.
PATIENCE_SECONDS = 30.0


def preflight(work: Work) -> None:
    """Judge anew from what both nodes say, and make the list of steps."""
    operation = work.operation
    wish = SplitBrainWish(
        work.cluster,
        operation.resource,
        operation.params["victim"],
        operation.params["confirm"],
        operation.params["without_copy"],
    )
    try:
        scene = live_scene(work, wish.victim, with_groups=False)
    except Refused as gone:
        work.fail(gone.refusals[0])
        return
    lvm = {wish.victim: work.doors.to_nodes(work.cluster).lvm(wish.victim)}
    case = case_of(
        work.cluster,
        scene.replication,
        scene.circumstances,
        scene.groups,
        lvm,
        label=str(operation.pk),
    )
    refusals = refusals_of(case, wish)
    way = case.way(wish.victim) if case else None
    if refusals or way is None:
        work.fail(refusals[0])
        return
    steps = [step.as_record() for step in way.steps]
    work.commit(noted("drbd_checked"), step=Step.INTENDED, memo=work.memo(steps=steps, at=0))


def carry_out(work: Work) -> None:
    """Look at the step that is next: done, running, to be told, or stuck."""
    memo = work.operation.memo
    step = RecoveryStep.from_record(memo["steps"][memo["at"]])
    try:
        scene = live_scene(work, step.node, with_groups=False)
    except Refused as gone:
        work.fail(gone.refusals[0])
        return
    _raise_unless_seen(scene.replication, step.node)
    hands = work.doors.to_nodes(work.cluster)
    lvm = hands.lvm(step.node) if step.act in OF_LVM else LvmReport()
    if is_done(step, scene.replication, lvm):
        _go_on(work, step)
    elif work.operation.cancel_requested_at is not None and not memo.get("discarding"):
        work.commit(noted("split_brain_left", node=step.node), state=State.CANCELLED)
    elif step.act is Act.SYNC:
        _follow(work, step, scene.replication)
    elif memo.get("told_at") is None:
        _tell(work, step)
    else:
        _wait(work, step)


def _raise_unless_seen(replication: Replication, node: str) -> None:
    side = replication.side(node)
    if side is None or side.now is None:
        reason = (side.unseen_because if side else None) or "the resource is not up there"
        raise NodeUnreachable(reason)


def _go_on(work: Work, step: RecoveryStep) -> None:
    memo = work.operation.memo
    at = memo["at"] + 1
    changed = work.memo(at=at, told_at=None, tellings=0, off_since=None)
    note = noted(f"split_brain_{step.act.value}", node=step.node, about=step.about)
    if at < len(memo["steps"]):
        work.commit(note, memo=changed, percent=None, rate=None, eta_seconds=None)
    else:
        end = noted("split_brain_over", node=work.operation.source)
        work.commit(note, end, memo=changed, state=State.SUCCEEDED, percent=100.0, eta_seconds=0)


def _tell(work: Work, step: RecoveryStep) -> None:
    """Commit that the step is about to be told, then tell it."""
    memo = work.operation.memo
    discarding = bool(memo.get("discarding")) or step.act is Act.DISCARD
    told = {"told_at": work.now.isoformat(), "tellings": memo.get("tellings", 0) + 1}
    work.commit(
        noted("drbd_ordered", node=step.node, line=step.line),
        memo=work.memo(**told, discarding=discarding),
    )
    if work.operation.sent_at is None and not work.take_the_right_to_send():
        return
    try:
        answer = work.doors.to_nodes(work.cluster).order(step.node, step.line)
    except ScriptOlder as error:
        work.fail(fault_of(step.node, error))
        return
    except ClusterError as error:
        reason = error.reason[:300]
        work.commit(
            noted("drbd_unanswered", node=step.node, reason=reason), look_in=LOOK_AGAIN_SECONDS
        )
        return
    refusal = ends.refusal_of(step.node, work.operation.resource, step.line, answer)
    if refusal is not None:
        work.fail(refusal)


def _wait(work: Work, step: RecoveryStep) -> None:
    memo = work.operation.memo
    waited = work.since(datetime.fromisoformat(memo["told_at"]))
    if waited < TELL_AGAIN_SECONDS:
        work.commit(look_in=LOOK_AGAIN_SECONDS)
    elif memo["tellings"] < MOST_TELLINGS:
        work.commit(memo=work.memo(told_at=None))
    else:
        work.fail(ends.DISOBEYED(node=step.node, line=step.line, seconds=round(waited)))


def _follow(work: Work, step: RecoveryStep, replication: Replication) -> None:
    """The resync: both sides have to be seen, and the link has to stand."""
    side = replication.side(step.node)
    state = side.now if side is not None else None
    now = figures(state) if state is not None else None
    if now is not None:
        known = work.operation.memo
        notes = [] if known.get("works") else [noted("drbd_works", word=now.word)]
        measured: dict[str, Any] = {
            "percent": now.percent,
            "rate": now.rate,
            "eta_seconds": now.eta_seconds,
        }
        memo = work.memo(works=True, off_since=None)
        work.commit(*notes, memo=memo, look_in=FOLLOW_SECONDS, **measured)
        return
    since = work.operation.memo.get("off_since")
    if since is None:
        memo = work.memo(off_since=work.now.isoformat())
        work.commit(memo=memo, look_in=LOOK_AGAIN_SECONDS, rate=None, eta_seconds=None)
    elif work.since(datetime.fromisoformat(since)) < PATIENCE_SECONDS:
        work.commit(look_in=FOLLOW_SECONDS)
    else:
        parted = state is not None and ConnectionState.STANDALONE in links_of(state)
        names = {"node": step.node, "resource": work.operation.resource}
        word = "StandAlone" if parted else "Connecting"
        work.fail(ends.BROKEN_OFF(**names, state=word))


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: carry_out,
}
