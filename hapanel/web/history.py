"""What was done: the task drawer, operations, the audit log."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from hapanel.access import Permission, may
from hapanel.audit.models import Entry
from hapanel.operations.models import HOLDING_STATES, Kind, Operation, State, TimelineEntry
from hapanel.operations.words import timeline_text
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import page_of
from hapanel.ui.words import with_local_decimals
from nodes.models import Cluster

# Filters of the operations page: value of ?state= -> states.
GROUPS = {
    "open": HOLDING_STATES,
    "succeeded": (State.SUCCEEDED,),
    "failed": (State.FAILED, State.NEEDS_ATTENTION),
}


@requires(Permission.SEE_OPERATIONS)
def tasks_part(request: HttpRequest) -> HttpResponse:
    """Both halves of the task drawer: its line, and its table out of band."""
    return render(request, "web/tasks_part.html")


@requires(Permission.SEE_OPERATIONS)
def operations(request: HttpRequest) -> HttpResponse:
    """All operations, newest first, filtered by state, cluster and who asked."""
    rows = Operation.objects.select_related("cluster")
    state, cluster = request.GET.get("state", ""), request.GET.get("cluster", "")
    asked_by = request.GET.get("by", "").strip()
    if state in GROUPS:
        rows = rows.filter(state__in=GROUPS[state])
    if cluster:
        rows = rows.filter(cluster__name=cluster)
    if asked_by:
        rows = rows.filter(actor__iexact=asked_by)
    context = {
        "page": page_of(rows, request),
        "state": state,
        "cluster_filter": cluster,
        "asked_by": asked_by,
        "cluster_names": Cluster.objects.values_list("name", flat=True),
        "section": "operations",
    }
    return fragment(request, "web/operations.html", context, "operation-list")


@requires(Permission.SEE_OPERATIONS)
def operation(request: HttpRequest, operation_id: int) -> HttpResponse:
    """One operation: progress or result, timeline, log."""
    found = get_object_or_404(Operation.objects.select_related("cluster"), pk=operation_id)
    if "follow" in request.GET and _was_added(found):
        if request.GET["follow"] == "ssh":
            return _go(request, f"{reverse('cluster-setting', args=[found.subject])}#ssh")
        return _go(request, reverse("cluster", args=[found.subject]))
    context = {
        "op": found,
        "cluster": found.cluster if found.kind == Kind.MIGRATE or found.is_about_ha else None,
        "section": "operations",
        "may_cancel": may(request.user, Permission.MIGRATE_GUESTS),
        "timeline": _told(found),
        "log": found.log_lines.order_by("n"),
    }
    return fragment(request, "web/operation.html", context, "operation-progress", "operation-log")


def _was_added(operation: Operation) -> bool:
    return operation.kind == Kind.ADD_CLUSTER and operation.state == State.SUCCEEDED


def _go(request: HttpRequest, path: str) -> HttpResponse:
    """Lead the whole page on, also when only a part of it asked."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": path})
    return redirect(path)


def _told(operation: Operation) -> list[tuple[TimelineEntry, str]]:
    lines = operation.timeline.all()
    return [(e, with_local_decimals(timeline_text(e.code, e.params))) for e in lines]


@requires(Permission.SEE_AUDIT)
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, when, from where, and how it ended."""
    entries = _matching(request.GET.get("q", "").strip()[:100])
    action = request.GET.get("action", "")
    if action:
        entries = entries.filter(action=action)
    context = {
        "page": page_of(entries, request, size=100),
        "query_text": request.GET.get("q", ""),
        "action": action,
        "actions": Entry.objects.order_by("action").values_list("action", flat=True).distinct(),
        "section": "audit",
    }
    return fragment(request, "web/audit.html", context, "audit-list")


def _matching(query: str) -> QuerySet[Entry]:
    if not query:
        return Entry.objects.all()
    return Entry.objects.filter(
        Q(actor__icontains=query) | Q(subject__icontains=query) | Q(address__startswith=query)
    )
