"""Cancelling: at once while nothing was sent, through Proxmox afterwards.

Before the request was sent one UPDATE decides between the canceller and the worker: whoever comes
first wins, and the other finds no row. Afterwards only Proxmox can stop its task; a worker asks
it to (`hapanel.operations.migrate_stop`) and follows to the true end, which may be success.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hapanel.kernel.refusal import Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations import timeline
from hapanel.operations.models import Kind, Operation, SealedSecret, State
from hapanel.operations.recording import nudge
from hapanel.operations.wishes import Asker

ALREADY_OVER = refusal_kind(
    "operation-over",
    _("Operation %(operation)s is over (%(state)s); there is nothing left to cancel."),
    _("Start a new migration if the guest shall go back."),
)
CANNOT_STOP_HA_TASK = refusal_kind(
    "cancel-needs-sys-modify",
    _(
        "The HA manager runs this migration as root@pam, and the panel's token may not stop other "
        "users' tasks: it lacks Sys.Modify on /nodes/%(node)s."
    ),
    _("Stop the task in Proxmox as root, or give the token Sys.Modify on /nodes."),
)
SETTLE_FIRST = refusal_kind(
    "settle-instead",
    _("Operation %(operation)s needs attention: nobody knows whether anything runs for it."),
    _("Settle it: name the task that runs, or say that nothing happened."),
)

NOTHING_TO_PAUSE = refusal_kind(
    "drbd-cannot-cancel",
    _("Operation %(operation)s has told DRBD already, and it is no sync that could be paused."),
    _("Wait for its end; a verify can be ended by disconnecting the resource on the node."),
)

# What follows a sync: it is paused when somebody cancels.
PAUSED = frozenset({"connect", "resume-sync", "invalidate", "adjust"})
# Trying a cluster sends nothing that changes it, so it can always be cancelled at once.
NOT_SENT = Q(state__in=[State.SCHEDULED, State.QUEUED]) | Q(state=State.RUNNING, sent_at=None)


def request_cancel(operation: Operation, asker: Asker) -> Operation:
    """Cancel now, or ask the worker to. Asking twice is harmless. Raises Refused."""
    with transaction.atomic():
        if _cancel_unsent(operation, asker) or _ask_worker(operation, asker):
            timeline.hint(operation)
    operation.refresh_from_db()
    if operation.cancel_requested_at is None and operation.state != State.CANCELLED:
        raise Refused(SETTLE_FIRST(operation=operation.pk))
    if operation.is_open:
        nudge(operation.pk)
    return operation


def _cancel_unsent(operation: Operation, asker: Asker) -> bool:
    now = timezone.now()
    won = Operation.objects.filter(NOT_SENT, pk=operation.pk).update(
        state=State.CANCELLED,
        ended_at=now,
        cancel_requested_at=now,
        cancel_requested_by=asker.name,
        claim="",
        claimed_until=None,
    )
    if not won:
        return False
    operation.refresh_from_db()
    SealedSecret.objects.filter(operation=operation).delete()
    timeline.note(operation, "cancelled_unsent", actor=asker.name)
    timeline.audit_act(operation, "operation_cancelled", asker.name, asker.via.value, asker.address)
    timeline.audit_end(operation)
    return True


def _ask_worker(operation: Operation, asker: Asker) -> bool:
    operation.refresh_from_db()
    if operation.state == State.CANCELLED:
        return False
    if operation.state not in (State.RUNNING, State.NEEDS_ATTENTION):
        raise Refused(ALREADY_OVER(operation=operation.pk, state=operation.state))
    if _cannot_be_held(operation):
        raise Refused(NOTHING_TO_PAUSE(operation=operation.pk))
    if _is_beyond_reach(operation):
        raise Refused(CANNOT_STOP_HA_TASK(node=operation.source))
    asked = Operation.objects.filter(
        pk=operation.pk, state=State.RUNNING, cancel_requested_at=None
    ).update(
        cancel_requested_at=timezone.now(),
        cancel_requested_by=asker.name,
        look_at=timezone.now(),
    )
    if asked:
        timeline.note(operation, "cancel_requested", actor=asker.name)
        timeline.audit_act(
            operation, "operation_cancel_requested", asker.name, asker.via.value, asker.address
        )
    return bool(asked)


def _cannot_be_held(operation: Operation) -> bool:
    """Whether DRBD was told something that is neither a sync nor can be left half-way."""
    if operation.kind == Kind.RESOLVE_SPLIT_BRAIN:
        return bool(operation.memo.get("discarding") or operation.memo.get("undoing"))
    if operation.kind == Kind.REMOVE_SNAPSHOT:
        return True
    return operation.kind == Kind.DRBD_ACTION and operation.params.get("action") not in PAUSED


def _is_beyond_reach(operation: Operation) -> bool:
    """Whether the task is the HA manager's and the token may not touch it, as far as recorded."""
    lacks = operation.cluster is not None and "Sys.Modify" in operation.cluster.missing_privileges
    return bool(operation.memo.get("ha")) and lacks
