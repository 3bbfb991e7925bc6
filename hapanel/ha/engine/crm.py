"""A node's cluster resource manager: who is the master, and when nobody needs one.

Losing the manager lock does not reset a node: the CRM then closes its watchdog on purpose, since
it runs no guests itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine import locks, master
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import CrmChanged, FileSystemTrouble
from hapanel.ha.engine.words import CrmState, DisarmState, NodeState
from hapanel.ha.engine.world import Memory


class Candidate:
    """One iteration of one CRM. `run` says whether the daemon exits."""

    def __init__(self, draft: Draft, node: str) -> None:
        self.draft = draft
        self.node = node
        self.crm = draft.crms[node]

    def run(self) -> bool:
        """Change state, then work."""
        _NEXT[self.crm.state](self)
        exits = _WORK[self.crm.state](self)
        if exits:
            self.draft.put_crm(self.node, None)
            self._note(self.crm.state, None)
        else:
            self.draft.put_crm(self.node, replace(self.crm, due=self.draft.now + self._rest()))
        return exits

    def _rest(self) -> float:
        profile = self.draft.profile
        if self.crm.state is CrmState.MASTER:
            return profile.master_round
        return profile.slave_retry if self.crm.state is CrmState.SLAVE else profile.waiting

    # what it knows

    def _is_healthy(self) -> bool:
        """Quorate, the file system is in order, and this node has nothing to be fenced for."""
        machine = self.draft.machines[self.node]
        if not machine.can_write:
            self.draft.emit(FileSystemTrouble(at=self.draft.now, node=self.node, daemon="crm"))
            return False
        return (
            self.draft.is_quorate_on(self.node)
            and machine.can_update
            and not self.draft.is_to_be_fenced(self.node)
        )

    def _has_work(self) -> bool:
        return bool(self.draft.guests) or self._has_leftovers()

    def _has_leftovers(self) -> bool:
        """Without HA resources a master is still needed for what the last one did not finish."""
        draft, last = self.draft, self.draft.master
        states = draft.node_states
        if last not in (None, self.node) and states.get(last or "") is NodeState.ONLINE:
            return False
        stale = any(
            state is NodeState.MAINTENANCE and node not in draft.maintenance_requests
            for node, state in states.items()
        )
        return stale or bool(draft.commands or draft.services) or draft.disarm is not None

    def _may_be_idle(self) -> bool:
        draft = self.draft
        needless = not (draft.guests or draft.services) and draft.disarm is None
        return needless and self._is_healthy()

    # lock and watchdog

    def _take_lock(self) -> bool:
        if not locks.take(self.draft, locks.MANAGER, self.node):
            return False
        disarm = self.draft.disarm
        unarmed = disarm is not None and disarm.state is DisarmState.DISARMED
        self.crm = replace(self.crm, watchdog=None if unarmed else self.draft.now)
        return True

    def _become(self, state: CrmState) -> None:
        old = self.crm.state
        if old is state:
            return
        memory = Memory() if state is CrmState.MASTER else None
        self.crm = replace(self.crm, state=state, memory=memory)
        self._note(old, state)

    def _note(self, old: CrmState, new: CrmState | None) -> None:
        self.draft.emit(CrmChanged(at=self.draft.now, node=self.node, old=old, new=new))

    # changes of state

    def from_waiting(self) -> None:
        """Become master or slave as soon as there is something to be one for."""
        if self._is_healthy() and self._has_work():
            self._become(CrmState.MASTER if self._take_lock() else CrmState.SLAVE)

    def from_slave(self) -> None:
        """Step in when the master's lock has died."""
        if not (self._is_healthy() and self._has_work()):
            self._become(CrmState.WAIT_FOR_QUORUM)
        elif self._take_lock():
            self._become(CrmState.MASTER)

    def from_lost(self) -> None:
        """Go on when the lock comes back."""
        if self._is_healthy() and self._take_lock():
            self._become(CrmState.MASTER)

    def from_master(self) -> None:
        """Keep the lock, unless there has been nothing to do for long."""
        if not self._take_lock():
            self._become(CrmState.LOST_MANAGER_LOCK)
            return
        idle = self.crm.idle_rounds + 1 if self._may_be_idle() else 0
        if idle > self.draft.profile.crm_idle_rounds:
            locks.release(self.draft, locks.MANAGER, self.node)
            self.crm = replace(self.crm, watchdog=None, idle_rounds=0)
            self._become(CrmState.WAIT_FOR_QUORUM)
        else:
            self.crm = replace(self.crm, idle_rounds=idle)

    # work

    def wait(self) -> bool:
        """Nothing to do."""
        return self.crm.wants_exit

    def give_up(self) -> bool:
        """Close the watchdog: the manager status is not touched any more."""
        self.crm = replace(self.crm, watchdog=None)
        if not self.crm.wants_exit:
            self._become(CrmState.WAIT_FOR_QUORUM)
        return self.crm.wants_exit

    def manage(self) -> bool:
        """Do the master's round, or hand the office over."""
        if self.crm.wants_exit:
            locks.release(self.draft, locks.MANAGER, self.node)
            return True
        if not self.draft.machines[self.node].can_update:
            self.draft.emit(FileSystemTrouble(at=self.draft.now, node=self.node, daemon="crm"))
            return False
        memory = master.manage(self.draft, self.node, self.crm.memory or Memory())
        self.crm = replace(self.crm, memory=memory)
        disarm = self.draft.disarm
        if disarm is not None and disarm.state is DisarmState.DISARMED:
            self.crm = replace(self.crm, watchdog=None)
        return False


_NEXT = {
    CrmState.WAIT_FOR_QUORUM: Candidate.from_waiting,
    CrmState.SLAVE: Candidate.from_slave,
    CrmState.MASTER: Candidate.from_master,
    CrmState.LOST_MANAGER_LOCK: Candidate.from_lost,
}

_WORK = {
    CrmState.WAIT_FOR_QUORUM: Candidate.wait,
    CrmState.SLAVE: Candidate.wait,
    CrmState.MASTER: Candidate.manage,
    CrmState.LOST_MANAGER_LOCK: Candidate.give_up,
}
