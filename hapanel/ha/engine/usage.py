"""How much each online node carries, which is what a choice between nodes is made by.

Counters follow every change of a service at once, so each choice within a round sees the earlier
ones. A service that moves counts on both its nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import fsum
from typing import Protocol

import msgspec

from hapanel.ha.engine import topsis
from hapanel.ha.engine.words import MOVING, ServiceState
from hapanel.ha.engine.world import Load, Machine, Service

_NOWHERE = frozenset({ServiceState.STOPPED, ServiceState.REQUEST_START})


def used_nodes(service: Service, online: frozenset[str]) -> tuple[str | None, str | None]:
    """The online nodes that a service uses: where it is, and where it is going."""
    state = service.state
    if state in _NOWHERE:
        return None, None
    here = service.node if service.node in online else None
    if state is ServiceState.REQUEST_START_BALANCE:
        here = None
    there = service.target if state in MOVING and service.target in online else None
    return here, there


def counts_as_running(service: Service, here: str | None) -> bool:
    """Whether its load is in the node's measured figures already."""
    if service.state is ServiceState.STARTED:
        return service.is_running
    return here is not None


class Usage(Protocol):
    """What a scheduler keeps count of."""

    def add(self, sid: str, service: Service) -> None:
        """A service takes its place."""

    def add_bystander(self, name: str, node: str, load: Load) -> None:
        """A running guest outside HA takes its place."""

    def remove(self, sid: str) -> None:
        """A service leaves its place."""

    def scores(self, load: Load) -> Mapping[str, float]:
        """What each online node scores for a guest with that load; lower is better."""


class BasicUsage:
    """Guests counted by node, all the same size.

    fill: counts all guests. It is called when the counters are first needed: in most rounds nobody
    asks for them.
    """

    def __init__(self, online: frozenset[str], fill: Callable[[Usage], None] | None = None) -> None:
        self._online = online
        self._fill = fill
        self._count = dict.fromkeys(online, 0)
        self._places: dict[str, tuple[str, ...]] = {}

    def _count_all(self) -> None:
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)

    def add(self, sid: str, service: Service) -> None:
        self._count_all()
        places = tuple({node for node in used_nodes(service, self._online) if node})
        self._places[sid] = places
        for node in places:
            self._count[node] += 1

    def add_bystander(self, name: str, node: str, load: Load) -> None:
        del name, load
        if node in self._count:
            self._count[node] += 1

    def remove(self, sid: str) -> None:
        self._count_all()
        for node in self._places.pop(sid, ()):
            self._count[node] -= 1

    def scores(self, load: Load) -> Mapping[str, float]:
        del load
        self._count_all()
        return self._count


class NodeLoad(msgspec.Struct, frozen=True):
    """A node's CPU in cores and memory in bytes, used and there."""

    cpu: float
    mem: float
    maxcpu: float
    maxmem: float

    def plus(self, cpu: float, mem: float) -> NodeLoad:
        """With so much more, or less but never below nothing."""
        used = max(0.0, self.cpu + cpu), max(0.0, self.mem + mem)
        return NodeLoad(*used, self.maxcpu, self.maxmem)

    @property
    def fractions(self) -> tuple[float, float]:
        """CPU and memory as fractions of what is there."""
        return self.cpu / self.maxcpu, self.mem / self.maxmem


class SizedUsage:
    """CPU and memory by node, assigned (static) or measured (dynamic).

    measured: what each node uses by measurement; None counts what is assigned instead.
    """

    def __init__(
        self,
        machines: Mapping[str, Machine],
        online: frozenset[str],
        loads: Mapping[str, Load],
        measured: Mapping[str, tuple[float, float]] | None,
    ) -> None:
        self._online = online
        self._machines = machines
        self._loads = loads
        self._measured = measured
        self._added: dict[str, dict[str, tuple[float, float]]] = {node: {} for node in online}
        self._places: dict[str, tuple[str | None, str | None]] = {}
        self._totals: dict[str, NodeLoad] = {}

    @property
    def is_measured(self) -> bool:
        """Whether it goes by measurement."""
        return self._measured is not None

    def add(self, sid: str, service: Service) -> None:
        here, there = used_nodes(service, self._online)
        self._places[sid] = (here, there)
        if self._measured is not None and counts_as_running(service, here):
            return
        load = self._loads.get(sid, Load())
        for node in {here, there}:
            if node is not None:
                self._put(node, sid, load)

    def add_bystander(self, name: str, node: str, load: Load) -> None:
        if self._measured is None and node in self._online:
            self._put(node, name, load)

    def _put(self, node: str, name: str, load: Load) -> None:
        cores = load.maxcpu or self._machines[node].maxcpu
        self._added[node][name] = (cores, load.maxmem)
        self._totals.pop(node, None)

    def remove(self, sid: str) -> None:
        for node in self._places.pop(sid, ()):
            if node is not None and sid in self._added[node]:
                del self._added[node][sid]
                self._totals.pop(node, None)

    def place_of(self, sid: str) -> tuple[str | None, str | None]:
        """The online nodes on which a service counts."""
        return self._places.get(sid, (None, None))

    def moved_load(self, sid: str) -> tuple[float, float]:
        """What a running guest takes along when it moves: CPU and memory."""
        load = self._loads.get(sid, Load())
        return (load.cpu, load.mem) if self.is_measured else (load.maxcpu, load.maxmem)

    def nodes(self) -> dict[str, NodeLoad]:
        """The load of each online node, by name."""
        return {node: self._total(node) for node in sorted(self._online)}

    def _total(self, node: str) -> NodeLoad:
        if node not in self._totals:
            parts = [(self._measured or {}).get(node, (0.0, 0.0)), *self._added[node].values()]
            cpu, mem = (fsum(part) for part in zip(*parts, strict=True))
            machine = self._machines[node]
            self._totals[node] = NodeLoad(cpu, mem, machine.maxcpu, machine.maxmem)
        return self._totals[node]

    def scores(self, load: Load) -> Mapping[str, float]:
        nodes = self.nodes()
        loads = {name: node.fractions for name, node in nodes.items()}
        rows = []
        for name, node in nodes.items():
            with_it = node.plus(load.maxcpu or node.maxcpu, load.maxmem).fractions
            rows.append(topsis.row((loads | {name: with_it}).values()))
        return {name: -score for name, score in zip(nodes, topsis.scores(rows), strict=True)}
