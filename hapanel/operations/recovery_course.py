"""How a split-brain recovery goes from step to step, and how it ends: well, badly, or taken back.

As long as nothing was given up, whatever ends it first takes back what was done to guests: the role
and the groups of their node, and then they are started again. Afterwards there is no way back, so
it goes on to the end with whatever can still be done, and says what could not.
"""

from __future__ import annotations

from typing import Any

from hapanel.drbd import orders
from hapanel.drbd.recovery import OF_GUESTS, Act, RecoveryStep
from hapanel.drbd.rescue import RescuedGuest, start
from hapanel.kernel.refusal import Refusal
from hapanel.operations.models import State
from hapanel.operations.work import Note, Work, noted

AT_REST: dict[str, Any] = {
    "told_at": None,
    "tellings": 0,
    "off_since": None,
    "upid": "",
    "seen": 0,
    "held": False,
}
"""What is remembered of one step only."""


def step_of(work: Work) -> RecoveryStep:
    """The step that is next."""
    memo = work.operation.memo
    return RecoveryStep.from_record(memo["steps"][memo["at"]])


def guest_of(work: Work, step: RecoveryStep) -> RescuedGuest:
    """The guest that a step of OF_GUESTS is about."""
    return RescuedGuest.from_record(work.operation.memo["guests"][step.about])


def is_leaving(work: Work) -> bool:
    """Whether somebody wants it to end, and it still can."""
    memo = work.operation.memo
    is_bound = memo.get("discarding") or memo.get("undoing")
    return work.operation.cancel_requested_at is not None and not is_bound


def copies_of(work: Work) -> str:
    """The copies that were made, as they are named everywhere."""
    guests = work.operation.memo.get("guests", {}).values()
    return ", ".join(guest["volid"] for guest in guests if guest.get("volid")) or "-"


def go_on(work: Work, step: RecoveryStep, **changes: Any) -> None:
    """The step shows: say so, and turn to the next. `changes` are of the memo."""
    note = noted(f"split_brain_{step.act.value}", **_names(work, step, changes))
    _turn(work, note, **changes)


def _names(work: Work, step: RecoveryStep, changes: dict[str, Any]) -> dict[str, str]:
    names = {"node": step.node, "about": step.about}
    if step.act in OF_GUESTS:
        record = changes.get("guests", work.operation.memo["guests"])[step.about]
        names |= {"guest": str(RescuedGuest.from_record(record)), "to": work.operation.target}
        names["volid"] = record.get("volid", "")
    return names


def fail_step(work: Work, step: RecoveryStep, refusal: Refusal) -> None:
    """The step cannot be done."""
    memo = work.operation.memo
    if memo.get("undoing"):
        _turn(work, noted("split_brain_not_undone", node=step.node, line=step.line))
    elif not memo.get("discarding") or step.act is Act.DISCARD:
        # A side that did not even connect has given nothing up.
        give_up(work, refusal)
    elif not memo.get("guests"):
        work.fail(refusal)
    else:
        _go_on_without(work, step, refusal)


def _go_on_without(work: Work, step: RecoveryStep, refusal: Refusal) -> None:
    """Leave out what depends on the step: the rest of its guest, or everything on the victim."""
    memo = work.operation.memo
    rest = [RecoveryStep.from_record(one) for one in memo["steps"][memo["at"] + 1 :]]
    if step.act in OF_GUESTS:
        kept = [one for one in rest if one.act not in OF_GUESTS or one.about != step.about]
    else:
        over = {vmid for vmid, record in memo["guests"].items() if record.get("goes_over")}
        kept = [one for one in rest if one.act in OF_GUESTS and one.about in over]
    steps = [*memo["steps"][: memo["at"] + 1], *(one.as_record() for one in kept)]
    failures = [*memo.get("failures", []), refusal.as_record()]
    note = noted("split_brain_without", node=step.node, line=step.line, code=refusal.code)
    _turn(work, note, steps=steps, failures=failures)


def give_up(work: Work, refusal: Refusal | None) -> None:
    """End it before anything was given up: as failed, or without a refusal as cancelled."""
    undo = _undo(work)
    ending = refusal.as_record() if refusal else None
    if not undo:
        _end_early(work, ending)
        return
    memo = work.memo(
        **AT_REST,
        steps=[step.as_record() for step in undo],
        at=0,
        undoing=True,
        ending=ending,
    )
    work.commit(noted("split_brain_back"), memo=memo, percent=None, rate=None, eta_seconds=None)


def _undo(work: Work) -> list[RecoveryStep]:
    """What brings the guests back to where they were, as far as it was told."""
    memo = work.operation.memo
    guests = memo.get("guests")
    if not guests:
        return []
    steps = [RecoveryStep.from_record(one) for one in memo["steps"]]
    told = steps[: memo["at"] + bool(memo.get("told_at"))]
    victim, undo = work.operation.source, []
    if any(step.act is Act.SECONDARY for step in told):
        line = orders.drbdadm("primary", work.operation.resource)
        undo.append(RecoveryStep(Act.PRIMARY, victim, line))
    for step in told:
        if step.act is Act.DEACTIVATE:
            line = orders.activate(step.about, on=True)
            undo.append(RecoveryStep(Act.ACTIVATE, victim, line, step.about))
    stopped = [RescuedGuest.from_record(guests[s.about]) for s in told if s.act is Act.STOP]
    return undo + [start(guest, victim) for guest in stopped]


def _turn(work: Work, note: Note, **changes: Any) -> None:
    """To the next step, or to the end."""
    memo = work.memo(**AT_REST | changes)
    memo["at"] += 1
    if memo["at"] < len(memo["steps"]):
        work.commit(note, memo=memo, percent=None, rate=None, eta_seconds=None)
    elif memo.get("undoing"):
        _end_early(work, memo["ending"], note, memo=memo)
    elif memo.get("failures"):
        outcome = memo["failures"][0]
        end = noted("failed", code=outcome["code"])
        work.commit(note, *_kept(work), end, memo=memo, state=State.FAILED, outcome=outcome)
    else:
        end = noted("split_brain_over", node=work.operation.source)
        changed: dict[str, Any] = {"memo": memo, "percent": 100.0, "eta_seconds": 0}
        work.commit(note, *_kept(work), end, state=State.SUCCEEDED, **changed)


def _end_early(work: Work, ending: dict[str, Any] | None, *notes: Note, **changes: Any) -> None:
    lines = (*notes, *_kept(work))
    if ending is None:
        left = noted("split_brain_left", node=work.operation.source)
        work.commit(*lines, left, state=State.CANCELLED, **changes)
    else:
        end = noted("failed", code=ending["code"])
        work.commit(*lines, end, state=State.FAILED, outcome=ending, **changes)


def _kept(work: Work) -> list[Note]:
    copies = copies_of(work)
    return [noted("split_brain_kept", copies=copies)] if copies != "-" else []
