"""What an LRM's job does to a guest: start, stop, move, and how each can fail.

The engine carries jobs out itself for the simulator and forecasts; with `Jobs.REPORTED` somebody
else does the work and only the effect is entered here.
"""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import GuestMoved, GuestStarted, GuestStopped, JobFailed
from hapanel.ha.engine.profile import Jobs
from hapanel.ha.engine.words import MOVING, JobResult, ServiceState
from hapanel.ha.engine.world import Guest, Job

_STOPPING = frozenset({ServiceState.REQUEST_STOP, ServiceState.STOPPED})


def without_work(draft: Draft, node: str, job: Job) -> JobResult | None:
    """The result of a job for which nothing has to be done, None when there is something."""
    guest = draft.guests.get(job.sid)
    if guest is None:
        return JobResult.NO_CONFIGURATION
    if job.state is ServiceState.ERROR:
        return JobResult.OK
    if guest.node != node:
        return JobResult.WRONG_NODE
    runs = draft.is_running(node, job.sid)
    if job.state is ServiceState.STARTED:
        return JobResult.OK if runs else None
    if job.state in _STOPPING:
        return None if runs else JobResult.OK
    if job.state in MOVING:
        return _move_without_work(job, node, runs)
    return JobResult.FAILED


def _move_without_work(job: Job, node: str, runs: bool) -> JobResult | None:
    if job.state is ServiceState.REQUEST_START_BALANCE and runs:
        return JobResult.IGNORED
    if job.target is None:
        return JobResult.FAILED
    return JobResult.OK if job.target == node else None


def seconds(draft: Draft, job: Job) -> float:
    """How long the job takes when the engine does it."""
    durations = draft.profile.durations
    if job.state is ServiceState.STARTED:
        return durations.start
    return durations.move if job.state in MOVING else durations.stop


def carry_out(draft: Draft, node: str, job: Job) -> JobResult:
    """Do the job: its effect on the guest, or a failure with its reason as an event."""
    guest = draft.guests.get(job.sid)
    if guest is None:
        return JobResult.NO_CONFIGURATION
    reason = _obstacle(draft, node, job, guest)
    if reason:
        draft.emit(JobFailed(at=draft.now, node=node, sid=job.sid, state=job.state, reason=reason))
        return JobResult.FAILED
    enter_success(draft, node, job, guest)
    return JobResult.OK


def _obstacle(draft: Draft, node: str, job: Job, guest: Guest) -> str:
    """Why the job fails, or nothing."""
    if job.state in _STOPPING:
        if guest.faults.cannot_stop:
            return "does not stop"
    elif _fails_again(draft, node, job, guest):
        return "fails"
    elif job.state in MOVING and _is_away(draft, job.target):
        return f"{job.target} is away"
    return f"locked ({guest.lock})" if guest.lock else ""


def _is_away(draft: Draft, target: str | None) -> bool:
    """Whether a move has nowhere to go. The simulator moves to dead nodes, too."""
    machine = draft.machines.get(target or "")
    return draft.profile.jobs is not Jobs.INLINE and not (machine and machine.is_up)


def _fails_again(draft: Draft, node: str, job: Job, guest: Guest) -> bool:
    """Whether a misbehaving guest has not failed often enough yet; counts the attempt."""
    verb, limit = (
        ("start", guest.faults.starts)
        if job.state is ServiceState.STARTED
        else ("move", guest.faults.moves)
    )
    key = (guest.sid, verb)
    if limit and guest.faults.only_on in (None, node):
        draft.tries[key] = draft.tries.get(key, 0) + 1
        if draft.tries[key] <= limit:
            return True
    draft.tries.pop(key, None)
    return False


def enter_success(draft: Draft, node: str, job: Job, guest: Guest) -> None:
    """The effect of a job that went well."""
    if job.state is ServiceState.STARTED:
        draft.set_running(node, job.sid, True)
        draft.emit(GuestStarted(at=draft.now, node=node, sid=job.sid))
    elif job.state in _STOPPING:
        draft.set_running(node, job.sid, False)
        draft.emit(GuestStopped(at=draft.now, node=node, sid=job.sid))
    elif job.target is not None:
        _move(draft, node, job.target, job, guest)


def _move(draft: Draft, node: str, target: str, job: Job, guest: Guest) -> None:
    """Containers and relocations stop on the way; the simulator forgets that a VM runs on."""
    runs = draft.is_running(node, job.sid)
    live = runs and job.state is ServiceState.MIGRATE and guest.kind != "ct"
    draft.guests[job.sid] = replace(guest, node=target)
    if runs:
        draft.set_running(node, job.sid, False)
        if not live:
            draft.emit(GuestStopped(at=draft.now, node=node, sid=job.sid))
        elif draft.profile.jobs is not Jobs.INLINE:
            draft.set_running(target, job.sid, True)
    draft.emit(GuestMoved(at=draft.now, node=node, sid=job.sid, target=target, live=live))
