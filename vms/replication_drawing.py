"""The drawing of a resource: boxes for its nodes, wires between them, and what moves on those."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from hapanel.drbd.decode.assemble import PAUSED
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
    link_meaning,
    replication_shown,
)
from hapanel.ui.states import Shown
from nodes.replication import NodeWord
from vms.models import Guest
from vms.replication import Resource
from vms.replication_marks import COPY, ROLE, STOPWATCH, WIRE, mark_of, worst

VERIFIES = frozenset({ReplicationState.VERIFY_S, ReplicationState.VERIFY_T})
TARGETS = frozenset(
    {ReplicationState.SYNC_TARGET, ReplicationState.PAUSED_SYNC_T, ReplicationState.VERIFY_T}
)


@dataclass(frozen=True, slots=True)
class VolumeShown:
    """One volume on one node. `doubt` is what makes a good word of DRBD worth less."""

    number: int
    disk: Shown
    doubt: str
    device: str
    backing: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Box:
    """One node's side. `link` is the connection of the wire beside it; `role_mark` says what is
    amiss with the role."""

    node: str
    ip: str
    sight: Sight
    word: NodeWord
    role: str
    role_mark: Shown | None
    is_up: bool
    volumes: tuple[VolumeShown, ...]
    guests: tuple[Guest, ...]
    link: Shown
    state: str

    @property
    def is_seen(self) -> bool:
        return self.sight is Sight.CURRENT


@dataclass(frozen=True, slots=True)
class Progress:
    """A sync or verify under way: percent, bytes, bytes a second, seconds. `target` is the node
    whose copy is written."""

    percent: float | None
    done: int | None
    total: int | None
    rate: float | None
    eta_seconds: float | None
    is_verify: bool
    is_paused: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Two boxes and the wire between them; `second` is None for a node without a known peer.

    `meaning` explains DRBD's words, `only_by` is the node whose word alone the wire is, and
    `both_primary_seconds` how long both sides may write already, where that shall not last.
    """

    first: Box
    second: Box | None
    wire: Shown
    kind: str  # solid, sync, held, broken
    progress: Progress | None = None
    out_of_sync: int | None = None
    protocol: str = ""
    meaning: str = ""
    only_by: str = ""
    both_primary_seconds: float | None = None

    @property
    def flows_back(self) -> bool:
        """Whether the copy goes from the second node to the first."""
        return self.progress is not None and self.progress.target == self.first.node

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
        if self.progress.is_paused:
            return gettext("paused at %(percent)s %%") % {"percent": percent}
        if self.progress.is_verify:
            return gettext("%(percent)s %% verified") % {"percent": percent}
        return gettext("%(percent)s %% synced") % {"percent": percent}


def rows_of(resource: Resource, words: dict[str, NodeWord], ips: dict[str, str]) -> list[Row]:
    """A row for each link, or for each node that has none."""
    boxes = Boxes(resource, words, ips)
    linked = {name for link in resource.replication.links for name in (link.first, link.second)}
    rows = [_row(link, boxes, resource) for link in resource.replication.links]
    alone = [side.node for side in resource.replication.sides if side.node not in linked]
    return rows + [Row(boxes.of(name, None), None, _not_seen(), "broken") for name in alone]


class Boxes:
    """Makes the boxes of one resource."""

    def __init__(self, resource: Resource, words: dict[str, NodeWord], ips: dict[str, str]) -> None:
        self._resource = resource
        self._words = words
        self._ips = ips

    def of(self, node: str, end: End | None) -> Box:
        """The box of `node`, with the link that `end` tells of."""
        side = self._resource.replication.side(node)
        state = side.state if side else None
        findings = self._resource.judgement.findings
        sight = side.sight if side else Sight.NEVER
        is_seen = sight is Sight.CURRENT
        doubt = mark_of(findings, node, among=COPY) if is_seen else None
        volumes = tuple(_volume(one, doubt) for one in state.volumes) if state else ()
        about = mark_of(findings, node)
        told = [*(one.disk.state for one in volumes), *([about.state] if about else [])]
        guests = tuple(g for g in self._resource.guests or () if g.node == node and g.is_running)
        return Box(
            node=node,
            ip=self._ips.get(node, ""),
            sight=sight,
            word=self._words.get(node, NodeWord(node)),
            role=state.role.value if state else "",
            role_mark=mark_of(findings, node, among=ROLE) if is_seen else None,
            is_up=state is not None,
            volumes=volumes,
            guests=guests,
            link=link_of(end.peer) if end else _not_seen(),
            state=worst(told) if is_seen else "unknown",
        )


