"""Which cluster it is that answers: an address may lead to another one from one day to the next.

A name server's entry is changed, an address is given to another machine, a node is taken out and
joins another cluster: the certificate may still be good, guests may have the same numbers, and a
migration asked for here would move somebody else's guest there.
"""

from __future__ import annotations

import threading

from hapanel.ports.cluster import Membership
from hapanel.ports.errors import OtherCluster


class Identity:
    """What is known of the cluster: its name, and the nodes that were its members lately."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._nodes: frozenset[str] = frozenset()
        self._vouched: dict[str, int] = {}
        self._lock = threading.Lock()

    def is_vouched(self, url: str, opened: int) -> bool:
        """Whether somebody looked who answers at `url` since its connection number `opened`."""
        return self.name is None or self._vouched.get(url) == opened

    def vouch(self, url: str, opened: int) -> None:
        """Trust what comes over this connection, the `opened`th to `url`."""
        self._vouched[url] = opened

    def check(self, seen: Membership, url: str) -> None:
        """Raises OtherCluster unless `seen` is this cluster.

        It is another one when it has another name, or not one node in common with what was seen
        before (many clusters are called the same).
        """
        names = frozenset(node.name for node in seen.nodes)
        with self._lock:
            if self.name is not None:
                other_name = seen.cluster_name != self.name
                if other_name or (self._nodes and not self._nodes & names):
                    shown = seen.cluster_name or ", ".join(sorted(names))
                    raise OtherCluster(
                        f"{shown} answers there, which is not {self.name}", address=url
                    )
            self._nodes = names
