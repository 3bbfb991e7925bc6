"""Locks of pmxcfs: who may take over what a lost node held, and when. Pure but for the clock.

A lock frees itself 120 s after it was last seen to change, counted by the pmxcfs of the member
with the lowest node id; one that has just booted counts from zero. Its holder gets it back at
once while it is younger than that, unless it rebooted in between. Both are recorded.
"""

from hapanel.lab.ha.model import Lock
from hapanel.lab.membership import Membership
from hapanel.lab.world import World

LIFETIME_SECONDS = 120.0


class Locks:
    """Judges locks for nodes that have quorum."""

    def __init__(self, world: World, membership: Membership) -> None:
        self._world = world
        self._membership = membership

    def renew(self, lock: Lock, node: str) -> bool:
        """`node` takes or keeps the lock if it may; whether it holds it now."""
        if not self._membership.is_quorate(node):
            return False
        if not (lock.holder is None or self._is_still_of(lock, node) or self.is_free(lock, node)):
            return False
        lock.holder, lock.renewed_at = node, self._world.now()
        return True

    def _is_still_of(self, lock: Lock, node: str) -> bool:
        rebooted = self._world.nodes[node].booted_at > lock.renewed_at
        return lock.holder == node and not rebooted and not self._is_old(lock.renewed_at)

    def is_free(self, lock: Lock, viewer: str) -> bool:
        """Whether the lock has expired for the viewer's side of the cluster."""
        nodes = self._world.nodes
        members = [nodes[name] for name in self._membership.seen[viewer]]
        counter = min(members, key=lambda node: node.node_id, default=None)
        if counter is None:
            return False
        return self._is_old(max(lock.renewed_at, counter.booted_at))

    def _is_old(self, since: float) -> bool:
        return self._world.now() - since > self._world.clock.shortened(LIFETIME_SECONDS)
