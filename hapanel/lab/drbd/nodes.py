"""Every resource on every node, and who sees whom: what all commands to the kernel stand on."""

import random
import time
from collections.abc import Callable, Iterator

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.links import LinkRules
from hapanel.lab.drbd.side import (
    Conn,
    Connection,
    PeerDevice,
    Repl,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import DrbdSpec, ResourceSpec, Version
from hapanel.lab.drbd.syncs import Bond


class Nodes:
    """All resources on all nodes. Sizes in KiB, seconds of the real thing."""

    def __init__(
        self,
        spec: DrbdSpec,
        addresses: dict[str, str],
        rate: Callable[[str, str], float],
        chance: random.Random,
    ) -> None:
        self.spec = spec
        self.version = spec.version
        self.sides: dict[tuple[str, str], Side] = {}
        self.on_change: list[Callable[[], None]] = []
        self.wall: Callable[[], float] = time.time
        self.links = LinkRules(chance, rate, self._changed)
        for resource in spec.resources:
            generation = self.links.fresh_generation()
            for number, node in enumerate(resource.nodes):
                side = _side(resource, node, number, self.version, generation)
                side.addresses = [f"{addresses[n]}:{resource.port}" for n in resource.nodes]
                self.sides[resource.name, node] = side
        self._join_all()

    def _join_all(self) -> None:
        """Every link is connected and every copy current, as long before the lab began."""
        for bond in self.bonds():
            for _, connection, _, _ in bond.ends:
                connection.state = Conn.CONNECTED
                for device in connection.devices:
                    device.repl = Repl.ESTABLISHED
            self.links.mirror(bond.one, bond.other)

    def _changed(self) -> None:
        for watcher in self.on_change:
            watcher()

    def bonds(self) -> Iterator[Bond]:
        """Every link of every resource."""
        for resource in self.spec.resources:
            for number, one in enumerate(resource.nodes):
                for other in resource.nodes[number + 1 :]:
                    yield Bond(self.sides[resource.name, one], self.sides[resource.name, other])

    def sides_on(self, node: str) -> list[Side]:
        """The resources of a node, in the configuration's order, up or not."""
        return [self.sides[r.name, node] for r in self.spec.resources if node in r.nodes]

    def peers_of(self, side: Side) -> list[Side]:
        """The other nodes of its resource."""
        return [self.sides[side.spec.name, peer] for peer in side.connections]

    @property
    def now(self) -> float:
        """Seconds of the real thing since the lab began."""
        return self.links.now

    def seen(self) -> None:
        """Connected ends see each other as they are; everybody who watches is told."""
        for bond in self.bonds():
            self.links.mirror(bond.one, bond.other)
        self._changed()

    def _need_up(self, side: Side) -> None:
        if not side.is_up:
            v84 = self.version is Version.V84
            raise Declined(declined.NO_MINOR if v84 else declined.UNKNOWN_RESOURCE)

    def _connection(self, side: Side, peer: str) -> Connection:
        self._need_up(side)
        return side.connections[peer]


def _side(spec: ResourceSpec, node: str, number: int, version: Version, generation: int) -> Side:
    past = [generation ^ (1 << 50), generation ^ (1 << 51)]
    volumes = [Volume(v, current=generation, history=list(past)) for v in spec.volumes]
    connections = {
        peer: Connection(peer, [PeerDevice(number=n) for n in range(len(volumes))])
        for peer in spec.nodes
        if peer != node
    }
    return Side(node, number, spec, version, volumes, connections)
