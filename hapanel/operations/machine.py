"""The machine that takes every operation from the wish to its true end, one step at a time.

A worker calls `carry_on` for an operation that is due (`runnable` lists them). Each step looks at
what is recorded, asks or tells the cluster one thing, commits and says when to look again. A
worker may be killed between any two lines: whoever comes next finds either the step before, or
the step after, and in between only the one case that `migrate_send` was made for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from hapanel.kernel.clock import Clock, RealClock
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations import (
    add_cluster_steps,
    change_cluster_steps,
    drbd_action_steps,
    ha_change_steps,
    migrate_steps,
    remove_snapshot_steps,
    split_brain_steps,
    ssh_access_steps,
    switch_lab_steps,
)
from hapanel.operations.doors import Doors
from hapanel.operations.lease import claimed, runnable_filter
from hapanel.operations.models import HA_KINDS, Kind, Operation, State, Step
from hapanel.operations.work import LostClaim, Work, noted
from hapanel.ports.errors import ClusterError, NodeUnreachable, SignInRefused

SILENT_BEFORE_SENDING = refusal_kind(
    "cluster-silent",
    _("%(cluster)s did not answer for %(seconds)s seconds (%(reason)s). Nothing was started."),
    _("Ask again once the panel sees the cluster."),
)
SILENT_MEANWHILE = refusal_kind(
    "cluster-silent-meanwhile",
    _(
        "%(cluster)s has not answered for %(minutes)s minutes (%(reason)s): whether the task still "
        "runs, has ended or has failed is not known."
    ),
    _("Look at the guest in Proxmox. The panel goes on by itself as soon as it gets an answer."),
)
INTERNAL_FAULT = refusal_kind(
    "internal-fault",
    _("The panel met a fault of its own (%(fault)s) and stopped here."),
    _("Look at the guest in Proxmox, and at the worker's log, which has the details."),
)

# How long a silent cluster is waited for: briefly before anything was sent, since a guest must not
# start to move an hour after somebody asked; long afterwards, since the task runs anyway.
PATIENCE_BEFORE = 120.0
PATIENCE_AFTER = 15 * 60.0
# A single lost answer is no news.
TELL_BLIND_AFTER = 3.0
MOST_FAULTS = 5

Step_ = Callable[[Work], None]
STEPS: dict[Kind, dict[Step, Step_]] = {
    Kind.MIGRATE: migrate_steps.STEPS,
    Kind.ADD_CLUSTER: add_cluster_steps.STEPS,
    Kind.CHANGE_CLUSTER: change_cluster_steps.STEPS,
    Kind.SWITCH_LAB: switch_lab_steps.STEPS,
    Kind.CHANGE_SSH: ssh_access_steps.STEPS,
    **dict.fromkeys(HA_KINDS, ha_change_steps.STEPS),
    Kind.DRBD_ACTION: drbd_action_steps.STEPS,
    Kind.RESOLVE_SPLIT_BRAIN: split_brain_steps.STEPS,
    Kind.REMOVE_SNAPSHOT: remove_snapshot_steps.STEPS,
}
FIRST_STEP = {
    Kind.MIGRATE: Step.PREFLIGHT,
    Kind.ADD_CLUSTER: Step.CONNECTING,
    Kind.CHANGE_CLUSTER: Step.CONNECTING,
    Kind.SWITCH_LAB: Step.PREFLIGHT,
    Kind.CHANGE_SSH: Step.CHECKING_SSH,
    **dict.fromkeys(HA_KINDS, Step.PREFLIGHT),
    Kind.DRBD_ACTION: Step.PREFLIGHT,
    Kind.RESOLVE_SPLIT_BRAIN: Step.PREFLIGHT,
    Kind.REMOVE_SNAPSHOT: Step.PREFLIGHT,
}

logger = logging.getLogger(__name__)
_REAL_CLOCK = RealClock()


def runnable(clock: Clock = _REAL_CLOCK, *, most: int = 200) -> list[int]:
    """The ids of operations that are due and in nobody's hands, longest waiting first."""
    due = Operation.objects.filter(runnable_filter(clock)).order_by("look_at", "id")
    return list(due.values_list("pk", flat=True)[:most])


