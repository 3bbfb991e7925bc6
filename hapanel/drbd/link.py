"""One link of a resource, as its two ends see it."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.ports.replication import ConnectionState, Peer, PeerVolume, ResourceState, Volume


@dataclass(frozen=True, slots=True)
class End:
    """One side's view of a link, with its own volumes beside it."""

    node: str
    state: ResourceState
    peer: Peer

    def volume(self, number: int) -> tuple[Volume | None, PeerVolume | None]:
        """This node's copy, and what it says of the peer's."""
        return self.state.volume(number), self.peer.volume(number)


@dataclass(frozen=True, slots=True)
class Link:
    """The link between two nodes, with the ends that were seen: none, one or both."""

    first: str
    second: str
    ends: tuple[End, ...]

    @property
    def states(self) -> tuple[ConnectionState, ...]:
        """What each seen end says of the connection."""
        return tuple(end.peer.connection_state for end in self.ends)

    @property
    def is_connected(self) -> bool:
        """Whether all that is seen of it says so."""
        return bool(self.ends) and set(self.states) == {ConnectionState.CONNECTED}

    @property
    def is_seen_whole(self) -> bool:
        """Whether both ends were seen."""
        return len(self.ends) == 2

    def numbers(self) -> tuple[int, ...]:
        """The volumes that either end tells of."""
        told = {one.number for end in self.ends for one in end.peer.volumes}
        return tuple(sorted(told | {one.number for end in self.ends for one in end.state.volumes}))
