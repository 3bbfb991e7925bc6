"""Questions that pages and the API ask about clusters, nodes and storages."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from redis.exceptions import RedisError

from hapanel.ha import verdict as verdicts
from hapanel.ha.quorum import Ballot, ballot
from hapanel.ha.verdict import Verdict
from hapanel.ports.cluster import NodeVotes, QDevice
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from nodes.metrics import ClusterMetrics, NodeMetrics, cluster_metrics
from nodes.models import Cluster, Event, Node, NodeStatus, Storage


def cluster_named(name: str) -> Cluster:
    """The cluster of that name, without its secret and CA. Raises Http404."""
    found = Cluster.objects.defer("encrypted_secret", "ca_pem").filter(name=name).first()
    if found is None:
        raise Http404(name)
    return found


def nodes_of(cluster: Cluster) -> list[Node]:
    """The cluster's nodes by name, each knowing its cluster without another query."""
    nodes = list(Node.objects.filter(cluster=cluster).order_by("name"))
    for node in nodes:
        node.cluster = cluster
    return nodes


def node_named(cluster: Cluster, name: str) -> Node:
    """One node of the cluster. Raises Http404."""
    found = Node.objects.filter(cluster=cluster, name=name).first()
    if found is None:
        raise Http404(name)
    found.cluster = cluster
    return found


def storages_on(cluster: Cluster, node: str) -> QuerySet[Storage]:
    """The storages of one node by name."""
    return Storage.objects.filter(cluster=cluster, node=node).order_by("storage")


def last_events(cluster: Cluster, count: int = 8) -> QuerySet[Event]:
    """What happened in the cluster, newest first."""
    return Event.objects.filter(cluster=cluster).order_by("-at", "-id")[:count]


def figures_of(figures: ClusterMetrics | None, node: str) -> NodeMetrics:
    """What one node measures; every figure is None when nothing is known."""
    found = figures.nodes.get(node) if figures else None
    return found or NodeMetrics(node)


def measured(cluster: Cluster) -> ClusterMetrics | None:
    """What the cluster measures right now; None when nothing is known, Redis being away included.

    A page that shows everything but the figures serves better than an error.
    """
    try:
        return cluster_metrics(cluster)
    except RedisError:
        return None


def verdict_of(cluster: Cluster, nodes: Sequence[Node]) -> Verdict:
    """What the cluster's votes say, judged from the records; unknown when they are too old."""
    if cluster.observed_at is None:
        return verdicts.unknown(cluster.name, verdicts.Unknown.NEVER_SEEN)
    if cluster.is_stale():
        age = round((timezone.now() - cluster.observed_at).total_seconds())
        return verdicts.unknown(cluster.name, verdicts.Unknown.TOO_OLD, age)
    votes = [
        NodeVotes(name=node.name, node_id=node.node_id, votes=node.votes)
        for node in nodes
        if node.votes is not None
    ]
    online = {node.name for node in nodes if node.is_online}
    qdevice = recorded_qdevice(cluster)
    quorate = cluster.quorate
    if quorate and _lost_meanwhile(cluster, nodes, ballot(votes, online, qdevice)):
        quorate = False
    return verdicts.judge(cluster.name, votes, online, qdevice, quorate)


def _lost_meanwhile(cluster: Cluster, nodes: Sequence[Node], counted: Ballot) -> bool:
    """Whether the votes are gone although the recorded quorum is still the old one.

    A node's loss is heard some seconds before the loss of the quorum that it means. Who lowered the
    expected votes by hand (pvecm expected) is believed, and so is a node that is merely silent.
    """
    gone = {node.name for node in nodes if node.status == NodeStatus.OFFLINE}
    return (
        not counted.is_quorate
        and counted.expected == cluster.expected_votes
        and set(counted.missing) <= gone
    )


def recorded_qdevice(cluster: Cluster) -> QDevice | None:
    """The QDevice as it was last read; None when it could not be."""
    known = cluster.qdevice or {}
    return msgspec.convert(known, QDevice) if "configured" in known else None


def recorded_groups(cluster: Cluster) -> tuple[HaGroup, ...] | None:
    """The HA groups as they were last read; None when they could not be."""
    known = cluster.ha_groups
    return None if known is None else msgspec.convert(known, tuple[HaGroup, ...])


def recorded_options(cluster: Cluster) -> DatacenterOptions | None:
    """The datacenter's options as they were last read; None when they could not be."""
    known = cluster.datacenter_options
    return None if known is None else msgspec.convert(known, DatacenterOptions)