def carry_on(
    operation_id: int, doors: Doors, clock: Clock = _REAL_CLOCK, *, most: int = 20
) -> float | None:
    """Take steps until the operation has to wait. Returns as `advance` does."""
    wait = advance(operation_id, doors, clock)
    while wait == 0.0 and most > 1:
        most -= 1
        wait = advance(operation_id, doors, clock)
    return wait


def advance(operation_id: int, doors: Doors, clock: Clock = _REAL_CLOCK) -> float | None:
    """Take exactly one step. Returns the seconds until the next one is due, 0.0 for at once, and
    None when there is nothing to do here: over, not due, or in somebody else's hands."""
    with claimed(operation_id, clock) as token:
        if token is None:
            return None
        operation = Operation.objects.select_related("cluster").get(pk=operation_id)
        work = Work(operation, token, doors, clock)
        asked_at = work.now
        try:
            _step_of(work)(work)
        except LostClaim:
            return None
        except ClusterError as error:
            return _after(work, partial(_wait_blindly, work, error, asked_at))
        except Exception as error:
            logger.exception("operation %s met a fault", operation_id)
            return _after(work, partial(_wait_after_fault, work, type(error).__name__))
        return _wait_of(work)


def _after(work: Work, act: Callable[[], None]) -> float | None:
    try:
        act()
    except LostClaim:
        return None
    return _wait_of(work)


def _wait_of(work: Work) -> float | None:
    operation = work.operation
    if not operation.is_open and operation.state != State.NEEDS_ATTENTION:
        return None
    return max(0.0, (operation.look_at - work.now).total_seconds())


def _step_of(work: Work) -> Step_:
    operation = work.operation
    match operation.state:
        case State.SCHEDULED:
            return _become_due
        case State.QUEUED:
            return _begin
        case _:
            return STEPS[Kind(operation.kind)][Step(operation.step)]


def _become_due(work: Work) -> None:
    work.commit(noted("due"), state=State.QUEUED)


def _begin(work: Work) -> None:
    step = FIRST_STEP[Kind(work.operation.kind)]
    work.commit(noted("began"), state=State.RUNNING, step=step, started_at=work.now)


def _wait_blindly(work: Work, error: ClusterError, asked_at: datetime) -> None:
    """The cluster did not answer what was asked at `asked_at`. Nothing is concluded from that: look
    again, less and less often, and say so."""
    operation = work.operation
    since = operation.blind_since or asked_at
    silent = work.since(since)
    patience = PATIENCE_BEFORE if operation.sent_at is None else PATIENCE_AFTER
    if silent > patience and operation.state == State.RUNNING:
        _lose_patience(work, error, silent)
        return
    notes = []
    memo = operation.memo
    if silent >= TELL_BLIND_AFTER and not memo.get("blind_told"):
        code = "node_silent" if isinstance(error, NodeUnreachable) else "blind"
        reason = error.reason[:300]
        notes.append(noted(code, kind=error.kind, reason=reason, node=operation.source))
        memo = work.memo(blind_told=True)
    # A refused token is not tried every second: Proxmox delays such answers and fills its log.
    pause = 10.0 if isinstance(error, SignInRefused) else min(10.0, 1.0 + silent / 5)
    # The last figures say nothing any more about how fast it goes.
    unknown = {"rate": None, "eta_seconds": None} if memo.get("blind_told") else {}
    work.commit(*notes, blind=True, blind_since=since, memo=memo, look_in=pause, **unknown)


def _lose_patience(work: Work, error: ClusterError, silent: float) -> None:
    operation = work.operation
    name = operation.cluster.name if operation.cluster else operation.subject
    reason = error.reason[:300]
    if operation.sent_at is None:
        work.fail(SILENT_BEFORE_SENDING(cluster=name, seconds=round(silent), reason=reason))
    else:
        minutes = round(silent / 60)
        work.need_attention(
            SILENT_MEANWHILE(cluster=name, minutes=minutes, reason=reason), because="silent"
        )


def _wait_after_fault(work: Work, fault: str) -> None:
    """A fault of ours must not lose the operation: try again, then ask a person."""
    operation = work.operation
    faults = operation.memo.get("faults", 0) + 1
    refusal: Refusal = INTERNAL_FAULT(fault=fault)
    if faults < MOST_FAULTS or operation.state != State.RUNNING:
        work.commit(blind=True, memo=work.memo(faults=faults), look_in=10.0)
    elif operation.sent_at is None:
        work.fail(refusal)
    else:
        work.need_attention(refusal, because="fault")
