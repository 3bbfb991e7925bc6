"""The cluster as its API sees it: the world, its membership, its HA manager, its tickets."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from hapanel.lab.auth.tickets import Tickets
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.ha.wording import HaWording
from hapanel.lab.hardware import Hardware
from hapanel.lab.membership import Membership
from hapanel.lab.world import World


@dataclass
class Cluster:
    """What a handler may use.

    `packed_rows` keeps, while there are many guests, the text of each one's row beside what it was
    made of: reports change every ten seconds, lists are read every second. `calls` counts the
    requests that each node has read.
    """

    world: World
    membership: Membership
    ha: HaManager
    hardware: Hardware
    tickets: Tickets = field(default_factory=Tickets)
    calls: Counter[str] = field(default_factory=Counter)
    packed_rows: dict[int, tuple[object, msgspec.Raw]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ha_wording = HaWording(self.world, self.membership, self.ha)
