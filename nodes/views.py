"""Pages of a cluster's nodes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse

from hapanel.access import Permission
from hapanel.operations.models import Operation
from hapanel.operations.selectors import moving_vmids
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import page_of
from nodes.metrics import NodeMetrics
from nodes.models import Node
from nodes.selectors import cluster_named, figures_of, measured, node_named, nodes_of, storages_on
from vms.replication import replication_of
from vms.replication_node import node_sides
from vms.selectors import guests_of, rows_of


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node with what it measures, for one line of a table."""

    node: Node
    now: NodeMetrics
    guests: int = 0


@requires(Permission.SEE_CLUSTERS)
def node_list(request: HttpRequest, cluster: str) -> HttpResponse:
    """The cluster's nodes with their load, votes and guests."""
    found = cluster_named(cluster)
    figures = measured(found)
    counts = dict(
        guests_of(found).values_list("node").annotate(n=Count("id")).values_list("node", "n")
    )
    rows = [
        NodeRow(node, figures_of(figures, node.name), counts.get(node.name, 0))
        for node in nodes_of(found)
    ]
    context = {"cluster": found, "rows": rows, "stale": found.is_stale(), "section": "nodes"}
    return fragment(request, "nodes/nodes.html", context, "node-list")


@requires(Permission.SEE_CLUSTERS)
def node_summary(request: HttpRequest, cluster: str, node: str) -> HttpResponse:
    """What the node is and measures."""
    return _node_page(request, cluster, node, "summary")


@requires(Permission.SEE_CLUSTERS)
def node_guests(request: HttpRequest, cluster: str, node: str) -> HttpResponse:
    """The guests on the node."""
    return _node_page(request, cluster, node, "guests")


@requires(Permission.SEE_CLUSTERS)
def node_storage(request: HttpRequest, cluster: str, node: str) -> HttpResponse:
    """The storages that the node has."""
    return _node_page(request, cluster, node, "storage")


@requires(Permission.SEE_CLUSTERS)
def node_replication(request: HttpRequest, cluster: str, node: str) -> HttpResponse:
    """The node's side of each DRBD resource."""
    return _node_page(request, cluster, node, "replication")


@requires(Permission.SEE_OPERATIONS)
def node_tasks(request: HttpRequest, cluster: str, node: str) -> HttpResponse:
    """The panel's operations that came from or went to the node."""
    return _node_page(request, cluster, node, "tasks")


def _node_page(request: HttpRequest, cluster: str, name: str, section: str) -> HttpResponse:
    found = cluster_named(cluster)
    node = node_named(found, name)
    figures = measured(found)
    context: dict[str, object] = {
        "cluster": found,
        "node": node,
        "now": figures_of(figures, node.name),
        "stale": found.is_stale(),
        "section": section,
    }
    match section:
        case "guests":
            page = page_of(guests_of(found).filter(node=name).order_by("vmid"), request, size=100)
            context |= {"page": page, "rows": rows_of(found, page.rows, moving_vmids(found))}
        case "storage":
            context["storages"] = storages_on(found, name)
        case "replication":
            context |= node_sides(replication_of(found), node)
        case "tasks":
            touching = Operation.objects.filter(cluster=found).filter(
                Q(source=name) | Q(target=name)
            )
            context["page"] = page_of(touching.select_related("cluster"), request)
        case _:
            context["guest_count"] = guests_of(found).filter(node=name).count()
    return fragment(request, "nodes/node.html", context, "node-facts", "node-section")
