"""Who belongs to which node, looked up in one go for all nodes: reports ask for it all the time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hapanel.lab.world import Guest


@dataclass
class Crew:
    """Guests of one node: whose configuration lies there, and who really runs there."""

    configured: list["Guest"] = field(default_factory=list)
    running: list["Guest"] = field(default_factory=list)


class Crews:
    """The crews of all nodes, made again after each change that somebody told of, and when there
    are more or fewer guests.
    """

    def __init__(self, nodes: Collection[str], guests: Mapping[int, "Guest"]) -> None:
        self._nodes = nodes
        self._guests = guests
        self._known: dict[str, Crew] = {}
        self._counted = 0

    def forget(self) -> None:
        """Somebody came, went or moved."""
        self._known.clear()

    def of(self, node: str) -> Crew:
        """Who belongs to a node."""
        if self._counted != len(self._guests) or not self._known:
            self._known = {name: Crew() for name in self._nodes}
            self._counted = len(self._guests)
            for guest in self._guests.values():
                self._known[guest.node].configured.append(guest)
                if guest.runs_on is not None:
                    self._known[guest.runs_on].running.append(guest)
        return self._known[node]
