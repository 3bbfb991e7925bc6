"""Recording a wish as an operation, once: keys that repeat, races that the database decides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from django.db import IntegrityError, transaction
from django.db.models import Q
from kombu.exceptions import OperationalError

from hapanel.celery import app
from hapanel.kernel.refusal import Refusal, Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations import timeline
from hapanel.operations.models import Operation
from hapanel.operations.wishes import Asker, Via

KEY_REUSED = refusal_kind(
    "idempotency-key-reused",
    _("This idempotency key was used before, for another request (operation %(operation)s)."),
    _("Send a new key with every new request; repeat a key only with the very same body."),
    status=422,
)

logger = logging.getLogger(__name__)


def earlier_with_key(
    asker: Asker, idempotency_key: str | None, body_digest: str
) -> Operation | None:
    """The operation that this very request made before. Raises Refused when the key stands for
    another body."""
    if not idempotency_key or not _keeps_keys(asker):
        return None
    his = Q(requested_by=asker.user) if asker.user else Q(via=asker.via.value)
    earlier = Operation.objects.filter(his, idempotency_key=idempotency_key).first()
    if earlier is not None and earlier.body_digest != body_digest:
        raise Refused(KEY_REUSED(operation=earlier.pk))
    return earlier


def _keeps_keys(asker: Asker) -> bool:
    """The command line asks once and waits; a key means something to people and schedules."""
    return asker.user is not None or asker.via is Via.SCHEDULE


def earlier_or_refuse(
    refusals: Iterable[Refusal], asker: Asker, idempotency_key: str | None, body_digest: str
) -> Operation:
    """The operation of this very request's twin, which was quicker by a moment and is what now
    stands in the way. Raises Refused when there is none."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is None:
        raise Refused(*refusals)
    return earlier


def record_operation(
    operation: Operation,
    asker: Asker,
    *,
    idempotency_key: str | None,
    body_digest: str,
    after: Callable[[Operation], None] = lambda _operation: None,
) -> Operation:
    """Save a new operation with its first timeline and audit lines, and wake a worker.

    `after` runs in the same transaction. Returns the earlier operation when the key lost a race
    against itself. Raises IntegrityError when another unique constraint stood against it.
    """
    operation.requested_by = asker.user
    operation.actor, operation.via, operation.address = asker.name, asker.via.value, asker.address
    operation.idempotency_key = (idempotency_key or None) if _keeps_keys(asker) else None
    operation.body_digest = body_digest
    try:
        with transaction.atomic():
            operation.save()
            timeline.note(operation, "requested", actor=asker.name, via=asker.via.value)
            if operation.not_before is not None:
                timeline.note(operation, "scheduled", not_before=operation.not_before.isoformat())
            timeline.audit_request(operation)
            after(operation)
            timeline.hint(operation)
            transaction.on_commit(lambda: nudge(operation.pk))
    except IntegrityError:
        earlier = earlier_with_key(asker, idempotency_key, body_digest)
        if earlier is None:
            raise
        return earlier
    return operation


def nudge(operation_id: int) -> None:
    """Wake a worker now. It may fail: the sweep finds the operation within a second anyway."""
    try:
        app.send_task("advance_operation", args=[operation_id], expires=10, retry=False)
    except OperationalError:
        logger.warning("operation %s was recorded, but no worker could be woken", operation_id)
