"""Links between nodes: what may be cut or slowed down."""

from dataclasses import dataclass
from enum import StrEnum

MBIT_IN_BYTES = 1_000_000 / 8
DEFAULT_MBIT = 1000.0


class Network(StrEnum):
    """Cluster carries corosync, replication carries DRBD and migrations."""

    CLUSTER = "cluster"
    REPLICATION = "replication"


@dataclass
class Link:
    """One network between two nodes."""

    mbit: float = DEFAULT_MBIT
    is_cut: bool = False
    users: int = 0

    def bytes_per_second(self) -> float:
        """What one of its present users gets; 0 when cut."""
        return 0.0 if self.is_cut else self.mbit * MBIT_IN_BYTES / max(1, self.users)


class Links:
    """All links; one that nobody touched is whole and has DEFAULT_MBIT."""

    def __init__(self) -> None:
        self._links: dict[tuple[frozenset[str], Network], Link] = {}

    def between(self, one: str, other: str, network: Network) -> Link:
        """The link of two nodes, in either order."""
        return self._links.setdefault((frozenset((one, other)), network), Link())

    def as_list(self) -> list[dict[str, object]]:
        """For `ctl status`: the links somebody touched or used."""
        return [
            {
                "nodes": sorted(pair),
                "network": network.value,
                "mbit": link.mbit,
                "cut": link.is_cut,
            }
            for (pair, network), link in self._links.items()
        ]