def _volume(volume: Volume, doubt: Shown | None) -> VolumeShown:
    device = "" if volume.minor is None else f"/dev/drbd{volume.minor}"
    disk, word = disk_shown(volume.disk_state), ""
    if doubt is not None and disk.state == "ok":
        disk, word = Shown(doubt.state, disk.word), doubt.word
    return VolumeShown(volume.number, disk, word, device, volume.backing_device or "", volume.size)


def link_of(peer: Peer) -> Shown:
    """One word for a link: what replication does where it stands, else the connection's."""
    if peer.connection_state is not ConnectionState.CONNECTED:
        return connection_shown(peer.connection_state)
    busy = [v.replication_state for v in peer.volumes if v.replication_state not in _CALM]
    return replication_shown(busy[0]) if busy else connection_shown(peer.connection_state)


_CALM = frozenset({ReplicationState.ESTABLISHED, ReplicationState.UNKNOWN, ReplicationState.OFF})


def _not_seen() -> Shown:
    return Shown("unknown", "")


def _row(link: Link, boxes: Boxes, resource: Resource) -> Row:
    ends = {end.node: end for end in link.ends}
    first, second = ends.get(link.first), ends.get(link.second)
    shown = list(dict.fromkeys(link_of(end.peer) for end in link.ends))
    findings = resource.judgement.findings
    between = (link.first, link.second)
    progress = progress_of(link)
    stopwatch = mark_of(findings, *between, among=STOPWATCH)
    return Row(
        first=boxes.of(link.first, first),
        second=boxes.of(link.second, second),
        wire=_wire(shown, mark_of(findings, *between, among=WIRE)),
        kind=_kind(link, progress),
        progress=progress,
        out_of_sync=_out_of_sync(link),
        protocol=next((end.peer.protocol for end in link.ends if end.peer.protocol), ""),
        meaning="" if progress else _meaning(link),
        only_by=link.ends[0].node if len(link.ends) == 1 else "",
        both_primary_seconds=resource.circumstances.dual_primary_seconds if stopwatch else None,
    )


def _wire(shown: list[Shown], mark: Shown | None) -> Shown:
    if not shown:
        return _not_seen()
    states = [*(one.state for one in shown), *([mark.state] if mark else [])]
    return Shown(worst(states), " / ".join(one.word for one in shown))


def _kind(link: Link, progress: Progress | None) -> str:
    if not link.is_connected:
        return "broken"
    if progress is None:
        return "solid"
    return "held" if progress.is_paused else "sync"


def _meaning(link: Link) -> str:
    """What the words on the wire mean, each once."""
    found = (link_meaning(link_of(end.peer).word) for end in link.ends)
    return " / ".join(word for word in dict.fromkeys(found) if word)


def progress_of(link: Link) -> Progress | None:
    """How far a sync or verify on the link is, over all volumes, in the words of its target."""
    for end in sorted(link.ends, key=_is_target, reverse=True):
        moving = [one for one in end.peer.volumes if one.replication_state not in _CALM]
        if any(one.percent is not None or _runs(one) for one in moving):
            other = link.second if end.node == link.first else link.first
            return _sum(moving, end.node if _is_target(end) else other)
    return None


def _runs(volume: PeerVolume) -> bool:
    """Whether something moves of which only the length is not told; a paused one moves nothing."""
    return volume.left is not None and volume.replication_state not in PAUSED


def _is_target(end: End) -> bool:
    return any(one.replication_state in TARGETS for one in end.peer.volumes)


def _sum(moving: list[PeerVolume], target: str) -> Progress:
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
        is_paused=all(one.replication_state in PAUSED for one in moving),
        target=target,
    )


def _out_of_sync(link: Link) -> int | None:
    """What is known to differ, as the side says that counts more of it."""
    told = [
        sum(one.out_of_sync or 0 for one in end.peer.volumes)
        for end in link.ends
        if any(one.out_of_sync is not None for one in end.peer.volumes)
    ]
    return max(told, default=None)
