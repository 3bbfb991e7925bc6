"""The end of a verify: whether it was one, and what it found.

DRBD says nothing of a verify that has ended: its state is at rest again, and what differs is
counted as out of sync. One that was broken off, by its link or by a sync that came between, rests
just so, and must not pass for two copies that are the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hapanel.drbd.progress import Figures, differing
from hapanel.kernel.units import format_bytes
from hapanel.operations import drbd_outcomes as ends
from hapanel.operations.models import State, VerifyReport
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.replication import ResourceState

# What is left is DRBD's guess; so much sooner than it said, no verify has ended.
MUCH_SOONER, AT_LEAST_SECONDS = 4, 15.0


def seen_working(work: Work, now: Figures) -> dict[str, Any]:
    """What a look at a running verify leaves for the judgement of its end, for the memo."""
    memo = work.operation.memo
    return {
        "disturbed": bool(memo.get("disturbed") or memo.get("off_since")) or not now.is_verify,
        "eta": now.eta_seconds,
        "looked_at": work.now.isoformat(),
    }


def end_verify(work: Work, state: ResourceState) -> None:
    """End the operation: with a report of what was found, or as broken off."""
    operation = work.operation
    if _was_broken_off(work):
        names = {"node": operation.source, "resource": operation.resource}
        work.fail(ends.VERIFY_BROKEN_OFF(**names))
        return
    found = differing(state)
    report = VerifyReport(
        operation=operation,
        cluster=work.cluster,
        resource=operation.resource,
        node=operation.source,
        began_at=operation.sent_at or work.now,
        ended_at=work.now,
        compared=sum(one.size or 0 for one in state.volumes) or None,
        differing=found,
    )
    work.commit(
        _told(found),
        state=State.SUCCEEDED,
        percent=100.0,
        rate=None,
        eta_seconds=0,
        also=report.save,
    )


def _told(found: int) -> Note:
    if not found:
        return noted("drbd_verify_clean")
    return noted("drbd_verify_found", bytes=found, size=format_bytes(found))


def _was_broken_off(work: Work) -> bool:
    memo = work.operation.memo
    if memo.get("off_since") or memo.get("disturbed"):
        return True
    left, looked_at = memo.get("eta"), memo.get("looked_at")
    if left is None or looked_at is None:
        return False
    since = work.since(datetime.fromisoformat(looked_at))
    return work.scaled(left) > max(MUCH_SOONER * since, AT_LEAST_SECONDS)
