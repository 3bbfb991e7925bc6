"""What people wrote for the HA manager: resources.cfg and rules.cfg."""

from collections.abc import Callable
from dataclasses import dataclass

from hapanel.ha.engine.words import Requested
from hapanel.lab.ha.rules import Rules

DEFAULT_ATTEMPTS = 1


@dataclass
class Resource:
    """One entry of resources.cfg; None is what is not written there."""

    sid: str
    state: Requested = Requested.STARTED
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    comment: str | None = None

    @property
    def vmid(self) -> int:
        """The guest's number."""
        return int(self.sid.partition(":")[2])

    @property
    def type(self) -> str:
        """`vm` or `ct`."""
        return self.sid.partition(":")[0]

    @property
    def restarts(self) -> int:
        """How often a failed start is tried again."""
        return DEFAULT_ATTEMPTS if self.max_restart is None else self.max_restart

    @property
    def relocations(self) -> int:
        """How many other nodes are tried then."""
        return DEFAULT_ATTEMPTS if self.max_relocate is None else self.max_relocate

    @property
    def fails_back(self) -> bool:
        """Whether it moves back to a better node."""
        return True if self.failback is None else self.failback


class Configuration:
    """Resources by sid, in the order in which they were made, and the rules over them.

    `on_change` hears of every resource that is written or removed.
    """

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.rules = Rules()
        self.on_change: Callable[[], None] = lambda: None

    def write(self, resource: Resource) -> None:
        """Adds a resource, or keeps what was changed in it."""
        self.resources[resource.sid] = resource
        self.on_change()

    def remove(self, sid: str, *, purge: bool) -> None:
        """Takes a resource out; `purge` takes it out of all rules, too."""
        del self.resources[sid]
        if purge:
            self.rules.forget_resource(sid)
        self.on_change()
