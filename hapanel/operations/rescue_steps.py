"""The guests of the losing side, as a worker stops, copies, moves, restores and starts them.

Stopping, moving and starting are told by the guest, a copy by its archive, a restore by its task.
A request is committed before it is sent. When its answer is lost nobody sends it again before the
task list of its node was searched for as long as Proxmox may take to begin.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hapanel.drbd import rescue_refusals as no
from hapanel.drbd.orders import SHUTDOWN_SECONDS
from hapanel.drbd.recovery import Act, RecoveryStep
from hapanel.drbd.rescue import GuestNow, RescuedGuest, shows
from hapanel.kernel.names import Upid
from hapanel.operations.adoption import HA_REQUEST, ours
from hapanel.operations.live_facts import look
from hapanel.operations.migrate_check import KNOWN_SINCE
from hapanel.operations.migrate_send import UNCLEAR_AFTER
from hapanel.operations.recovery_course import (
    copies_of,
    fail_step,
    give_up,
    go_on,
    guest_of,
    is_leaving,
)
from hapanel.operations.rescue_check import now_of
from hapanel.operations.work import Work, noted
from hapanel.ports.backup_log import error_in, percent_in
from hapanel.ports.cluster import MigrateOptions, Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, Garbage, NodeUnreachable, Unreachable
from hapanel.ports.guest_acts import BACKUP_TASK, restore_task, shutdown_task, start_task
from hapanel.ports.ha_changes import ResourceSettings

LOOK_EVERY = 1.0
MOST_TELLINGS = 2
# The HA manager reads its queue every ten seconds and lets a guest shut down for a minute; what it
# has not shown after three is told once more. On top comes what a lab's speed does not shrink.
HA_SHOWS_WITHIN = 180.0
SHOWS_WITHIN = 20.0


def carry_out(work: Work, step: RecoveryStep) -> None:
    """Look at the guest: the step shows, is to be told, runs, or has failed."""
    guest = guest_of(work, step)
    gateway = work.doors.to_cluster(work.cluster)
    now = guest_now(gateway, guest.vmid)
    if _shows(work, step, guest, now):
        go_on(work, step)
    elif work.operation.memo.get("told_at") is None:
        _begin(work, gateway, step, guest, now)
    elif _is_for_ha(step, guest):
        if is_leaving(work):
            give_up(work, None)
        else:
            _wait(work, step, guest)
    elif not work.operation.memo.get("upid"):
        _look_for_own_task(work, gateway, step, guest)
    else:
        _follow(work, gateway, step, guest)


def guest_now(gateway: ClusterGateway, vmid: int) -> GuestNow | None:
    """The guest as the cluster lists it; None when it does not. Raises a ClusterError."""
    found = look(gateway, with_ha=False).guest(vmid)
    return now_of(found) if found is not None else None


def _is_for_ha(step: RecoveryStep, guest: RescuedGuest) -> bool:
    """Whether it is asked of the HA manager by the state that is requested: without a task."""
    return guest.is_under_ha and step.act in (Act.STOP, Act.START)


def _shows(work: Work, step: RecoveryStep, guest: RescuedGuest, now: GuestNow | None) -> bool:
    """A start under HA has to have been told: the manager may not have read the stop yet."""
    is_told = work.operation.memo.get("told_at") is not None
    if step.act is Act.START and guest.is_under_ha and not is_told:
        return False
    return shows(step, guest, now, work.operation.target)


def _begin(
    work: Work,
    gateway: ClusterGateway,
    step: RecoveryStep,
    guest: RescuedGuest,
    now: GuestNow | None,
) -> None:
    if is_leaving(work):
        give_up(work, None)
    elif step.act is Act.BACKUP and now is not None and now.running:
        fail_step(work, step, no.CAME_BACK(guest=str(guest), node=step.node))
    else:
        _tell(work, gateway, step, guest)


def _tell(work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest) -> None:
    """Commit that the request is about to be sent and what there was before, then send it."""
    memo = work.operation.memo
    told: dict[str, Any] = {
        "told_at": work.now.isoformat(),
        "tellings": memo.get("tellings", 0) + 1,
        "upid": "",
        "seen": 0,
    }
    if not _is_for_ha(step, guest):
        told["known"] = [task.upid.raw for task in _tasks(work, gateway, step, guest)]
    record = memo["guests"][step.about]
    if step.act is Act.BACKUP and "before" not in record:
        before = [one.volid for one in gateway.backups(step.node, memo["storage"], guest.vmid)]
        told["guests"] = memo["guests"] | {step.about: record | {"before": before}}
    line = _line(work, step)
    work.commit(noted("drbd_ordered", node=step.node, line=line), memo=work.memo(**told))
    if work.operation.sent_at is None and not work.take_the_right_to_send():
        return
    try:
        upid = _send(work, gateway, step, guest)
    except ClusterError as error:
        _after_no_answer(work, step, error)
        return
    if upid is not None:
        work.commit(noted("accepted", upid=upid.raw), memo=work.memo(upid=upid.raw))


def _line(work: Work, step: RecoveryStep) -> str:
    """The step's command, with the archive once there is one."""
    volid = work.operation.memo["guests"][step.about].get("volid", "")
    return step.line.replace("ARCHIVE", volid) if volid else step.line


