"""The true end of a migration: where the guest is, and what Proxmox said.

An exit status never carries the reason and does not even tell where the guest is (`migration
problems`), so both are looked up: the first ERROR line of the log, the node in the cluster's list.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone

from hapanel.kernel.names import GuestType, service_id
from hapanel.kernel.refusal import Refusal
from hapanel.operations import migrate_outcomes as outcomes
from hapanel.operations.live_facts import View, look
from hapanel.operations.models import Operation, State
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.cluster import GuestState, Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.migration_progress import MigrationProgress
from vms.models import Guest, HaResource

LOOK_EVERY = 0.8
# After an HA move the manager says `(node, starting)` for one round of ten seconds.
SETTLES_WITHIN = 120.0
SETTLE_MARGIN = 20.0
_HA_AT_REST = frozenset({"", "started", "stopped", "disabled", "ignored"})
# The status is cached per server process: the first `unexpected status` may be a moment too early.
_UNBELIEVED = frozenset({"unexpected status", ""})


def verifying(work: Work) -> None:
    """The task ended well: see the guest on its target, unlocked, and at rest for HA."""
    operation = work.operation
    assert operation.vmid is not None
    view = look(work.doors.to_cluster(work.cluster), with_ha=bool(operation.memo.get("ha")))
    guest = view.guest(operation.vmid)
    if guest is not None and _has_arrived(operation, guest, view):
        sid = service_id(guest.type, guest.vmid)
        succeed(work, ha_state=view.ha_state(sid))
        return
    since = operation.memo.get("verifying_since")
    memo = work.memo(verifying_since=since or work.now.isoformat())
    waited = work.since(datetime.fromisoformat(since)) if since else 0.0
    if waited <= work.scaled(SETTLES_WITHIN) + SETTLE_MARGIN:
        work.commit(memo=memo, look_in=LOOK_EVERY)
        return
    node = guest.node if guest else "-"
    state = _state_words(operation, guest, view)
    refusal = outcomes.NOT_ARRIVED(guest=operation.subject, node=node, state=state)
    fail_with_guest(work, view, refusal)


def _has_arrived(operation: Operation, guest: GuestState, view: View) -> bool:
    if guest.node != operation.target or guest.lock:
        return False
    if operation.memo.get("mode") != "offline" and guest.status == "stopped":
        return False
    sid = service_id(guest.type, guest.vmid)
    ha_state = view.ha_state(sid) or (guest.hastate or "")
    return ha_state in _HA_AT_REST and view.ha_node(sid) in (None, operation.target)


def _state_words(operation: Operation, guest: GuestState | None, view: View) -> str:
    if guest is None:
        return "not listed"
    sid = service_id(GuestType(operation.guest_type), guest.vmid)
    words = [guest.status, f"locked: {guest.lock}" if guest.lock else "", view.ha_state(sid)]
    return ", ".join(word for word in words if word)


def succeed(work: Work, *, ha_state: str) -> None:
    """Commit the success together with the guest's new node and the HA state that was just seen.

    Without the latter a script that waits for the end and asks for the next move at once would be
    told that the HA manager is still at work, for as long as the next look takes.
    """
    operation = work.operation
    record_node = _record_node(operation, operation.target, lock="")
    record_ha = _record_ha_state(operation, ha_state)

    def write() -> None:
        record_node()
        record_ha()

    work.commit(
        noted("succeeded", node=operation.target),
        state=State.SUCCEEDED,
        percent=100.0,
        eta_seconds=0.0,
        rate=None,
        outcome=None,
        also=write,
    )


def fail_with_guest(work: Work, view: View, refusal: Refusal, **changes: Any) -> None:
    """End as failed, and record where the guest was just seen."""
    assert work.operation.vmid is not None
    guest = view.guest(work.operation.vmid)
    work.commit(
        *changes.pop("notes", ()),
        noted("failed", code=refusal.code),
        state=State.FAILED,
        outcome=refusal.as_record(),
        eta_seconds=None,
        also=_record_node(work.operation, guest.node, lock=guest.lock or "") if guest else None,
        **changes,
    )


def _record_node(operation: Operation, node: str, *, lock: str) -> Callable[[], None]:
    assert operation.vmid is not None
    guests = Guest.objects.filter(cluster=operation.cluster_id, vmid=operation.vmid)

    def write() -> None:
        guests.exclude(node=node, lock=lock).update(node=node, lock=lock, changed_at=timezone.now())

    return write


def _record_ha_state(operation: Operation, ha_state: str) -> Callable[[], None]:
    assert operation.vmid is not None
    sid = service_id(GuestType(operation.guest_type), operation.vmid)
    resources = HaResource.objects.filter(cluster=operation.cluster_id, sid=sid)

    def write() -> None:
        if ha_state:
            now = timezone.now()
            resources.update(state=ha_state, node=operation.target, changed_at=now)

    return write


def end_of_failed_task(
    work: Work,
    gateway: ClusterGateway,
    task: Task,
    progress: MigrationProgress,
    notes: list[Note],
    changes: dict[str, Any],
) -> None:
    """The task did not end well. A cancelled one that left the guest in place is cancelled."""
    operation = work.operation
    status = task.exit_status or ""
    if status in _UNBELIEVED and not operation.memo.get("asked_again"):
        changes["memo"] = {**changes["memo"], "asked_again": True}
        work.commit(*notes, look_in=1.5, **changes)
        return
    assert operation.vmid is not None
    view = look(gateway, with_ha=False)
    guest = view.guest(operation.vmid)
    changes |= {"eta_seconds": None, "rate": None}
    if operation.cancel_requested_at and guest is not None and guest.node == operation.source:
        work.commit(
            *notes,
            noted("cancelled", node=guest.node),
            state=State.CANCELLED,
            also=_record_node(operation, guest.node, lock=guest.lock or ""),
            **changes,
        )
        return
    error = (progress.error or _in_words(status)).rstrip(".")
    changes.pop("eta_seconds")
    fail_with_guest(work, view, _refusal(operation, guest, error), notes=notes, **changes)


def _in_words(status: str) -> str:
    """Proxmox's exit status; its `unexpected status` means that the task had no time to end."""
    if status in _UNBELIEVED:
        return "the task was killed, or its node lost power, before it could say how it ended"
    return status


def _refusal(operation: Operation, guest: GuestState | None, error: str) -> Refusal:
    """Which of the ends it is: told by where the guest is now, not by the exit status."""
    if guest is None:
        cluster = operation.cluster.name if operation.cluster else ""
        return outcomes.FAILED_GUEST_GONE(error=error, guest=operation.subject, cluster=cluster)
    words = {"error": error, "guest": operation.subject, "node": guest.node}
    if guest.node == operation.target:
        return outcomes.FAILED_ON_TARGET(**words)
    if guest.node != operation.source:
        return outcomes.FAILED_ELSEWHERE(**words)
    if guest.lock:
        tool = "qm" if guest.type is GuestType.QEMU else "pct"
        return outcomes.FAILED_AND_LOCKED(
            **words, lock=guest.lock, command=f"{tool} unlock {guest.vmid}"
        )
    return outcomes.MIGRATION_FAILED(**words)
