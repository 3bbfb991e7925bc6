"""Settling an operation that needs attention: a person says what really happened."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from hapanel.kernel.names import GuestType, Upid
from hapanel.kernel.refusal import Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations import timeline
from hapanel.operations.adoption import HA_REQUEST, task_types
from hapanel.operations.models import Kind, Operation, State, Step
from hapanel.operations.recording import nudge
from hapanel.operations.wishes import Asker, Resolution

NOT_UNCLEAR = refusal_kind(
    "nothing-to-settle",
    _("Operation %(operation)s does not need attention (%(state)s)."),
    _("Look at the operation again: it has settled itself meanwhile."),
)
NOT_ITS_TASK = refusal_kind(
    "not-its-task",
    _("%(upid)s is no migration of %(guest)s."),
    _("Copy the id of the migration's task from Proxmox; it begins with UPID: and ends with :."),
    status=422,
    field="upid",
)
NO_TASK = refusal_kind(
    "no-task-to-follow",
    _("Operation %(operation)s has no task in Proxmox that could be followed."),
    _("Wait until it shows itself, or say that nothing happened."),
    status=422,
)
CLOSED_BY_PERSON = refusal_kind(
    "closed-by-person",
    _("%(actor)s looked and found that nothing had happened."),
    _("Ask again if it shall still be done."),
)


def resolve(
    operation: Operation, decision: Resolution, asker: Asker, *, upid: str = ""
) -> Operation:
    """Settle the operation as `decision` says; `upid` names the task to follow. Raises Refused."""
    changes = _changes(operation, decision, asker, upid.strip())
    with transaction.atomic():
        settled = Operation.objects.filter(pk=operation.pk, state=State.NEEDS_ATTENTION).update(
            claim="", claimed_until=None, look_at=timezone.now(), **changes
        )
        operation.refresh_from_db()
        if not settled:
            raise Refused(NOT_UNCLEAR(operation=operation.pk, state=operation.state))
        _tell(operation, decision, asker)
    nudge(operation.pk)
    return operation


def _changes(
    operation: Operation, decision: Resolution, asker: Asker, upid: str
) -> dict[str, object]:
    match decision:
        case Resolution.FOLLOW:
            moves = _task_of(operation, upid).type != HA_REQUEST
            return {
                "state": State.RUNNING,
                "step": Step.ACCEPTED,
                "asked_upid": upid,
                "upid": upid if moves else "",
                "log_lines_seen": 0,
                "outcome": None,
                "blind_since": None,
            }
        case Resolution.NOTHING_HAPPENED:
            return {
                "state": State.FAILED,
                "ended_at": timezone.now(),
                "outcome": CLOSED_BY_PERSON(actor=asker.name).as_record(),
            }


def _task_of(operation: Operation, upid: str) -> Upid:
    if operation.kind != Kind.MIGRATE:
        raise Refused(NO_TASK(operation=operation.pk))
    try:
        task = Upid.parse(upid)
    except ValueError:
        raise Refused(NOT_ITS_TASK(upid=upid[:200] or "-", guest=operation.subject)) from None
    types = task_types(GuestType(operation.guest_type))
    if task.type not in types or task.id != str(operation.vmid):
        raise Refused(NOT_ITS_TASK(upid=upid, guest=operation.subject))
    return task


def _tell(operation: Operation, decision: Resolution, asker: Asker) -> None:
    if decision is Resolution.FOLLOW:
        timeline.note(operation, "named", actor=asker.name, upid=operation.asked_upid)
        operation.log_lines.all().delete()
    else:
        timeline.note(operation, "closed", actor=asker.name)
        timeline.audit_end(operation)
    timeline.audit_act(operation, "operation_settled", asker.name, asker.via.value, asker.address)
    timeline.hint(operation)
