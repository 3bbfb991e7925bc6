"""Claims: who works on an operation right now.

One UPDATE ... WHERE claims it, so two workers can never both win. A claim is a short lease: a
worker that was killed is replaced when it runs out; a living one renews it from a thread, so a
request that takes forty seconds is not taken over in the middle.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.models import Q

from hapanel.kernel.clock import Clock
from hapanel.operations.models import HOLDING_STATES, Operation

LEASE = timedelta(seconds=8)
RENEW_SECONDS = 2.5

logger = logging.getLogger(__name__)


def runnable_filter(clock: Clock) -> Q:
    """Operations that a worker may take in hand now."""
    now = clock.now()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return free & Q(state__in=HOLDING_STATES, look_at__lte=now)


@contextmanager
def claimed(operation_id: int, clock: Clock) -> Iterator[str | None]:
    """Claim the operation for the block. Yields the claim's token, or None when it is not due,
    over, or in somebody else's hands."""
    token = secrets.token_hex(16)
    won = Operation.objects.filter(runnable_filter(clock), pk=operation_id).update(
        claim=token, claimed_until=clock.now() + LEASE
    )
    if not won:
        yield None
        return
    over = threading.Event()
    renewer = threading.Thread(
        target=_renew, args=(operation_id, token, clock, over), name="claim", daemon=True
    )
    renewer.start()
    try:
        yield token
    finally:
        over.set()
        renewer.join()
    # Not in `finally`: whatever kills the step leaves the claim to run out, like a killed worker.
    Operation.objects.filter(pk=operation_id, claim=token).update(claim="", claimed_until=None)


def _renew(operation_id: int, token: str, clock: Clock, over: threading.Event) -> None:
    try:
        while not over.wait(RENEW_SECONDS):
            _renew_once(operation_id, token, clock)
    finally:
        connection.close()


def _renew_once(operation_id: int, token: str, clock: Clock) -> None:
    try:
        Operation.objects.filter(pk=operation_id, claim=token).update(
            claimed_until=clock.now() + LEASE
        )
    except DatabaseError:
        # The next beat tries again; should all of them fail, the claim runs out as it must.
        logger.warning("the claim on operation %s was not renewed", operation_id, exc_info=True)
