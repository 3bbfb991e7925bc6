"""What a worker does to nodes over ssh when an operation asks for it: look now, give one order.

An order is one line that deploy/hapanel-node-command permits (see hapanel.drbd.orders).
"""

from __future__ import annotations

from typing import Protocol

from hapanel.ports.node_shell import LvmReport, OrderAnswer
from hapanel.ports.replication import NodeReplication


class NodeHands(Protocol):
    """The nodes of one cluster over ssh. Methods block, none longer than a connection and a command
    may take, and no order is ever repeated here."""

    def look(self) -> tuple[NodeReplication, ...]:
        """Each node's DRBD state, asked for now; a node that does not answer says why."""
        ...

    def lvm(self, node: str) -> LvmReport:
        """The node's volume groups, asked for now. Raises ClusterError."""
        ...

    def order(self, node: str, line: str) -> OrderAnswer:
        """Send one order. Raises ClusterError; with `may_have_happened` when it left and no answer
        came, so that the state has to be read before anybody decides."""
        ...
