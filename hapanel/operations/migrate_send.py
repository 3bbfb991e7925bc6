"""The one request that starts a migration, and what becomes of it when its answer is lost.

Never start twice: the step is committed as intended; then the right to send is taken, which one
UPDATE gives away exactly once; then the request leaves; then its UPID is stored. So a worker that
finds the step

- without that right taken knows for certain that nothing was sent, and sends;
- with the right taken and no UPID never sends again: it looks for the task in the cluster's list,
  and asks a person when it cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hapanel.ha.migration_facts import MigrationMode
from hapanel.kernel.names import GuestType, Upid
from hapanel.kernel.refusal import Refusal
from hapanel.operations import migrate_outcomes as outcomes
from hapanel.operations.adoption import HA_REQUEST, HA_USER, ours, target_in_log
from hapanel.operations.migrate_check import KNOWN_SINCE, listed_tasks
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.work import LostClaim, Work, noted
from hapanel.ports.cluster import MigrateOptions, Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, Garbage, NodeUnreachable, Unreachable

# A preflight older than this is made again before anything is sent.
PREFLIGHT_HOLDS = 30.0
# The request's own time-out is 40 s (gateways), and Proxmox lists a task as soon as it exists; so
# after this time a task that was not listed is not to be expected any more.
UNCLEAR_AFTER = 50.0
LOOK_EVERY = 2.0


def intended(work: Work) -> None:
    """Send the request if nobody did, or find out what became of it."""
    operation = work.operation
    if operation.sent_at is not None:
        _look_for_own_task(work)
    elif work.since(operation.intended_at) > PREFLIGHT_HOLDS:
        work.commit(step=Step.PREFLIGHT)
    else:
        _send(work)


def _send(work: Work) -> None:
    operation = work.operation
    gateway = work.doors.to_cluster(work.cluster)
    if not work.take_the_right_to_send():
        raise LostClaim(str(operation))
    assert operation.vmid is not None
    guest_type = GuestType(operation.guest_type)
    try:
        upid = gateway.migrate(operation.source, guest_type, operation.vmid, _options(operation))
    except ClusterError as error:
        _after_no_answer(work, error)
        return
    store_upid(work, upid)


def _options(operation: Operation) -> MigrateOptions:
    mode = MigrationMode(operation.memo["mode"])
    return MigrateOptions(
        target=operation.target,
        online=mode is MigrationMode.ONLINE,
        restart=mode is MigrationMode.RESTART,
        with_local_disks=bool(operation.params.get("with_local_disks")),
        target_storage=operation.params.get("target_storage") or None,
        bandwidth_limit=operation.params.get("bandwidth_limit"),
    )


def _after_no_answer(work: Work, error: ClusterError) -> None:
    if error.may_have_happened:
        work.commit(
            noted("answer_lost", kind=error.kind, reason=error.reason[:300]),
            blind=True,
            look_in=LOOK_EVERY,
        )
    elif isinstance(error, (Unreachable, NodeUnreachable, Garbage)):
        # It never got there, for certain: give the right back and look again later.
        work.commit(blind=True, sent_at=None, step=Step.PREFLIGHT)
        raise error
    else:
        work.fail(
            outcomes.refused_by_proxmox(
                error, guest=work.operation.subject, cluster=work.cluster.name
            )
        )


def store_upid(work: Work, upid: Upid) -> None:
    """The answer arrived. It is kept even when this worker was so slow that its claim ran out:
    it is the truth, and nobody else can have sent."""
    operation = work.operation
    changes: dict[str, Any] = {
        "asked_upid": upid.raw,
        "upid": "" if upid.type == HA_REQUEST else upid.raw,
    }
    try:
        work.commit(noted("accepted", upid=upid.raw), step=Step.ACCEPTED, **changes)
    except LostClaim:
        Operation.objects.filter(
            pk=operation.pk,
            step=Step.INTENDED,
            asked_upid="",
            state__in=[State.RUNNING, State.NEEDS_ATTENTION],
        ).update(state=State.RUNNING, step=Step.ACCEPTED, outcome=None, **changes)
        raise


def _look_for_own_task(work: Work) -> None:
    operation = work.operation
    gateway = work.doors.to_cluster(work.cluster)
    assert operation.intended_at is not None
    listed = listed_tasks(gateway, operation, since=operation.intended_at - KNOWN_SINCE)
    known = operation.memo.get("known", [])
    found = _to_our_target(work, gateway, ours(listed, user=work.cluster.token_id, known=known))
    waited = work.since(operation.sent_at)
    if not found and waited > UNCLEAR_AFTER:
        # Of a guest under HA the request itself may be off the list while its effect is on it.
        found = _to_our_target(work, gateway, _of_ha(operation, listed), must_say_so=True)
    if len(found) == 1:
        _adopt(work, found[0])
    elif found:
        names = ", ".join(sorted(task.upid.raw for task in found))
        words = {"count": len(found), "guest": operation.subject, "tasks": names}
        _ask_a_person(work, outcomes.SEVERAL_TASKS(**words))
    elif waited > UNCLEAR_AFTER:
        words = {"node": operation.source, "guest": operation.subject}
        _ask_a_person(work, outcomes.UNCLEAR_START(**words))
    else:
        work.commit(look_in=LOOK_EVERY)


def _of_ha(operation: Operation, listed: list[Task]) -> list[Task]:
    if not operation.memo.get("ha"):
        return []
    new = ours(listed, user=HA_USER, known=operation.memo.get("known", []))
    return [task for task in new if task.upid.type != HA_REQUEST]


def _adopt(work: Work, task: Task) -> None:
    upid = task.upid
    is_request = upid.type == HA_REQUEST
    work.commit(
        noted("adopted", upid=upid.raw),
        step=Step.ACCEPTED,
        asked_upid=upid.raw,
        upid="" if is_request else upid.raw,
    )


def _ask_a_person(work: Work, refusal: Refusal) -> None:
    """Once; afterwards keep looking, slowly, in case the task shows up."""
    operation = work.operation
    if operation.state == State.NEEDS_ATTENTION and operation.memo.get("attention") == "unclear":
        work.commit(look_in=15.0)
    else:
        work.need_attention(refusal, because="unclear")


def _to_our_target(
    work: Work, gateway: ClusterGateway, tasks: Iterable[Task], *, must_say_so: bool = False
) -> list[Task]:
    """Without those that say in their log that they go elsewhere; with `must_say_so` only those
    that say they go to our target."""
    kept = []
    for task in tasks:
        log = gateway.task_log(task.upid)
        target = target_in_log(line.text for line in log.lines)
        if target == work.operation.target or (target is None and not must_say_so):
            kept.append(task)
    return kept
