"""Who sees whom, and who has quorum: corosync, as far as its clients notice.

Times are those of recorded runs: a lost node is noticed after 7 s, a returned one 4 s
after its corosync runs.
"""

import asyncio
from dataclasses import dataclass

from hapanel.lab.links import Network
from hapanel.lab.world import Node, World

LOSS_SECONDS = 7.0
JOIN_SECONDS = 4.0
DOUBT_AFTER_SECONDS = 5.0
DOUBT_SECONDS = 2.0


@dataclass
class QDevice:
    """A third vote that is no node. It never shows in /cluster/status."""

    host: str
    is_connected: bool = True
    votes: int = 1
    is_deciding: bool = False


class Membership:
    """What corosync of each node believes; it follows the truth with a delay."""

    def __init__(self, world: World, qdevice: QDevice | None) -> None:
        self._world = world
        self.qdevice = qdevice
        self.seen: dict[str, frozenset[str]] = {}
        self.lost_at: dict[tuple[str, str], float] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self.settle()

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
        delay = LOSS_SECONDS if shrinks else JOIN_SECONDS if grows else 0.0
        task = asyncio.get_running_loop().create_task(self._settle_after(delay))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle_after(self, delay: float) -> None:
        await self._world.clock.pass_time(delay)
        self.settle()
        if delay == LOSS_SECONDS and self.qdevice and self.qdevice.is_connected:
            await self._doubt(self.qdevice)

    async def _doubt(self, device: QDevice) -> None:
        """Twelve seconds after a loss the QDevice's vote is missing for two (recorded)."""
        await self._world.clock.pass_time(DOUBT_AFTER_SECONDS)
        device.is_deciding = True
        await self._world.clock.pass_time(DOUBT_SECONDS)
        device.is_deciding = False

    def settle(self) -> None:
        """Each living node takes over the members it can really reach."""
        heard_last = self._world.now() - self._world.clock.shortened(LOSS_SECONDS)
        for name, node in self._world.nodes.items():
            members = self._truth(node)
            for other in self._world.nodes:
                if other in members:
                    self.lost_at.pop((name, other), None)
                else:
                    self.lost_at.setdefault((name, other), heard_last)
            self.seen[name] = members

    def _truth(self, node: Node) -> frozenset[str]:
        if not node.is_on:
            return frozenset()
        links = self._world.links
        return frozenset(
            other.name
            for other in self._world.nodes.values()
            if other is node
            or (other.is_on and not links.between(node.name, other.name, Network.CLUSTER).is_cut)
        )

    def is_online(self, viewer: str, name: str) -> bool:
        """Whether `viewer` counts `name` as a member. A node without pmxcfs is none, although
        its vote counts on.
        """
        return name in self.seen[viewer] and (
            self._world.nodes[name].has_file_system or not self._world.nodes[name].is_on
        )

    def votes_of(self, viewer: str) -> int:
        """Votes that the viewer's side of the cluster has."""
        side = self.seen[viewer]
        votes = sum(self._world.nodes[name].votes for name in side)
        device = self.qdevice
        counts = device is not None and device.is_connected and not device.is_deciding
        if device and counts and side and side == self._favoured():
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
        thing's) seconds, or was sent before the viewer booted: pmxcfs forgets with its node.
        """
        report = self._world.nodes[name].report
        if report is None or report.at < self._world.nodes[viewer].booted_at:
            return True
        heard = min(report.at, self.lost_at.get((viewer, name), report.at))
        return self._world.now() - heard > self._world.clock.shortened(after)
