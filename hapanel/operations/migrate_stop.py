"""Asking Proxmox to stop a migration that somebody cancelled; how it ends is followed as ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hapanel.kernel.names import Upid
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, PermissionMissing

# Stopping names one task, so asking again does nothing more than the first time; only an order
# whose answer was lost is repeated, and not sooner than Proxmox's own patience.
REPEAT_AFTER = timedelta(seconds=15)


@dataclass(frozen=True)
class Stopping:
    """What the order to stop adds to the step's commit."""

    notes: list[Note] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)


def stop_if_asked(work: Work, gateway: ClusterGateway, upid: Upid) -> Stopping:
    """Send DELETE for the task when somebody cancelled. Stopping the HA manager's task needs
    Sys.Modify (facts: pve-manager Tasks.pm); without it the cancel is withdrawn and said so."""
    operation = work.operation
    if operation.cancel_requested_at is None or operation.memo.get("stopped"):
        return Stopping()
    tried = operation.memo.get("stop_tried_at")
    if tried and work.now - datetime.fromisoformat(tried) < REPEAT_AFTER:
        return Stopping()
    work.commit(memo=work.memo(stop_tried_at=work.now.isoformat()))
    try:
        gateway.stop_task(upid)
    except PermissionMissing as error:
        note = noted("cancel_refused", reason=error.reason[:300], node=upid.node)
        return Stopping([note], {"cancel_requested_at": None, "cancel_requested_by": ""})
    except ClusterError as error:
        return Stopping([noted("cancel_unanswered", reason=error.reason[:300])])
    operation.memo = work.memo(stopped=True)
    return Stopping([noted("cancel_sent", upid=upid.raw)])
