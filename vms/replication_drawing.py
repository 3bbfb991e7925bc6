"""The drawing of a resource: boxes for its nodes, wires between them, and what moves on those."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from hapanel.drbd.join import Sight
from hapanel.drbd.link import End, Link
from hapanel.ports.replication import (
    ConnectionState,
    Peer,
    PeerVolume,
    ReplicationState,
    Volume,
)
from hapanel.ui.replication_states import (
    connection_shown,
    disk_shown,
    finding_shown,
    replication_shown,
)
from hapanel.ui.states import Shown
from nodes.models import Node
from nodes.replication import NodeWord
from vms.models import Guest
from vms.replication import ClusterReplication, Resource

VERIFIES = frozenset({ReplicationState.VERIFY_S, ReplicationState.VERIFY_T})
TARGETS = frozenset(
    {ReplicationState.SYNC_TARGET, ReplicationState.PAUSED_SYNC_T, ReplicationState.VERIFY_T}
)


@dataclass(frozen=True, slots=True)
class VolumeShown:
    """One volume on one node."""

    number: int
    disk: Shown
    device: str
    backing: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Box:
    """One node's side. `link` is the connection of the wire beside it."""

    node: str
    ip: str
    sight: Sight
    word: NodeWord
    role: str
    volumes: tuple[VolumeShown, ...]
    guests: tuple[Guest, ...]
    link: Shown
    state: str

    @property
    def is_seen(self) -> bool:
        return self.sight is Sight.CURRENT


@dataclass(frozen=True, slots=True)
class Progress:
    """A sync or verify under way: percent, bytes, bytes a second, seconds."""

    percent: float | None
    done: int | None
    total: int | None
    rate: float | None
    eta_seconds: float | None
    is_verify: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Two boxes and the wire between them; `second` is None for a node without a known peer."""

    first: Box
    second: Box | None
    wire: Shown
    kind: str  # solid, sync, broken
    progress: Progress | None = None
    out_of_sync: int | None = None
    protocol: str = ""

    @property
    def place(self) -> str:
        """A word that tells this row's bar apart from the others'."""
        return f"{self.first.node}-{self.second.node}" if self.second else self.first.node

    @property
    def progress_words(self) -> str:
        """How far the sync or verify is, in words."""
        if self.progress is None or self.progress.percent is None:
            return self.wire.word
        percent = int(self.progress.percent)
        if self.progress.is_verify:
            return gettext("%(percent)s %% verified") % {"percent": percent}
        return gettext("%(percent)s %% synced") % {"percent": percent}


def rows_of(resource: Resource, words: dict[str, NodeWord], ips: dict[str, str]) -> list[Row]:
    """A row for each link, or for each node that has none."""
    boxes = _Boxes(resource, words, ips)
    linked = {name for link in resource.replication.links for name in (link.first, link.second)}
    rows = [_row(link, boxes, resource) for link in resource.replication.links]
    alone = [side.node for side in resource.replication.sides if side.node not in linked]
    return rows + [Row(boxes.of(name, None), None, _not_seen(), "broken") for name in alone]


@dataclass(frozen=True, slots=True)
class NodeLink:
    """One link of a node, as the node itself tells it."""

    peer: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class NodeSide:
    """One resource on one node, for the page of the node."""

    name: str
    health: Shown
    box: Box
    links: tuple[NodeLink, ...]


def node_sides(seen: ClusterReplication, node: Node) -> dict[str, Any]:
    """What the page of a node shows of its replication."""
    word = seen.known.word(node.name)
    sides = [
        _node_side(resource, node, word)
        for resource in seen.resources
        if resource.replication.side(node.name) is not None
    ]
    return {"word": word, "sides": sides, "is_on": seen.known.is_on}


def _node_side(resource: Resource, node: Node, word: NodeWord) -> NodeSide:
    box = _Boxes(resource, {node.name: word}, {node.name: node.ip}).of(node.name, None)
    links = tuple(
        NodeLink(link.second if link.first == node.name else link.first, link_of(end.peer))
        for link in resource.replication.links
        for end in link.ends
        if end.node == node.name
    )
    return NodeSide(resource.name, finding_shown(resource.judgement.findings[0]), box, links)


class _Boxes:
    def __init__(self, resource: Resource, words: dict[str, NodeWord], ips: dict[str, str]) -> None:
        self._resource = resource
        self._words = words
        self._ips = ips

    def of(self, node: str, end: End | None) -> Box:
        side = self._resource.replication.side(node)
        state = side.state if side else None
        volumes = tuple(_volume(one) for one in state.volumes) if state else ()
        sight = side.sight if side else Sight.NEVER
        guests = tuple(g for g in self._resource.guests or () if g.node == node and g.is_running)
        return Box(
            node=node,
            ip=self._ips.get(node, ""),
            sight=sight,
            word=self._words.get(node, NodeWord(node)),
            role=state.role.value if state else "",
            volumes=volumes,
            guests=guests,
            link=link_of(end.peer) if end else _not_seen(),
            state=_worst(volumes) if sight is Sight.CURRENT else "unknown",
        )


def _volume(volume: Volume) -> VolumeShown:
    device = "" if volume.minor is None else f"/dev/drbd{volume.minor}"
    return VolumeShown(
        volume.number,
        disk_shown(volume.disk_state),
        device,
        volume.backing_device or "",
        volume.size,
    )


def _worst(volumes: Iterable[VolumeShown]) -> str:
    order = ("danger", "warn", "unknown", "busy", "ok")
    states = {volume.disk.state for volume in volumes}
    return next((state for state in order if state in states), "unknown")


def link_of(peer: Peer) -> Shown:
    """One word for a link: what replication does where it stands, else the connection's."""
    if peer.connection_state is not ConnectionState.CONNECTED:
        return connection_shown(peer.connection_state)
    busy = [v.replication_state for v in peer.volumes if v.replication_state not in _CALM]
    return replication_shown(busy[0]) if busy else connection_shown(peer.connection_state)