def _send(
    work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest
) -> Upid | None:
    """The step's one request; None where it has no task. Raises a ClusterError."""
    memo, node = work.operation.memo, step.node
    if _is_for_ha(step, guest):
        state = "stopped" if step.act is Act.STOP else guest.requested
        gateway.change_ha_resource(guest.sid, ResourceSettings(state=state), None)
        return None
    match step.act:
        case Act.STOP:
            return gateway.shut_down(node, guest.type, guest.vmid, seconds=SHUTDOWN_SECONDS)
        case Act.BACKUP:
            return gateway.back_up(node, guest.vmid, memo["storage"])
        case Act.MOVE:
            options = MigrateOptions(target=work.operation.target)
            return gateway.migrate(node, guest.type, guest.vmid, options)
        case Act.RESTORE:
            volid = memo["guests"][step.about]["volid"]
            storage = guest.restore_to if guest.type.ha_prefix == "ct" else None
            return gateway.restore(node, guest.type, guest.vmid, volid, storage=storage or None)
        case _:
            return gateway.start_guest(node, guest.type, guest.vmid)


def _after_no_answer(work: Work, step: RecoveryStep, error: ClusterError) -> None:
    if error.may_have_happened:
        note = noted("answer_lost", kind=error.kind, reason=error.reason[:300])
        work.commit(note, blind=True, look_in=LOOK_EVERY)
    elif isinstance(error, Unreachable | NodeUnreachable | Garbage):
        # It never got there, for certain: it is told again once there is a way.
        tellings = work.operation.memo["tellings"] - 1
        work.commit(blind=True, memo=work.memo(told_at=None, tellings=tellings))
        raise error
    else:
        words = {"node": step.node, "line": _line(work, step), "copies": copies_of(work)}
        fail_step(work, step, no.GUEST_REFUSED(**words, said=error.reason[:300]))


def _task_types(step: RecoveryStep, guest: RescuedGuest) -> tuple[str, ...]:
    match step.act:
        case Act.STOP:
            return (shutdown_task(guest.type),)
        case Act.BACKUP:
            return (BACKUP_TASK,)
        case Act.MOVE:
            return (guest.type.migrate_task, HA_REQUEST)
        case Act.RESTORE:
            return (restore_task(guest.type),)
        case _:
            return (start_task(guest.type),)


def _tasks(
    work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest
) -> list[Task]:
    """The node's tasks of the step's kind about the guest, by the node's own clock."""
    slow = timedelta(seconds=max(0.0, -(gateway.clock_offset or 0.0)))
    since = work.now - KNOWN_SINCE - slow
    types = _task_types(step, guest)
    return [
        task
        for task_type in types
        for task in gateway.node_tasks(step.node, vmid=guest.vmid, task_type=task_type, since=since)
    ]


def _look_for_own_task(
    work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest
) -> None:
    """The answer is lost, or its worker: adopt the task that was not there before."""
    memo = work.operation.memo
    listed = _tasks(work, gateway, step, guest)
    found = ours(listed, user=work.cluster.token_id, known=memo["known"])
    if found:
        upid = min(found, key=lambda task: task.upid.started_at).upid
        work.commit(noted("adopted", upid=upid.raw), memo=work.memo(upid=upid.raw))
    elif _waited(work) <= UNCLEAR_AFTER:
        work.commit(look_in=LOOK_EVERY)
    elif is_leaving(work):
        give_up(work, None)
    else:
        _tell_again_or_fail(work, step)


