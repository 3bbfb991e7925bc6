"""The watchdog: a node that cannot renew its agent lock resets itself before others take over.

Here it bites only while another side has quorum, since only then could anybody start them.
"""

from collections.abc import Callable

from hapanel.lab.ha.lrm import ACTIVE
from hapanel.lab.ha.model import HaState
from hapanel.lab.membership import Membership
from hapanel.lab.world import Node, World

RESET_AFTER_SECONDS = 60.0


class Watchdog:
    """The watchdogs of all nodes; `reset` is what they do."""

    def __init__(
        self,
        world: World,
        membership: Membership,
        state: HaState,
        reset: Callable[[Node], None],
    ) -> None:
        self._world = world
        self._membership = membership
        self._state = state
        self._reset = reset

    def round(self) -> None:
        """Resets the nodes whose time is up."""
        if not self._membership.quorate_nodes():
            return
        for node in list(self._world.nodes.values()):
            if node.is_on and self._is_due(node):
                self._reset(node)

    def _is_due(self, node: Node) -> bool:
        lrm = self._state.lrms[node.name]
        guards = lrm.state == ACTIVE and lrm.lock.renewed_at > node.booted_at
        if not guards or self._membership.is_quorate(node.name):
            return False
        silence = self._world.now() - lrm.lock.renewed_at
        return silence > self._world.clock.shortened(RESET_AFTER_SECONDS)