_CALM = frozenset({ReplicationState.ESTABLISHED, ReplicationState.UNKNOWN, ReplicationState.OFF})


def _not_seen() -> Shown:
    return Shown("unknown", "")


def _row(link: Link, boxes: _Boxes, resource: Resource) -> Row:
    ends = {end.node: end for end in link.ends}
    first, second = ends.get(link.first), ends.get(link.second)
    shown = list(dict.fromkeys(link_of(end.peer) for end in link.ends))
    split = resource.judgement.split_brain
    is_split = split is not None and {split.first, split.second} == {link.first, link.second}
    progress = progress_of(link)
    return Row(
        first=boxes.of(link.first, first),
        second=boxes.of(link.second, second),
        wire=_wire(shown, is_split=is_split),
        kind="broken" if not link.is_connected else "sync" if progress else "solid",
        progress=progress,
        out_of_sync=_out_of_sync(link),
        protocol=next((end.peer.protocol for end in link.ends if end.peer.protocol), ""),
    )


def _wire(shown: list[Shown], *, is_split: bool) -> Shown:
    if not shown:
        return _not_seen()
    worst = next(
        (
            s.state
            for state in ("danger", "warn", "busy", "unknown", "ok")
            for s in shown
            if s.state == state
        ),
        "unknown",
    )
    return Shown("danger" if is_split else worst, " / ".join(one.word for one in shown))


def progress_of(link: Link) -> Progress | None:
    """How far a sync or verify on the link is, over all volumes, in the words of its target."""
    for end in sorted(link.ends, key=_is_target, reverse=True):
        moving = [one for one in end.peer.volumes if one.replication_state not in _CALM]
        if moving and any(one.percent is not None or one.left is not None for one in moving):
            return _sum(moving)
    return None


def _is_target(end: End) -> bool:
    return any(one.replication_state in TARGETS for one in end.peer.volumes)


def _sum(moving: list[PeerVolume]) -> Progress:
    total = sum(one.total or 0 for one in moving) or None
    left = sum(one.left or 0 for one in moving)
    done = total - left if total else None
    percent = 100.0 * done / total if total and done is not None else moving[0].percent
    rates = [one.rate for one in moving if one.rate]
    etas = [one.eta_seconds for one in moving if one.eta_seconds is not None]
    return Progress(
        percent=percent,
        done=done,
        total=total,
        rate=sum(rates) if rates else None,
        eta_seconds=max(etas) if etas else None,
        is_verify=all(one.replication_state in VERIFIES for one in moving),
    )


def _out_of_sync(link: Link) -> int | None:
    """What is known to differ, as the side says that counts more of it."""
    told = [
        sum(one.out_of_sync or 0 for one in end.peer.volumes)
        for end in link.ends
        if any(one.out_of_sync is not None for one in end.peer.volumes)
    ]
    return max(told, default=None)
