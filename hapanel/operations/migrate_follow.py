"""Following a migration: through the HA manager where it has the guest, along the task's log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hapanel.ha import migration_refusals as no
from hapanel.kernel.names import GuestType, Upid, service_id
from hapanel.kernel.refusal import Refusal
from hapanel.operations import migrate_outcomes as outcomes
from hapanel.operations.adoption import HA_REQUEST, HA_USER
from hapanel.operations.live_facts import View, look
from hapanel.operations.migrate_end import end_of_failed_task, fail_with_guest
from hapanel.operations.migrate_stop import stop_if_asked
from hapanel.operations.models import LogLine, Operation, Step
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.cluster import Task, TaskLog
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import NodeUnreachable
from hapanel.ports.migration_progress import MigrationProgress

# Under a second, so that a worker waits for it by itself and not for the next sweep.
LOOK_EVERY = 0.8
# The HA manager reads its queue every ten seconds, the node's agent acts within ten more; after a
# minute without a sign it has silently refused (pve-ha-manager: CRM.pm, LRM.pm). On top comes what
# does not shrink with a lab's speed.
HA_BEGINS_WITHIN = 60.0
HA_MARGIN = 10.0
# While no HA manager is at work its queue waits: seen to begin 93 s after its seat moved.
HA_ABSENT_WITHIN = 240.0
LRM_QUEUE_WITHIN = 600.0
_HA_MOVES = frozenset({"migrate", "relocate"})


def accepted(work: Work) -> None:
    """The UPID is stored. A request to the HA manager ends at once and only means: queued."""
    operation = work.operation
    asked = Upid.parse(operation.asked_upid)
    if asked.type != HA_REQUEST:
        work.commit(step=Step.FOLLOWING)
        return
    gateway = work.doors.to_cluster(work.cluster)
    task = gateway.task_status(asked)
    if task.running:
        work.commit(look_in=LOOK_EVERY)
    elif _went_well(task):
        work.commit(noted("ha_accepted"), step=Step.WAITING_FOR_HA)
    else:
        said = _last_words(gateway.task_log(asked)) or task.exit_status or "-"
        work.fail(outcomes.HA_REFUSED(guest=operation.subject, said=said))


def _last_words(log: TaskLog) -> str:
    spoken = [line.text for line in log.lines if line.text and not line.text.startswith("TASK ")]
    return " ".join(spoken[-2:])[:400]


def waiting_for_ha(work: Work) -> None:
    """Find the task by which the node's agent really moves the guest; it is root's, not ours."""
    gateway = work.doors.to_cluster(work.cluster)
    try:
        task = _task_of_ha(work.operation, gateway)
    except NodeUnreachable:
        if not _ended_with_its_node(work, gateway):
            raise
        return
    if task is None:
        _wait_for_ha(work, gateway)
        return
    work.commit(noted("ha_task_found", upid=task.upid.raw), step=Step.FOLLOWING, upid=task.upid.raw)


def _wait_for_ha(work: Work, gateway: ClusterGateway) -> None:
    operation = work.operation
    assert operation.vmid is not None
    guest = look(gateway, with_ha=False).guest(operation.vmid)
    begun = guest is not None and guest.hastate in _HA_MOVES
    if guest is not None and guest.node == operation.target and not begun:
        # Moved so quickly, or so long ago, that its task is off the list.
        work.commit(noted("ha_moved_it"), step=Step.VERIFYING)
        return
    waited = _seconds_in_step(work)
    if waited > work.scaled(LRM_QUEUE_WITHIN if begun else HA_BEGINS_WITHIN) + HA_MARGIN:
        _ha_stays_silent(work, gateway, waited)
    elif begun and not operation.memo.get("ha_began"):
        work.commit(noted("ha_began"), memo=work.memo(ha_began=True), look_in=LOOK_EVERY)
    else:
        work.commit(look_in=LOOK_EVERY)


def _task_of_ha(operation: Operation, gateway: ClusterGateway) -> Task | None:
    """The agent's task since our request, newest first; both clocks are the source node's."""
    guest_type = GuestType(operation.guest_type)
    assert operation.vmid is not None
    tasks = gateway.node_tasks(
        operation.source,
        vmid=operation.vmid,
        task_type=guest_type.migrate_task,
        since=Upid.parse(operation.asked_upid).started_at - timedelta(seconds=1),
    )
    known = operation.memo.get("known", [])
    new = [t for t in tasks if t.upid.user == HA_USER and t.upid.raw not in known]
    return max(new, key=lambda task: task.upid.started_at, default=None)


def _seconds_in_step(work: Work) -> float:
    began = work.operation.timeline.filter(code="ha_accepted").order_by("-at").first()
    return work.since(began.at if began else work.operation.sent_at)


def _ha_stays_silent(work: Work, gateway: ClusterGateway, waited: float) -> None:
    """Nothing began in time: find out why, as far as anybody tells."""
    view = look(gateway)
    if view.ha is None or view.ha.manager_state in (None, "dead", "wait_for_quorum"):
        if waited > work.scaled(HA_ABSENT_WITHIN) + HA_MARGIN:
            refusal = outcomes.HA_MAY_STILL(guest=work.operation.subject)
            if work.operation.memo.get("attention") == "ha":
                work.commit(look_in=10.0)
            else:
                work.need_attention(refusal, because="ha")
        else:
            work.commit(look_in=2.0)
        return
    fail_with_guest(work, view, _why_silent(work.operation, view, waited))


def _why_silent(operation: Operation, view: View, waited: float) -> Refusal:
    assert view.ha is not None
    assert operation.vmid is not None
    sid = service_id(GuestType(operation.guest_type), operation.vmid)
    target = next((n for n in view.resources.nodes if n.name == operation.target), None)
    if view.ha_state(sid) == "error":
        return no.HA_ERROR(guest=operation.subject)
    if view.ha.armed_state in {"disarmed", "disarming"}:
        return no.HA_DISARMED(cluster=operation.source, state=view.ha.armed_state)
    if target is None or not target.online:
        return no.TARGET_NOT_ONLINE(node=operation.target, status="offline")
    dead = [lrm.node for lrm in view.ha.lrms if lrm.dead and lrm.node == operation.source]
    if dead:
        return no.HA_MANAGER_DOWN(where=dead[0])
    return outcomes.HA_DID_NOTHING(guest=operation.subject, seconds=round(waited))


def following(work: Work) -> None:
    """Follow the task; when its node is silent, look whether the guest has left that node."""
    gateway = work.doors.to_cluster(work.cluster)
    try:
        _follow(work, gateway)
    except NodeUnreachable:
        if not _ended_with_its_node(work, gateway):
            raise


def _ended_with_its_node(work: Work, gateway: ClusterGateway) -> bool:
    """A task dies with its node, and nobody lists its end before the node is back. Where the guest
    is then is all there is to tell, once it is no longer on the lost node."""
    operation = work.operation
    assert operation.vmid is not None
    view = look(gateway, with_ha=False)
    guest = view.guest(operation.vmid)
    is_lost = not any(n.online for n in view.resources.nodes if n.name == operation.source)
    if guest is None or guest.node == operation.source or not is_lost:
        return False
    words = {"source": operation.source, "guest": operation.subject, "node": guest.node}
    fail_with_guest(work, view, outcomes.SOURCE_LOST(**words))
    return True


def _follow(work: Work, gateway: ClusterGateway) -> None:
    """Read what the log has gained, and look whether the task has ended."""
    operation = work.operation
    upid = Upid.parse(operation.upid)
    stopping = stop_if_asked(work, gateway, upid)
    gained = _read_log(operation, gateway, upid)
    progress = progress_of(operation, gained)
    task = None
    # The log's last line announces the end, but only the status is to be believed; and a silent
    # log is asked about too. So a running task costs one call a look, not two.
    if progress.task_ended is not None or not gained:
        task = gateway.task_status(upid)
    if task is not None and not task.running:
        gained += _read_log(operation, gateway, upid, start=operation.log_lines_seen + len(gained))
        progress = progress_of(operation, gained)
    notes = [*_phase_notes(operation, progress), *stopping.notes]
    changes = {**_figures(progress), **_kept(work, progress, gained), **stopping.changes}
    _keep_lines(gained)
    if task is None or task.running:
        work.commit(*notes, look_in=LOOK_EVERY, **changes)
    elif _went_well(task):
        work.commit(*notes, noted("task_ended"), step=Step.VERIFYING, **changes)
    else:
        end_of_failed_task(work, gateway, task, progress, notes, changes)


def _went_well(task: Task) -> bool:
    status = task.exit_status or ""
    return status == "OK" or status.startswith("WARNINGS")


def _read_log(
    operation: Operation, gateway: ClusterGateway, upid: Upid, start: int | None = None
) -> list[LogLine]:
    log = gateway.task_log(upid, operation.log_lines_seen if start is None else start)
    if log.total == 1 and [line.text for line in log.lines] == ["no content"]:
        return []  # Proxmox's words for an empty log, which is still to be written
    return [LogLine(operation=operation, n=line.n, text=line.text) for line in log.lines]


def _keep_lines(gained: list[LogLine]) -> None:
    """Kept at once and outside the step's transaction: a line that is written twice is ignored."""
    LogLine.objects.bulk_create(gained, ignore_conflicts=True)


