"""The sides of one resource put together: what each node says of itself and of its peers.

Each side alone can lie: in 8.4 a split brain shows as `UpToDate` on both. A node that does not
answer stays in the picture as unknown with its age; its last word is kept to be shown, and never
judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hapanel.drbd.contradictions import Contradiction, contradictions
from hapanel.drbd.link import End, Link
from hapanel.ports.replication import NodeReplication, NodeStatus, Peer, ResourceState


class Sight(StrEnum):
    """Whether a node's word is of now."""

    CURRENT = "current"
    LOST = "lost"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Side:
    """One node's part in a resource. `state` is None where the resource is not up there.

    `age_seconds` is how old its word is; `unseen_because` why there is none of now.
    """

    node: str
    sight: Sight
    state: ResourceState | None = None
    age_seconds: float | None = None
    unseen_because: str | None = None
    complete: bool = True

    @property
    def now(self) -> ResourceState | None:
        """The state to judge by: None when the node was not seen or the resource is not up."""
        return self.state if self.sight is Sight.CURRENT else None


@dataclass(frozen=True, slots=True)
class Replication:
    """One resource on all its nodes."""

    resource: str
    sides: tuple[Side, ...]
    links: tuple[Link, ...]
    contradictions: tuple[Contradiction, ...]

    def side(self, node: str) -> Side | None:
        """The side of this node, if it has one."""
        return next((one for one in self.sides if one.node == node), None)

    @property
    def unseen(self) -> tuple[Side, ...]:
        """The sides that nothing is known of now."""
        return tuple(one for one in self.sides if one.sight is not Sight.CURRENT)


def resources_of(nodes: Iterable[NodeReplication]) -> tuple[str, ...]:
    """The names of all resources that any node has ever told of, sorted."""
    found = {one.name for node in nodes if node.status for one in node.status.resources}
    return tuple(sorted(found))


def join(
    resource: str,
    nodes: Sequence[NodeReplication],
    now: datetime,
    members: Sequence[str] = (),
) -> Replication:
    """The sides of `resource` as of `now`, in the order of `nodes`.

    `members` are the nodes that its configuration names; without them a node is a side when it
    tells of the resource, or is told of by a peer's name, or is the only other node.
    """
    found = {one.node: one for one in nodes}
    names = list(dict.fromkeys([*_order(nodes, members), *_members(resource, nodes, members)]))
    taken = _members(resource, nodes, members)
    sides = tuple(_side(name, found.get(name), resource, now) for name in names if name in taken)
    links = _links(sides)
    return Replication(resource, sides, links, contradictions(resource, sides_now(sides), links))


def sides_now(sides: Iterable[Side]) -> tuple[tuple[str, ResourceState | None], ...]:
    """Node and state of each side that was seen; the state is None where it is not up."""
    return tuple((one.node, one.state) for one in sides if one.sight is Sight.CURRENT)


def _order(nodes: Sequence[NodeReplication], members: Sequence[str]) -> list[str]:
    return [one.node for one in nodes] or list(members)


def _members(
    resource: str, nodes: Sequence[NodeReplication], members: Sequence[str]
) -> dict[str, None]:
    """The nodes that have a part in the resource, in a stable order."""
    states = {one.node: _told(one.status, resource) for one in nodes}
    telling = [node for node, state in states.items() if state is not None]
    named = [
        _node_called(peer.name, states) or peer.name
        for node in telling
        for peer in _peers(states[node])
        if peer.name
    ]
    found = dict.fromkeys([*members, *telling, *named])
    if len(found) == 1 and len(states) == 2:
        found = dict.fromkeys(states)  # 8.4 does not name its only peer
    return found


def _peers(state: ResourceState | None) -> tuple[Peer, ...]:
    return state.peers if state else ()


def _told(status: NodeStatus | None, resource: str) -> ResourceState | None:
    return status.resource(resource) if status else None


def _node_called(name: str, nodes: Iterable[str]) -> str | None:
    """The node of DRBD's host name, which may be written with its domain."""
    short = name.partition(".")[0].lower()
    return next((node for node in nodes if node.partition(".")[0].lower() == short), None)


def _side(name: str, node: NodeReplication | None, resource: str, now: datetime) -> Side:
    if node is None or node.status is None:
        return Side(name, Sight.NEVER, unseen_because=node.unseen_because if node else None)
    age = max(0.0, (now - node.seen_at).total_seconds()) if node.seen_at else None
    return Side(
        node=name,
        sight=Sight.LOST if node.unseen_because else Sight.CURRENT,
        state=node.status.resource(resource),
        age_seconds=age,
        unseen_because=node.unseen_because,
        complete=node.status.complete,
    )


def _links(sides: Sequence[Side]) -> tuple[Link, ...]:
    links = []
    for place, first in enumerate(sides):
        for second in sides[place + 1 :]:
            ends = (_end(first, second, sides), _end(second, first, sides))
            told = tuple(end for end in ends if end is not None)
            if told or len(sides) == 2:
                links.append(Link(first.node, second.node, told))
    return tuple(links)


def _end(mine: Side, theirs: Side, sides: Sequence[Side]) -> End | None:
    """What the side `mine` says of its link to `theirs`."""
    if mine.now is None:
        return None
    for peer in mine.now.peers:
        if _is_peer(peer, theirs, alone=len(sides) == 2):
            return End(mine.node, mine.now, peer)
    return None


def _is_peer(peer: Peer, side: Side, *, alone: bool) -> bool:
    if peer.name is not None:
        return _node_called(peer.name, [side.node]) is not None or (peer.name == side.node)
    if peer.node_id is not None and side.state and side.state.node_id is not None:
        return peer.node_id == side.state.node_id
    return alone
