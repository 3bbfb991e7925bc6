"""What is known of a cluster's replication now: records and last answers, put in the words that
hapanel.drbd judges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from redis.exceptions import RedisError

from hapanel.kernel.refusal import Refusal
from hapanel.ports.node_shell import LvmReport
from hapanel.ports.replication import NodeReplication, NodeStatus, ResourceState
from nodes.models import Cluster, DrbdNode, DrbdResource, DrbdSide, SshAccess
from nodes.replication_figures import Seen, last_statuses

# A node that answers is asked every four seconds; what is older than this is not of now.
STALE_AFTER = timedelta(seconds=15)
NOT_ASKED, SWITCHED_OFF = "nobody asks it", "ssh is switched off"
# The device of a volume: by its minor, or by the resource's name.
_BY_MINOR = re.compile(r"/dev/drbd(?:/by-disk/)?(\d+)")
_BY_NAME = re.compile(r"/dev/drbd/by-res/([^/]+)(?:/\d+)?")


@dataclass(frozen=True)
class NodeWord:
    """What is known of one node's replication, and why not more."""

    node: str
    row: DrbdNode | None = None
    seen: Seen | None = None
    fault: Refusal | None = None
    is_now: bool = False

    @property
    def seen_at(self) -> datetime | None:
        """When it answered last."""
        if self.seen is not None:
            return self.seen.at
        return self.row.last_seen_at if self.row else None

    @property
    def lvm(self) -> LvmReport:
        """Its volume groups as they were read last."""
        return (
            msgspec.convert(self.row.lvm, LvmReport) if self.row and self.row.lvm else LvmReport()
        )


@dataclass(frozen=True)
class Known:
    """Everything that is recorded of a cluster's replication. `access` None: nobody set it up."""

    access: SshAccess | None = None
    words: tuple[NodeWord, ...] = ()
    resources: Mapping[str, DrbdResource] = field(default_factory=dict)
    sides: Mapping[tuple[str, str], DrbdSide] = field(default_factory=dict)  # resource, node

    @property
    def is_on(self) -> bool:
        """Whether anybody asks the nodes."""
        return self.access is not None and self.access.is_on

    def word(self, node: str) -> NodeWord:
        """What is known of this node."""
        return next((word for word in self.words if word.node == node), NodeWord(node))


def known_of(cluster: Cluster, now: datetime) -> Known:
    """What is known of the cluster's replication, in at most five queries."""
    access = SshAccess.objects.filter(cluster=cluster).defer("encrypted_key").first()
    if access is None:
        return Known()
    rows = {row.node: row for row in DrbdNode.objects.filter(cluster=cluster)}
    names = cluster.nodes.order_by("name").values_list("name", flat=True)
    seen = _last_statuses(cluster)
    words = tuple(
        _word(name, rows.get(name), seen.get(name), now if access.is_on else None)
        for name in dict.fromkeys([*names, *rows])
    )
    resources = {row.name: row for row in DrbdResource.objects.filter(cluster=cluster)}
    sides = DrbdSide.objects.filter(resource__cluster=cluster).select_related("resource")
    return Known(access, words, resources, {(row.resource.name, row.node): row for row in sides})


def _last_statuses(cluster: Cluster) -> dict[str, Seen]:
    """Without Redis the records still tell states, only as not of now."""
    try:
        return last_statuses(cluster.pk)
    except RedisError:
        return {}


def _word(node: str, row: DrbdNode | None, seen: Seen | None, now: datetime | None) -> NodeWord:
    fault = Refusal.from_record(row.fault) if row and row.fault else None
    is_now = bool(now and seen and fault is None and now - seen.at <= STALE_AFTER)
    return NodeWord(node, row, seen, fault, is_now)


def node_replications(known: Known) -> tuple[NodeReplication, ...]:
    """Each node's last answer, as hapanel.drbd joins them; who is not seen now says why."""
    return tuple(_replication(known, word) for word in known.words)


def _replication(known: Known, word: NodeWord) -> NodeReplication:
    because = None
    if not word.is_now:
        because = SWITCHED_OFF if not known.is_on else NOT_ASKED
        if word.fault is not None:
            because = word.fault.because()
    return NodeReplication(
        node=word.node,
        status=word.seen.status if word.seen else _recorded(known, word.node),
        seen_at=word.seen_at,
        unseen_because=because,
    )


def _recorded(known: Known, node: str) -> NodeStatus | None:
    """A status out of records, for when Redis lost what was measured."""
    states = [
        msgspec.convert(side.state, ResourceState)
        for (_resource, of), side in known.sides.items()
        if of == node
    ]
    return NodeStatus(resources=tuple(states)) if states else None


def resources_under_groups(known: Known) -> dict[tuple[str, str], str]:
    """(node, volume group) -> the DRBD resource that the group lies on there."""
    found = {}
    for word in known.words:
        minors = _minors(known, word)
        for disk in word.lvm.disks:
            resource = _resource_of(disk.pv, minors)
            if resource and disk.vg:
                found[word.node, disk.vg] = resource
    return found


def _minors(known: Known, word: NodeWord) -> dict[int, str]:
    status = word.seen.status if word.seen else _recorded(known, word.node)
    return {
        volume.minor: resource.name
        for resource in (status.resources if status else ())
        for volume in resource.volumes
        if volume.minor is not None
    }


def _resource_of(device: str, minors: Mapping[int, str]) -> str | None:
    if by_name := _BY_NAME.fullmatch(device):
        return by_name[1]
    by_minor = _BY_MINOR.fullmatch(device)
    return minors.get(int(by_minor[1])) if by_minor else None
