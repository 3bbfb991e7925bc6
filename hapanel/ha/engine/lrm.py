"""A node's local resource manager: its states, its lock and watchdog, its way out.

An active LRM holds the agent lock and a watchdog client, which it feeds whenever it renews the
lock. One that loses the lock cannot feed it any more, and the node resets.
"""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine import locks
from hapanel.ha.engine.agent_jobs import Queue
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import FileSystemTrouble, LrmChanged, LrmTold
from hapanel.ha.engine.words import (
    MOVING,
    JobResult,
    LrmMode,
    LrmState,
    NodeState,
    ServiceState,
)
from hapanel.ha.engine.world import Job, Lrm, LrmStatus

_PASSIVE = frozenset(
    {ServiceState.STOPPED, ServiceState.FREEZE, ServiceState.ERROR, ServiceState.REQUEST_START}
)
_GIVE_UP_AFTER = 90.0


class Agent:
    """One iteration of one LRM. `run` says whether the daemon exits."""

    def __init__(self, draft: Draft, node: str) -> None:
        self.draft = draft
        self.node = node
        self.lrm = draft.lrms[node]
        self.seen = dict(self.lrm.seen)
        self.queue = Queue(draft, node, self.lrm)

    def run(self) -> bool:
        """Read, change state, work, write."""
        self._read()
        self._follow_requests()
        _NEXT[self.lrm.state](self)
        exits = _WORK[self.lrm.state](self)
        if exits:
            self.draft.put_lrm(self.node, None)
            self._note(self.lrm.state, None)
        else:
            self._save(self.draft.now + self._rest())
        return exits

    def finish_jobs(self) -> None:
        """Take in the jobs that are done now, start more, and tell the master when all are."""
        self.queue.run(self.seen)
        if not any(job.is_running for job in self.queue.jobs.values()):
            self._write()
        self._save(self.lrm.due)

    def report(self, job: Job, result: JobResult) -> None:
        """Take in how a job ended that somebody else did."""
        self.queue.report(job, result, self.seen)
        self.finish_jobs()

    def _save(self, due: float) -> None:
        self.draft.put_lrm(self.node, replace(self.queue.close(self.lrm), seen=self.seen, due=due))

    def _rest(self) -> float:
        profile = self.draft.profile
        if self.lrm.state is LrmState.ACTIVE:
            return profile.lrm_active
        return profile.lrm_maintenance if self._is(LrmState.MAINTENANCE) else profile.waiting

    def _is(self, state: LrmState) -> bool:
        return self.lrm.state is state

    # what it reads

    def _can_read(self) -> bool:
        return self.draft.machines[self.node].can_write

    def _read(self) -> bool:
        """Read the manager status; without it what was read last still holds."""
        if not self._can_read():
            self.draft.emit(FileSystemTrouble(at=self.draft.now, node=self.node, daemon="lrm"))
            return False
        self.seen = dict(self.draft.services_of(self.node))
        state = self.draft.node_states.get(self.node, NodeState.UNKNOWN)
        self.lrm = replace(self.lrm, node_state=state)
        return True

    def _follow_requests(self) -> None:
        """Tell maintenance for as long as it is asked for; an orderly shutdown has its own mode."""
        if self.lrm.wants_exit or not self._can_read():
            return
        if self.node in self.draft.maintenance_requests:
            self._tell(LrmMode.MAINTENANCE)
        elif self.draft.disarm is None or self.lrm.mode is not LrmMode.DISARM:
            self._tell(LrmMode.ACTIVE)

    def _tell(self, mode: LrmMode) -> None:
        if self.lrm.mode is not mode:
            self.lrm = replace(self.lrm, mode=mode)
            self.draft.emit(LrmTold(at=self.draft.now, node=self.node, mode=mode))

    def active_services(self) -> int:
        """How many services make it need the lock: here or on the way here, not at rest."""
        return sum(service.state not in _PASSIVE for service in self.seen.values())

    def _is_to_be_fenced(self) -> bool:
        return self.lrm.node_state is NodeState.FENCE or any(
            service.state is ServiceState.FENCE and service.node == self.node
            for service in self.seen.values()
        )

    # lock and watchdog

    def _take_lock(self) -> bool:
        if not locks.take(self.draft, locks.agent(self.node), self.node):
            return False
        self.lrm = replace(self.lrm, watchdog=self.draft.now)
        return True

    def _give_up(self) -> None:
        """Close the watchdog and release the lock: nothing here needs protection any more."""
        self.lrm = replace(self.lrm, watchdog=None)
        locks.release(self.draft, locks.agent(self.node), self.node)

    def _become(self, state: LrmState) -> None:
        old = self.lrm.state
        if old is state:
            return
        self.lrm = replace(self.lrm, state=state, since=self.draft.now)
        self._note(old, state)

    def _note(self, old: LrmState, new: LrmState | None) -> None:
        self.draft.emit(LrmChanged(at=self.draft.now, node=self.node, old=old, new=new))

    # changes of state

    def from_waiting(self) -> None:
        """Take the lock when there is something to do."""
        if self.draft.disarm is not None:
            if self.lrm.mode is LrmMode.ACTIVE:
                self._tell(LrmMode.DISARM)
            return
        if not self._is_to_be_fenced() and self.active_services() and self._take_lock():
            self._become(LrmState.ACTIVE)

    def from_lost(self) -> None:
        """Get the lock back before the watchdog bites."""
        if not self._is_to_be_fenced() and self._take_lock():
            self._become(LrmState.ACTIVE)

    def from_active(self) -> None:
        """Keep the lock, or follow a request to go passive."""
        if self._is_to_be_fenced() or not self._take_lock():
            self._become(LrmState.LOST_AGENT_LOCK)
        elif self._may_disarm():
            self._give_up()
            self._become(LrmState.WAIT_FOR_AGENT_LOCK)
            if self.lrm.mode is LrmMode.ACTIVE:
                self._tell(LrmMode.DISARM)
        elif self.lrm.mode is LrmMode.MAINTENANCE:
            self._become(LrmState.MAINTENANCE)
        else:
            self._count_idle_rounds()

    def _may_disarm(self) -> bool:
        """Disarming waits for work under way and for moves that this node has to make."""
        if self.draft.disarm is None or self.lrm.wants_exit or not self._can_read():
            return False
        leaving = any(s.state in MOVING and s.node == self.node for s in self.seen.values())
        return not leaving and not self.queue.run(self.seen)

    def _count_idle_rounds(self) -> None:
        has_any = any(service.node == self.node for service in self.seen.values())
        if has_any or self.queue.run(self.seen):
            self.lrm = replace(self.lrm, idle_rounds=0)
            return
        self.lrm = replace(self.lrm, idle_rounds=self.lrm.idle_rounds + 1)
        if self.lrm.idle_rounds > self.draft.profile.lrm_idle_rounds:
            self._give_up()
            self._become(LrmState.WAIT_FOR_AGENT_LOCK)
            self.lrm = replace(self.lrm, idle_rounds=0)

    def from_maintenance(self) -> None:
        """Keep the lock until the last service has left, then let go of it."""
        if self._is_to_be_fenced():
            self._become(LrmState.LOST_AGENT_LOCK)
        elif self._may_disarm():
            self._give_up()
        elif self.active_services() or self.queue.run(self.seen):
            if not self._take_lock():
                self._become(LrmState.LOST_AGENT_LOCK)
        elif self.lrm.mode is LrmMode.MAINTENANCE:
            self._give_up()
        elif self._take_lock():
            self._become(LrmState.ACTIVE)

    # work

    def wait(self) -> bool:
        """Nothing to do but to tell how things are."""
        if self.lrm.wants_exit:
            return True
        self._write()
        return False

    def work_active(self) -> bool:
        """Do what the master asks, or finish and leave."""
        exits = False
        if self._read():
            if self.lrm.wants_exit:
                exits = self._leave()
            elif self.draft.machines[self.node].can_update:
                self.queue.add_services(self.seen)
                self.queue.run(self.seen)
            else:
                self.draft.emit(FileSystemTrouble(at=self.draft.now, node=self.node, daemon="lrm"))
        self._write()
        return exits

    def _leave(self) -> bool:
        """Finish what was queued; guests that did not stop keep the lock and the watchdog."""
        left = self.queue.run(self.seen)
        if self.lrm.mode is LrmMode.RESTART:
            if left or self.active_services():
                return False
            self._give_up()
            return True
        if left:
            return False
        if self.queue.stop_errors:
            machine = self.draft.machines[self.node]
            self.draft.put_machine(replace(machine, stray_watchdog=self.lrm.watchdog))
        else:
            self._give_up()
        return True

    def work_lost(self) -> bool:
        """Hope for the lock. A shutdown waits for the watchdog while services run."""
        if not self.lrm.wants_exit:
            return False
        if not self.active_services():
            self.lrm = replace(self.lrm, watchdog=None)
            return True
        waited = self.draft.now - self.lrm.since
        return self.lrm.mode is LrmMode.RESTART and waited > _GIVE_UP_AFTER

    def work_maintenance(self) -> bool:
        """Move everything away, and leave when that was for a shutdown."""
        if not self._read():
            return False
        exits = False
        if self.lrm.wants_exit and not self.active_services() and not self.queue.run(self.seen):
            self._give_up()
            exits = True
        else:
            self.queue.add_services(self.seen)
            self.queue.run(self.seen)
        self._write()
        return exits

    def _write(self) -> bool:
        return write_status(
            self.draft, self.node, replace(self.lrm, results=dict(self.queue.results))
        )


def write_status(draft: Draft, node: str, lrm: Lrm) -> bool:
    """Publish an LRM's status for the master: whether that was possible."""
    if not draft.is_quorate_on(node):
        return False
    if not draft.machines[node].can_write:
        draft.emit(FileSystemTrouble(at=draft.now, node=node, daemon="lrm"))
        return False
    draft.lrm_status[node] = LrmStatus(
        state=lrm.state, mode=lrm.mode, results=lrm.results, at=draft.now
    )
    return True


_NEXT = {
    LrmState.WAIT_FOR_AGENT_LOCK: Agent.from_waiting,
    LrmState.LOST_AGENT_LOCK: Agent.from_lost,
    LrmState.ACTIVE: Agent.from_active,
    LrmState.MAINTENANCE: Agent.from_maintenance,
}

_WORK = {
    LrmState.WAIT_FOR_AGENT_LOCK: Agent.wait,
    LrmState.LOST_AGENT_LOCK: Agent.work_lost,
    LrmState.ACTIVE: Agent.work_active,
    LrmState.MAINTENANCE: Agent.work_maintenance,
}
