"""Where a reader arrives: the list of clusters, and one cluster's overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject

from hapanel.access import Permission, may
from hapanel.ha.readiness.condition import Finding
from hapanel.ha.readiness.judge import Headline, Readiness
from hapanel.ha.verdict import Code
from hapanel.observe.event_words import sentence
from hapanel.operations.readiness import at_a_glance, headline_of
from hapanel.operations.selectors import open_operations
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.replication_states import finding_shown
from hapanel.ui.states import Shown
from nodes.metrics import NodeMetrics
from nodes.models import Cluster, Node
from nodes.selectors import cluster_named, figures_of, last_events, measured, nodes_of, verdict_of
from vms.models import HaResource
from vms.replication import ClusterReplication, Resource, replication_of
from vms.selectors import GuestCounts, guest_counts

# So many guests are named one by one; a list of thousands tells no more than its length.
RISKS_NAMED = 10
RESOURCES_NAMED = 3
PARTS = ("verdict", "tiles", "running-operations", "risks", "events")


@dataclass(frozen=True, slots=True)
class NodeLine:
    """A node in the tile: its record and what it measures."""

    node: Node
    now: NodeMetrics


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """A cluster in the list of clusters."""

    cluster: Cluster
    headline: Headline
    nodes: list[Node]
    counts: GuestCounts


@dataclass(frozen=True, slots=True)
class HaCounts:
    """How many HA resources there are, and how many of them the manager has given up."""

    managed: int
    in_error: int


@dataclass(frozen=True, slots=True)
class Risks:
    """Guests that would not come back, the first of them, and how many there are."""

    guests: Sequence[Finding]
    total: int
    is_now: bool = False  # there is no quorum already


@requires(Permission.SEE_CLUSTERS)
def home(_request: HttpRequest) -> HttpResponse:
    """Straight to the only cluster; a list when there are several; an invitation when none."""
    names = list(Cluster.objects.values_list("name", flat=True)[:2])
    if len(names) == 1:
        return redirect("cluster", names[0])
    return redirect("clusters")


@requires(Permission.SEE_CLUSTERS)
def clusters(request: HttpRequest) -> HttpResponse:
    """All clusters with their verdicts."""
    known = Cluster.objects.order_by("name").defer("ca_pem", "encrypted_secret")
    context = {
        "lines": [_line(cluster) for cluster in known],
        "may_add": may(request.user, Permission.CHANGE_CLUSTERS),
        "section": "clusters",
    }
    return fragment(request, "web/clusters.html", context, "cluster-list")


def _line(cluster: Cluster) -> ClusterLine:
    nodes = nodes_of(cluster)
    return ClusterLine(cluster, headline_of(cluster, nodes), nodes, guest_counts(cluster))


@requires(Permission.SEE_CLUSTERS)
def cluster_overview(request: HttpRequest, cluster: str) -> HttpResponse:
    """The verdict first, then what it rests on."""
    found = cluster_named(cluster)
    nodes = nodes_of(found)
    judged: Any = SimpleLazyObject(lambda: at_a_glance(found, nodes))
    replication: Any = SimpleLazyObject(lambda: replication_of(found))
    # Each part refreshes on its own, so what it does not show must cost it nothing.
    context = {
        "cluster": found,
        "stale": found.is_stale(),
        "verdict": SimpleLazyObject(lambda: verdict_of(found, nodes)),
        "headline": SimpleLazyObject(lambda: judged.headline),
        "members": nodes,
        "nodes": SimpleLazyObject(lambda: _node_lines(found, nodes)),
        "online": sum(node.is_online for node in nodes),
        "missing": sum(not node.is_online for node in nodes),
        "replication": replication,
        "replication_lines": SimpleLazyObject(lambda: _worst_resources(replication)),
        "replication_worst": SimpleLazyObject(lambda: _worst(replication)),
        "counts": SimpleLazyObject(lambda: guest_counts(found)),
        "ha": SimpleLazyObject(lambda: _ha(found)),
        "risks": SimpleLazyObject(lambda: risks(judged)),
        "operations": open_operations(found).select_related("cluster")[:5],
        "events": SimpleLazyObject(lambda: [(e, sentence(e)) for e in last_events(found)]),
        "section": "overview",
    }
    return fragment(request, "web/overview.html", context, *PARTS)


def _worst_resources(replication: ClusterReplication) -> list[tuple[Resource, Shown]]:
    """The first few resources that are not well, the worst first."""
    lines = [(one, finding_shown(one.judgement.findings[0])) for one in replication.resources]
    return [line for line in lines if line[1].state != "ok"][:RESOURCES_NAMED]


def _worst(replication: ClusterReplication) -> Shown | None:
    first = next(iter(replication.resources), None)
    return finding_shown(first.judgement.findings[0]) if first else None


def _node_lines(cluster: Cluster, nodes: list[Node]) -> list[NodeLine]:
    figures = measured(cluster)
    return [NodeLine(node, figures_of(figures, node.name)) for node in nodes]


def _ha(cluster: Cluster) -> HaCounts:
    found = HaResource.objects.filter(cluster=cluster).aggregate(
        managed=Count("id"), in_error=Count("id", filter=Q(state="error"))
    )
    return HaCounts(**found)


def risks(judged: Readiness) -> Risks:
    """Guests under HA that would not be started elsewhere, as readiness and forecast have it."""
    found = judged.at_risk
    is_now = judged.votes.code is Code.NOT_QUORATE
    return Risks(found[:RISKS_NAMED], len(found), is_now)
