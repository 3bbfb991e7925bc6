"""How the master sees the nodes, and how it fences one: by getting the node's agent lock."""

from __future__ import annotations

from collections.abc import Mapping

from hapanel.ha.engine import locks
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import FenceAcknowledged, FenceStarted, NodeChanged
from hapanel.ha.engine.words import LrmMode, NodeState


class NodeView:
    """The node states of the manager status, with the master's memory of who was last seen when."""

    def __init__(self, draft: Draft, master: str, last_seen: Mapping[str, float]) -> None:
        self._draft = draft
        self._master = master
        self.last_seen = dict(last_seen)

    def state(self, node: str) -> NodeState:
        """A node's state; one never heard of is unknown."""
        return self._draft.node_states.get(node, NodeState.UNKNOWN)

    def is_online(self, node: str) -> bool:
        """Whether services may run there."""
        return self._draft.node_states.get(node) is NodeState.ONLINE

    def is_operational(self, node: str) -> bool:
        """Whether it is a member at work, if only to move its services away."""
        return self.state(node) in (NodeState.ONLINE, NodeState.MAINTENANCE)

    def online(self) -> frozenset[str]:
        """All nodes on which services may run."""
        states = self._draft.node_states
        return frozenset(node for node, state in states.items() if state is NodeState.ONLINE)

    def is_offline_long_enough(self, node: str, delay: float | None = None) -> bool:
        """Not online, and so long unseen that it may be fenced.

        A master that never saw the node starts to count when it first asks.
        """
        if self.is_online(node):
            return False
        seen = self.last_seen.setdefault(node, self._draft.now)
        wait = self._draft.profile.fence_delay if delay is None else delay
        return self._draft.now - seen >= wait

    def _set(self, node: str, state: NodeState) -> None:
        old = self.state(node)
        if old is not state:
            self._draft.node_states[node] = state
            self._draft.emit(
                NodeChanged(at=self._draft.now, node=node, old=old, new=state, seen_by=self._master)
            )

    def update(self, modes: Mapping[str, LrmMode]) -> None:
        """Take in the membership and what the LRMs tell."""
        online = self._draft.members().online
        for node in sorted(self._draft.machines):
            if node in online:
                self.last_seen[node] = self._draft.now
                self._update_member(node, modes.get(node))
        for node in sorted(self._draft.node_states):
            if node not in online:
                self._update_missing(node, modes.get(node))

    def _update_member(self, node: str, mode: LrmMode | None) -> None:
        state = self.state(node)
        if state is NodeState.ONLINE and mode is LrmMode.MAINTENANCE:
            self._set(node, NodeState.MAINTENANCE)
        elif state in (NodeState.UNKNOWN, NodeState.GONE) or (
            state is NodeState.MAINTENANCE and mode is not LrmMode.MAINTENANCE
        ):
            self._set(node, NodeState.ONLINE)

    def _update_missing(self, node: str, mode: LrmMode | None) -> None:
        state = self.state(node)
        if state is NodeState.ONLINE or (
            state is NodeState.MAINTENANCE and mode is not LrmMode.MAINTENANCE
        ):
            self._set(node, NodeState.UNKNOWN)
        elif state is NodeState.UNKNOWN and node not in self._draft.machines:
            self._set(node, NodeState.GONE)
        elif state is NodeState.GONE and self.is_offline_long_enough(
            node, self._draft.profile.gone_delay
        ):
            del self._draft.node_states[node]
            self.last_seen.pop(node, None)

    def fence(self, node: str) -> bool:
        """Declare a node to be fenced and try to get its lock: whether it is known to be dead."""
        if self.state(node) is not NodeState.FENCE:
            self._set(node, NodeState.FENCE)
            self._draft.emit(FenceStarted(at=self._draft.now, node=node))
        if not locks.take(self._draft, locks.agent(node), self._master):
            return False
        self._draft.emit(FenceAcknowledged(at=self._draft.now, node=node))
        self._set(node, NodeState.UNKNOWN)
        return True
