"""The verb resolve_split_brain, as a worker carries it out: one committed step after the other.

Each step is committed before it is sent. Whoever takes the operation up finds which step was told
last, reads the state, and goes on: a step whose state is reached is passed over, one that was told
and does not show is told once more after a while, since each of them only says how it shall be.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hapanel.drbd import rescue_refusals as no
from hapanel.drbd.join import Replication
from hapanel.drbd.progress import figures
from hapanel.drbd.recovery import (
    OF_GUESTS,
    OF_LVM,
    Act,
    RecoveryStep,
    is_done,
    links_of,
    with_guests,
)
from hapanel.drbd.rescue import Rescue, RescuedGuest, guest_steps
from hapanel.kernel.refusal import Refused
from hapanel.operations import drbd_outcomes as ends
from hapanel.operations import rescue_steps
from hapanel.operations.drbd_scene import live_scene
from hapanel.operations.models import Step
from hapanel.operations.recovery_course import fail_step, give_up, go_on, is_leaving, step_of
from hapanel.operations.rescue_check import check_rescue
from hapanel.operations.rescue_steps import guest_now
from hapanel.operations.split_brain import Recovery, case_of, refusals_of, wish_of
from hapanel.operations.work import Note, Work, noted
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
    """Judge anew from what both nodes and the cluster say, and make the list of steps."""
    operation = work.operation
    wish = wish_of(work.cluster, operation)
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
        copy_to=wish.copy_to,
    )
    refusals = refusals_of(case, wish)
    way = case.way(wish.victim) if case else None
    if refusals or way is None:
        work.fail(refusals[0])
    elif way.rescue is None:
        _intend(work, way.steps)
    else:
        _intend_rescue(work, way, way.rescue, scene.groups)


def _intend_rescue(work: Work, way: Recovery, rescue: Rescue, groups: tuple[str, ...]) -> None:
    checked = check_rescue(work, rescue, way.victim, way.survivor, groups)
    if checked.refusals:
        work.fail(checked.refusals[0])
        return
    sure = checked.rescue
    guests = {
        str(guest.vmid): guest.as_record() | {"goes_over": sure.goes_over(guest)}
        for guest in sure.guests
    }
    others = (step for step in way.steps if step.act not in OF_GUESTS)
    steps = with_guests(tuple(others), guest_steps(sure, way.victim, way.survivor))
    notes = (
        [noted("split_brain_not_copied", guests=", ".join(checked.not_whole))]
        if checked.not_whole
        else []
    )
    _intend(work, steps, *notes, guests=guests, storage=sure.storage)


def _intend(work: Work, steps: tuple[RecoveryStep, ...], *notes: Note, **known: Any) -> None:
    records = [step.as_record() for step in steps]
    memo = work.memo(steps=records, at=0, **known)
    work.commit(noted("drbd_checked"), *notes, step=Step.INTENDED, memo=memo)


def carry_out(work: Work) -> None:
    """Look at the step that is next: done, running, to be told, or stuck."""
    step = step_of(work)
    if step.act in OF_GUESTS:
        rescue_steps.carry_out(work, step)
        return
    memo = work.operation.memo
    try:
        scene = live_scene(work, step.node, with_groups=False)
    except Refused as gone:
        fail_step(work, step, gone.refusals[0])
        return
    _raise_unless_seen(scene.replication, step.node)
    hands = work.doors.to_nodes(work.cluster)
    lvm = hands.lvm(step.node) if step.act in OF_LVM else LvmReport()
    if is_done(step, scene.replication, lvm):
        go_on(work, step)
    elif is_leaving(work):
        give_up(work, None)
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


def _tell(work: Work, step: RecoveryStep) -> None:
    """Commit that the step is about to be told, then tell it."""
    if step.act is Act.DISCARD and (back := _came_back(work)):
        give_up(work, no.CAME_BACK(guest=back, node=step.node))
        return
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
        fail_step(work, step, fault_of(step.node, error))
        return
    except ClusterError as error:
        reason = error.reason[:300]
        work.commit(
            noted("drbd_unanswered", node=step.node, reason=reason), look_in=LOOK_AGAIN_SECONDS
        )
        return
    refusal = ends.refusal_of(step.node, work.operation.resource, step.line, answer)
    if refusal is not None:
        fail_step(work, step, refusal)


def _came_back(work: Work) -> str:
    """A guest whose copy was made and that runs again all the same; blank when there is none."""
    records = work.operation.memo.get("guests") or {}
    gateway = work.doors.to_cluster(work.cluster) if records else None
    for record in records.values():
        guest = RescuedGuest.from_record(record)
        now = guest_now(gateway, guest.vmid) if gateway else None
        if now is not None and now.running:
            return str(guest)
    return ""


def _wait(work: Work, step: RecoveryStep) -> None:
    memo = work.operation.memo
    waited = work.since(datetime.fromisoformat(memo["told_at"]))
    if waited < TELL_AGAIN_SECONDS:
        work.commit(look_in=LOOK_AGAIN_SECONDS)
    elif memo["tellings"] < MOST_TELLINGS:
        work.commit(memo=work.memo(told_at=None))
    else:
        refusal = ends.DISOBEYED(node=step.node, line=step.line, seconds=round(waited))
        fail_step(work, step, refusal)


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
        fail_step(work, step, ends.BROKEN_OFF(**names, state=word))


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: carry_out,
}
