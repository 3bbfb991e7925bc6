"""Cluster-wide locks in pmxcfs: one for the master, one for each node's agent.

A lock dies when it was not renewed for 120 s. On a real cluster the pmxcfs of the member with the
lowest node id counts these, from when it first saw the lock, so a node that has just booted counts
from its boot; and the first attempt at a dead lock only makes it give the lock up. A holder that
was cut off gets its own lock back at once within 120 s of its last renewal; later it waits, too.
"""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import LockTaken
from hapanel.ha.engine.world import Lock

MANAGER = "ha_manager_lock"


def agent(node: str) -> str:
    """The name of a node's agent lock."""
    return f"ha_agent_{node}_lock"


def _is_dead(draft: Draft, lock: Lock) -> bool:
    """Whether nobody has renewed it for too long."""
    counted_from = lock.renewed
    if draft.profile.lock_by_process:
        lowest = draft.members().lowest
        if lowest is not None:
            counted_from = max(counted_from, draft.machines[lowest].since)
    return draft.now - counted_from > draft.profile.lock_timeout


def _is_held_by(draft: Draft, lock: Lock, node: str) -> bool:
    if lock.holder != node:
        return False
    return not draft.profile.lock_by_process or lock.boot == draft.machines[node].since


def _is_fresh(draft: Draft, lock: Lock, *, dead: bool) -> bool:
    """Whether its holder may simply go on: a process judges by its own last renewal."""
    if draft.profile.lock_by_process:
        return draft.now - lock.renewed < draft.profile.lock_timeout
    return not dead


def take(draft: Draft, name: str, node: str) -> bool:
    """Take or renew a lock for `node`: whether it has it now. Without quorum nobody has."""
    if not draft.is_quorate_on(node):
        return False
    lock = draft.locks.get(name)
    if lock is not None:
        dead = _is_dead(draft, lock)
        if _is_held_by(draft, lock, node) and _is_fresh(draft, lock, dead=dead):
            draft.locks[name] = replace(lock, renewed=draft.now, unlocking=False)
            return True
        if not dead:
            return False
        if draft.profile.unlock_first and not lock.unlocking:
            draft.locks[name] = replace(lock, unlocking=True)
            return False
    draft.locks[name] = Lock(holder=node, renewed=draft.now, boot=draft.machines[node].since)
    draft.emit(LockTaken(at=draft.now, node=node, lock=name))
    return True


def release(draft: Draft, name: str, node: str) -> None:
    """Give a lock up, so that nobody has to wait until it dies."""
    lock = draft.locks.get(name)
    if lock is None or not draft.is_quorate_on(node):
        return
    if _is_held_by(draft, lock, node) and not _is_dead(draft, lock):
        del draft.locks[name]