def _waited(work: Work) -> float:
    return work.since(datetime.fromisoformat(work.operation.memo["told_at"]))


def _tell_again_or_fail(work: Work, step: RecoveryStep) -> None:
    if work.operation.memo["tellings"] < MOST_TELLINGS:
        work.commit(memo=work.memo(told_at=None, upid=""))
        return
    words = {"node": step.node, "line": _line(work, step), "copies": copies_of(work)}
    fail_step(work, step, no.GUEST_SILENT(**words, seconds=round(_waited(work))))


def _wait(work: Work, step: RecoveryStep, guest: RescuedGuest) -> None:
    """Told, and not shown yet."""
    limit = work.scaled(HA_SHOWS_WITHIN) if guest.is_under_ha else 0.0
    if _waited(work) <= limit + SHOWS_WITHIN:
        work.commit(look_in=LOOK_EVERY)
    else:
        _tell_again_or_fail(work, step)


def _follow(work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest) -> None:
    """Read what the task's log has gained, and look whether it has ended."""
    memo = work.operation.memo
    upid = Upid.parse(memo["upid"])
    task = gateway.task_status(upid)
    if task.running:
        _hold_backup_if_asked(work, gateway, step, upid)
        lines = _lines(gateway, upid, memo.get("seen", 0))
        percent = percent_in(lines)
        work.commit(
            memo=work.memo(seen=memo.get("seen", 0) + len(lines)),
            look_in=LOOK_EVERY,
            percent=work.operation.percent if percent is None else percent,
        )
    elif is_leaving(work):
        give_up(work, None)
    elif not _went_well(task):
        said = error_in(_lines(gateway, upid, 0)) or task.exit_status or "-"
        words = {"node": step.node, "line": _line(work, step), "copies": copies_of(work)}
        fail_step(work, step, no.GUEST_TASK_FAILED(**words, said=said[:300]))
    elif step.act is Act.RESTORE:
        go_on(work, step)
    elif step.act is Act.BACKUP:
        _take_archive(work, gateway, step, guest)
    else:
        _wait_after_task(work, step, guest)


def _lines(gateway: ClusterGateway, upid: Upid, start: int) -> list[str]:
    return [line.text for line in gateway.task_log(upid, start).lines]


def _went_well(task: Task) -> bool:
    status = task.exit_status or ""
    return status == "OK" or status.startswith("WARNINGS")


def _hold_backup_if_asked(
    work: Work, gateway: ClusterGateway, step: RecoveryStep, upid: Upid
) -> None:
    """Somebody wants it to end: a copy that is not needed any more need not be waited for."""
    if step.act is not Act.BACKUP or not is_leaving(work) or work.operation.memo.get("held"):
        return
    work.commit(memo=work.memo(held=True))
    try:
        gateway.stop_task(upid)
    except ClusterError as error:
        work.commit(noted("cancel_unanswered", reason=error.reason[:300]))


def _take_archive(
    work: Work, gateway: ClusterGateway, step: RecoveryStep, guest: RescuedGuest
) -> None:
    """The copy is where it was to be: remember its name. Without one nothing is given up."""
    memo = work.operation.memo
    record = memo["guests"][step.about]
    listed = gateway.backups(step.node, memo["storage"], guest.vmid)
    new = [one for one in listed if one.volid not in record["before"]]
    if new:
        newest = max(new, key=lambda one: (one.made_at is not None, one.made_at, one.volid))
        taken = record | {"volid": newest.volid, "bytes": newest.size}
        go_on(work, step, guests=memo["guests"] | {step.about: taken})
    else:
        _wait_after_task(work, step, guest)


def _wait_after_task(work: Work, step: RecoveryStep, guest: RescuedGuest) -> None:
    """The task ended well; what it did shows a moment later, or what it asked the HA manager for
    within its rounds. Counted from here, since a task may have taken long."""
    since = work.operation.memo.get("off_since")
    if since is None:
        work.commit(memo=work.memo(off_since=work.now.isoformat()), look_in=LOOK_EVERY)
        return
    limit = work.scaled(HA_SHOWS_WITHIN) if guest.is_under_ha else 0.0
    if work.since(datetime.fromisoformat(since)) <= limit + SHOWS_WITHIN:
        work.commit(look_in=LOOK_EVERY)
    else:
        work.commit(memo=work.memo(off_since=None))
        _tell_again_or_fail(work, step)
