"""Counting votes: is the cluster quorate, and would it still be after one more loss?

As corosync's votequorum counts (votequorum(5)): expected votes are those of all configured nodes
and of the QDevice, and more than half of them are needed. Proxmox sets neither two_node nor
last_man_standing, so both are left out here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from hapanel.ha.votes import majority
from hapanel.ports.cluster import HaStatus, Membership, NodeVotes, QDevice


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens when this one goes away now: `node` is None for the QDevice."""

    node: str | None
    is_survived: bool


@dataclass(frozen=True, slots=True)
class Ballot:
    """All votes of a cluster and who is there to cast them.

    qdevice_votes: what the QDevice is configured to cast, 0 without one.
    has_qdevice: whether it casts them now.
    """

    votes: tuple[NodeVotes, ...]
    online: frozenset[str]
    qdevice_votes: int = 0
    has_qdevice: bool = False

    @property
    def expected(self) -> int:
        """All votes there could be."""
        return sum(node.votes for node in self.votes) + self.qdevice_votes

    @property
    def needed(self) -> int:
        """The votes that make a quorum: more than half of the expected ones."""
        return majority(self.expected)

    @property
    def total(self) -> int:
        """The votes that are cast now."""
        present = sum(node.votes for node in self.votes if node.name in self.online)
        return present + (self.qdevice_votes if self.has_qdevice else 0)

    @property
    def is_quorate(self) -> bool:
        """Whether the votes that are cast make a quorum."""
        return self.total >= self.needed

    @property
    def missing(self) -> tuple[str, ...]:
        """The configured nodes that are away."""
        return tuple(node.name for node in self.votes if node.name not in self.online)

    def losses(self) -> tuple[Loss, ...]:
        """What each single further loss would do: of each node that is there, of the QDevice."""
        nodes = [
            self._loss(node.name, replace(self, online=self.online - {node.name}))
            for node in self.votes
            if node.name in self.online
        ]
        if not self.has_qdevice:
            return tuple(nodes)
        return (*nodes, self._loss(None, replace(self, has_qdevice=False)))

    def _loss(self, node: str | None, rest: Ballot) -> Loss:
        return Loss(node, self.is_quorate and rest.is_quorate)


def ballot(votes: Sequence[NodeVotes], online: Collection[str], qdevice: QDevice | None) -> Ballot:
    """The votes as they lie now.

    votes: corosync's configuration. online: the names of the nodes that are members now.
    qdevice: None counts as no QDevice; a QDevice of unknown state counts as away.
    """
    names = {node.name for node in votes}
    away = Ballot(tuple(votes), frozenset(online) & names)
    if qdevice is None or not qdevice.configured:
        return away
    casts = bool(qdevice.connected) and qdevice.casts_vote is not False
    count = qdevice.votes or qdevice_votes(len(votes), qdevice.algorithm)
    return replace(away, qdevice_votes=count, has_qdevice=casts)


def qdevice_votes(nodes: int, algorithm: str | None) -> int:
    """How many votes a QDevice casts: one with ffsplit, with lms one less than there are nodes.

    `pvecm qdevice setup` takes ffsplit for an even number of nodes and lms for an odd one
    (pve-cluster, CLI/pvecm.pm), which is assumed when the algorithm is not told.
    """
    is_lms = algorithm == "lms" if algorithm else nodes % 2 == 1
    return max(nodes - 1, 1) if is_lms else 1


def judge_quorate(membership: Membership | None, ha_status: HaStatus | None) -> bool | None:
    """Whether the asked node has quorum; None when nobody told.

    The HA status' quorum row is always right. /cluster/status can go on telling an old value
    after a loss, and differently from answer to answer, until the membership changes again:
    pmxcfs does not count a mere change of quorum as a change.
    """
    if ha_status is not None and ha_status.quorate is not None:
        return ha_status.quorate
    if membership is None:
        return None
    return membership.quorate
