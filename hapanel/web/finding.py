"""Finding things: the search over everything, and the tree with its filter."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from hapanel.access import Permission
from hapanel.operations.models import Operation
from hapanel.ui.guard import requires
from nodes.models import Cluster, Node
from vms.models import Guest

SHOWN = 25


@requires(Permission.SEE_CLUSTERS)
def tree_part(request: HttpRequest) -> HttpResponse:
    """The tree alone, filtered by `?q=`; without htmx the search page takes its place."""
    query = request.GET.get("q", "").strip()
    if request.headers.get("HX-Request") != "true":
        return redirect(f"/search/?q={query}")
    return render(request, "web/tree_part.html", {"query": query, "is_tree": True})


@requires(Permission.SEE_CLUSTERS)
def search(request: HttpRequest) -> HttpResponse:
    """Guests, nodes, clusters and operations whose name, id or tag holds `?q=`."""
    query = request.GET.get("q", "").strip()[:100]
    context: dict[str, object] = {"query": query, "section": "search"}
    if query:
        guests = _guests(query)
        context |= {
            "guests": guests[:SHOWN],
            "more_guests": len(guests) > SHOWN,
            "nodes": Node.objects.filter(name__icontains=query).select_related("cluster")[:SHOWN],
            "clusters": Cluster.objects.filter(name__icontains=query)[:SHOWN],
            "operations": _operations(query),
        }
        only = (
            guests[0]
            if len(guests) == 1 and query in {str(guests[0].vmid), guests[0].name}
            else None
        )
        if only:
            return redirect(only)
    return render(request, "web/search.html", context)


def _guests(query: str) -> list[Guest]:
    match = Q(name__icontains=query) | Q(tags__icontains=query)
    if query.isdecimal():
        match |= Q(vmid__startswith=query)
    found = Guest.objects.filter(match, gone_at=None).select_related("cluster")
    return list(found.order_by("cluster__name", "vmid")[: SHOWN + 1])


def _operations(query: str) -> list[Operation]:
    match = Q(subject__icontains=query) | Q(actor__iexact=query)
    if query.isdecimal():
        match |= Q(pk=int(query[:18]))
    return list(Operation.objects.filter(match).select_related("cluster")[:SHOWN])
