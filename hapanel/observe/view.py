"""How one node sees the cluster, which in a partition is not how the others see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from hapanel.ha.quorum import judge_quorate
from hapanel.ports.cluster import HaStatus, Membership


@dataclass(frozen=True)
class View:
    """How one node sees the cluster: whether it has quorum, and which nodes it sees."""

    node: str
    address: str
    quorate: bool | None
    sees: tuple[str, ...]
    at: datetime

    def as_record(self) -> dict[str, object]:
        """As Cluster.other_views holds it."""
        return {
            "node": self.node,
            "address": self.address,
            "quorate": self.quorate,
            "sees": list(self.sees),
            "at": self.at.isoformat(),
        }


def view_of(address: str, membership: Membership, ha: HaStatus) -> View:
    """What a node said of the cluster and its quorum."""
    return View(
        node=membership.local_node or "",
        address=address,
        quorate=judge_quorate(membership, ha),
        sees=tuple(sorted(node.name for node in membership.nodes if node.online)),
        at=datetime.now(UTC),
    )
