"""What has to fit where when a node dies, and whether it does: memory is hard, CPU is soft."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from hapanel.ha.engine.words import Requested, ServiceState
from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import GuestForecast, Outcome
from hapanel.ha.forecast.reasons import Code, Reason
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, SeenResource, Snapshot
from hapanel.ports.cluster import QDevice

# From so many assigned cores for each of a node's own (its threads) on it is called crowded: twice
# that for each physical core. Guests run there, only slower.
CROWDED = 2.0


class Fit(StrEnum):
    """Whether it fits. TIGHT: yes, but for the CPU."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "no"
    UNKNOWN = "unknown"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A guest of the dead node. node: where the HA manager starts it, None when nowhere.

    reason: why it does not run there, None when it does. memory in bytes, None when not known.
    """

    sid: str
    vmid: int
    name: str
    node: str | None
    memory: int | None
    cores: float
    fit: Fit
    reason: Reason | None = None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is left. used: its memory in use now; arriving: what comes in and fits; bytes.

    assigned: cores of the guests that run there, with those that arrive; maxcpu: its own.
    """

    node: str
    maxmem: int | None
    used: int | None
    arriving: int
    guests: int
    assigned: float
    maxcpu: float | None

    @property
    def free_after(self) -> int | None:
        """Bytes that are left."""
        if self.maxmem is None or self.used is None:
            return None
        return self.maxmem - self.used - self.arriving

    @property
    def share_after(self) -> float | None:
        """The part of its memory in use then."""
        free = self.free_after
        return None if free is None or not self.maxmem else 1.0 - free / self.maxmem

    @property
    def cores_each(self) -> float | None:
        """Assigned cores for each of its own."""
        return self.assigned / self.maxcpu if self.maxcpu else None

    @property
    def is_crowded(self) -> bool:
        """Whether CPU may become short. Only guests that arrive can change that."""
        return bool(self.guests and self.cores_each and self.cores_each > CROWDED)


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """The death of `node`: who arrives where, and the room that is left."""

    node: str
    arrivals: tuple[Arrival, ...]
    rooms: tuple[Room, ...]

    @property
    def fit(self) -> Fit:
        """Whether everything fits."""
        fits = {arrival.fit for arrival in self.arrivals}
        for word in (Fit.NO, Fit.UNKNOWN):
            if word in fits:
                return word
        return Fit.TIGHT if any(room.is_crowded for room in self.rooms) else Fit.FITS

    @property
    def needs(self) -> int:
        """The memory of all that have to be started elsewhere."""
        return sum(arrival.memory or 0 for arrival in self.arrivals)

    @property
    def left_out(self) -> tuple[Arrival, ...]:
        """Those that do not fit."""
        return tuple(arrival for arrival in self.arrivals if arrival.fit is Fit.NO)


class Survey:
    """Answers for one snapshot."""

    def __init__(self, seen: Snapshot) -> None:
        self.seen = granted(seen)
        self._oracle = Oracle(self.seen)
        self._guests = {guest.sid: guest for guest in seen.guests}
        self._assigned: dict[str, float] = {}
        for guest in seen.guests:
            if guest.is_running:
                known = self._assigned.get(guest.node, 0.0)
                self._assigned[guest.node] = known + (guest.maxcpu or 0.0)

    def without(self, node: str) -> Loss:
        """When `node` dies. Raises KeyError for an unknown node."""
        told = self._oracle.forecast(node)
        arrivals = tuple(
            self._arrival(each)
            for each in told.guests
            if each.home == node and each.outcome not in (Outcome.STAYS, Outcome.NOT_MANAGED)
        )
        rooms = tuple(
            self._room(each, arrivals)
            for each in self.seen.nodes
            if each.is_member and each.name != node
        )
        return Loss(node=node, arrivals=arrivals, rooms=rooms)

    def each(self) -> tuple[Loss, ...]:
        """When any one of the nodes that are there dies."""
        return tuple(self.without(node.name) for node in self.seen.nodes if node.is_member)

    def _arrival(self, told: GuestForecast) -> Arrival:
        guest = self._guests[told.sid]
        doubts = {each.code for each in told.unknowns}
        fit, reason = Fit.FITS, None
        if told.outcome is not Outcome.RECOVERS:
            fit = Fit.UNKNOWN if told.outcome is Outcome.UNKNOWN else Fit.NO
            reason = next(iter(told.reasons or told.unknowns), None)
        elif Code.MEMORY_NOT_KNOWN in doubts:
            fit = Fit.UNKNOWN
            reason = next(each for each in told.unknowns if each.code is Code.MEMORY_NOT_KNOWN)
        return Arrival(
            sid=told.sid,
            vmid=told.vmid,
            name=told.name,
            node=told.node,
            memory=guest.maxmem,
            cores=guest.maxcpu or 0.0,
            fit=fit,
            reason=reason,
        )

    def _room(self, node: SeenNode, arrivals: tuple[Arrival, ...]) -> Room:
        here = [a for a in arrivals if a.node == node.name and a.fit is not Fit.NO]
        return Room(
            node=node.name,
            maxmem=node.maxmem,
            used=node.mem,
            arriving=sum(arrival.memory or 0 for arrival in here),
            guests=len(here),
            assigned=self._assigned.get(node.name, 0.0) + sum(arrival.cores for arrival in here),
            maxcpu=node.maxcpu,
        )


def granted(seen: Snapshot) -> Snapshot:
    """The same cluster, quorate whoever dies, armed, and with all its guests at rest."""
    members = [node.name for node in seen.nodes if node.is_member]
    seat = seen.manager_node if seen.manager_node in members else next(iter(members), "")
    busy = {guest.node for guest in seen.guests if guest.managed and guest.is_running}
    nodes = tuple(_granted_node(node, is_busy=node.name in busy) for node in seen.nodes)
    votes = 1 + sum(node.votes or 1 for node in nodes)
    return replace(
        seen,
        nodes=nodes,
        guests=tuple(_granted_guest(guest) for guest in seen.guests),
        qdevice=QDevice(configured=True, connected=True, votes=votes, casts_vote=True),
        quorate=True,
        manager_node=seat,
        manager_state="active",
        armed="armed",
        time_scale=1.0,
    )


def _granted_node(node: SeenNode, *, is_busy: bool) -> SeenNode:
    word = "maintenance" if node.status == "maintenance" else "active" if is_busy else "idle"
    votes = 1 if node.votes is None else node.votes
    return replace(node, votes=votes, lrm_state=word, lrm_dead=False)


def _granted_guest(guest: SeenGuest) -> SeenGuest:
    told = guest.managed
    if told is None or not guest.is_running:
        return guest
    return replace(guest, resource=_at_rest(told, guest.node))


def _at_rest(told: SeenResource, node: str) -> SeenResource:
    return replace(
        told, state=ServiceState.STARTED.value, request=Requested.STARTED.value, node=node
    )
