"""Who sees whom, and who has quorum: corosync and pmxcfs, as far as their clients notice.

Times are those of recorded runs: how long a loss takes to be noticed grows with the number of
nodes (hapanel.ha.engine.profile), a node that returns is noticed 4 s after its corosync runs.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hapanel.ha.engine.profile import real
from hapanel.lab.crowd import Crowd
from hapanel.lab.links import Network
from hapanel.lab.world import Node, World

JOIN_SECONDS = 4.0
# After a loss with a QDevice: pmxcfs lets nobody write until its vote is there again, and only in
# the last two of these seconds does /cluster/status say so.
SILENT_DOUBT_SECONDS = 4.6
OPEN_DOUBT_SECONDS = 2.0
# So long after a return /cluster/status still tells that there is no quorum.
STALE_SECONDS = 3.0


@dataclass
class QDevice:
    """A third vote that is no node. It never shows in /cluster/status."""

    host: str
    is_connected: bool = True
    votes: int = 1


@dataclass
class Told:
    """What is said of quorum after a change of membership, where that is not simply counted.

    lacks_device: the QDevice has not voted yet. keeps: /cluster/status still tells the quorum of
    before. wavers: each worker of pveproxy tells what it read last, until the membership changes,
    since pmxcfs does not tell them of a quorum that came alone.
    late: until when (epoch seconds) a node tells nothing of a quorum that came with a member.
    """

    lacks_device: bool = False
    keeps: bool = False
    wavers: bool = False
    late: dict[str, float] = field(default_factory=dict)


class Membership:
    """What corosync of each node believes; it follows the truth with a delay."""

    def __init__(self, world: World, qdevice: QDevice | None) -> None:
        self._world = world
        self.qdevice = qdevice
        self.loss_seconds = real(len(world.nodes)).detection
        self.revision = 0
        self.seen: dict[str, frozenset[str]] = {}
        self.lost_at: dict[tuple[str, str], float] = {}
        self._joined_at: dict[str, float] = {}
        self._left: set[str] = set()
        self._told = Told()
        self._dice = random.Random(len(world.nodes))
        self._settling = Crowd()
        self._watchers: list[Callable[[], None]] = []
        self.settle()

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Calls `watcher` when somebody's view or the votes changed."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """Tells those who act on votes."""
        self.revision += 1
        for watcher in self._watchers:
            watcher()

    @property
    def expected_votes(self) -> int:
        """Votes of all configured nodes and of a configured QDevice."""
        votes = sum(node.votes for node in self._world.nodes.values())
        return votes + (self.qdevice.votes if self.qdevice else 0)

    @property
    def quorum(self) -> int:
        """Votes needed."""
        return self.expected_votes // 2 + 1

    def disturbed(self) -> None:
        """The hardware changed: after corosync's time the views follow."""
        truth = {name: self._truth(node) for name, node in self._world.nodes.items()}
        grows = any(truth[name] - self.seen.get(name, frozenset()) for name in truth)
        shrinks = any(self.seen.get(name, frozenset()) - truth[name] for name in truth)
        delay = self.loss_seconds if shrinks else JOIN_SECONDS if grows else 0.0
        self._settling.spawn(self._settle_after(delay, is_loss=shrinks))

    def leave(self, name: str) -> None:
        """The node's corosync says farewell, so that the others need not wait for its silence."""
        self._left.add(name)
        self._settling.spawn(self._settle_after(0.0, is_loss=True))

    def join(self, name: str) -> None:
        """The node's corosync was started."""
        self._left.discard(name)
        self.disturbed()

    async def _settle_after(self, delay: float, *, is_loss: bool) -> None:
        clock = self._world.clock
        await clock.pass_time(delay)
        before, quorate = dict(self.seen), self.quorate_nodes()
        self.settle()
        device = self.qdevice
        if is_loss and device and device.is_connected:
            await self._doubt()
        elif self.seen != before:
            until = clock.now() + clock.shortened(STALE_SECONDS)
            new = set(self.quorate_nodes()).difference(quorate)
            self._told = Told(late=dict.fromkeys(new, until))

    async def _doubt(self) -> None:
        """Those who are left wait for the QDevice's vote (recorded)."""
        self._told = told = Told(lacks_device=True, keeps=True)
        self.changed()
        await self._world.clock.pass_time(SILENT_DOUBT_SECONDS)
        told.keeps = False
        await self._world.clock.pass_time(OPEN_DOUBT_SECONDS)
        told.lacks_device, told.wavers = False, True
        self.changed()

    async def close(self) -> None:
        """Ends what runs."""
        await self._settling.close()

    def tells_quorum(self, viewer: str) -> bool:
        """What `viewer` says in /cluster/status; the HA manager's row is always right."""
        told = self._told
        if self.qdevice and told.keeps:
            return self._votes_of(viewer, self.qdevice) >= self.quorum
        if not self.is_quorate(viewer) or self._world.now() < told.late.get(viewer, 0.0):
            return False
        return not told.wavers or self._dice.random() < 0.5

    def settle(self) -> None:
        """Each living node takes over the members it can really reach."""
        heard_last = self._world.now() - self._world.clock.shortened(self.loss_seconds)
        for name, node in self._world.nodes.items():
            members = self._truth(node)
            for other in self._world.nodes:
                if other in members:
                    self.lost_at.pop((name, other), None)
                else:
                    self.lost_at.setdefault((name, other), heard_last)
            if members and not self.seen.get(name, members):
                self._joined_at[name] = self._world.now()
            self.seen[name] = members
        self.changed()

    def _truth(self, node: Node) -> frozenset[str]:
        if not self._takes_part(node):
            return frozenset()
        links = self._world.links
        return frozenset(
            other.name
            for other in self._world.nodes.values()
            if other is node
            or (
                self._takes_part(other)
                and not links.between(node.name, other.name, Network.CLUSTER).is_cut
            )
        )

    def _takes_part(self, node: Node) -> bool:
        return node.is_on and node.name not in self._left

    def is_online(self, viewer: str, name: str) -> bool:
        """Whether `viewer` counts `name` as a member. A node without pmxcfs is none, although
        its vote counts on.
        """
        return name in self.seen[viewer] and (
            self._world.nodes[name].has_file_system or not self._world.nodes[name].is_on
        )

    def votes_of(self, viewer: str) -> int:
        """Votes that the viewer's side of the cluster has."""
        return self._votes_of(viewer, None if self._told.lacks_device else self.qdevice)

    def _votes_of(self, viewer: str, device: QDevice | None) -> int:
        """The same with the device that votes, if any."""
        side = self.seen[viewer]
        votes = sum(self._world.nodes[name].votes for name in side)
        if device and device.is_connected and side and side == self._favoured():
            votes += device.votes
        return votes

    def _favoured(self) -> frozenset[str]:
        """The side the QDevice votes for: the larger, at a tie the one with the lowest node id."""
        nodes = self._world.nodes
        sides = [side for side in self.seen.values() if side]
        return max(
            sides,
            key=lambda side: (len(side), -min(nodes[name].node_id for name in side)),
            default=frozenset(),
        )

    def is_quorate(self, viewer: str) -> bool:
        """Whether the viewer may write."""
        return self.votes_of(viewer) >= self.quorum

    def quorate_nodes(self) -> list[str]:
        """Living nodes that may write, lowest node id first."""
        nodes = sorted(self._world.nodes.values(), key=lambda node: node.node_id)
        return [node.name for node in nodes if node.is_on and self.is_quorate(node.name)]

    def is_silent(self, viewer: str, name: str, after: float) -> bool:
        """True when the last report that `viewer` has of `name` is older than that many (real
        thing's) seconds, or was sent before the viewer booted and joined: pmxcfs forgets with its
        node, and hears of each report once.
        """
        report = self._world.nodes[name].report
        booted = self._world.nodes[viewer].booted_at
        if report is None or report.at < max(booted, self._joined_at.get(viewer, 0.0)):
            return True
        heard = min(report.at, self.lost_at.get((viewer, name), report.at))
        return self._world.now() - heard > self._world.clock.shortened(after)