def progress_of(operation: Operation, gained: list[LogLine]) -> MigrationProgress:
    """The progress after all that was kept of the log, and what it has gained now."""
    kept = operation.log_lines.order_by("n").values_list("text", flat=True)
    so_far = MigrationProgress(expected_disk_bytes=operation.memo.get("disk_bytes", 0))
    return so_far.after([*kept, *(line.text for line in gained)])


def _figures(progress: MigrationProgress) -> dict[str, Any]:
    """What pages show of the progress; the percent reaches 100 only with the guest's arrival."""
    percent = progress.percent
    return {
        "percent": None if percent is None else min(99.0, round(percent, 1)),
        "transferred_bytes": progress.transferred_bytes,
        "total_bytes": progress.total_bytes,
        "rate": progress.rate,
        "dirty_rate": progress.memory.dirty_rate if progress.memory else None,
        "eta_seconds": _remaining(progress),
        "downtime_ms": progress.downtime_ms,
    }


def _remaining(progress: MigrationProgress) -> float | None:
    """Seconds until the rest is over, slowed down by what the guest changes meanwhile; None while
    it changes more than the link carries. The log's rate is on the wall's clock in a lab, too."""
    seconds = progress.eta_seconds
    memory = progress.memory
    if seconds is None:
        return None
    if memory is not None and memory.dirty_rate and progress.rate:
        net = progress.rate - memory.dirty_rate
        if net <= 0:
            return None
        seconds *= progress.rate / net
    return round(seconds, 1)


def _kept(work: Work, progress: MigrationProgress, gained: list[LogLine]) -> dict[str, Any]:
    phase = progress.phase.value if progress.phase else None
    seen = max((line.n for line in gained), default=work.operation.log_lines_seen)
    return {"log_lines_seen": seen, "memo": work.memo(phase=phase)}


def _phase_notes(operation: Operation, progress: MigrationProgress) -> list[Note]:
    notes = []
    phase = progress.phase.value if progress.phase else None
    if phase is not None and phase != operation.memo.get("phase"):
        notes.append(noted("phase", phase=phase))
    if progress.downtime_ms is not None and operation.downtime_ms is None:
        notes.append(noted("switched_over", downtime_ms=progress.downtime_ms))
    return notes
