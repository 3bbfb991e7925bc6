"""Pages of a cluster's guests and of what the HA manager knows of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from hapanel.access import Permission
from hapanel.helpdesk.selectors import services_by_guest
from hapanel.kernel.refusal import Refused
from hapanel.operations.readiness import readiness_of
from hapanel.operations.selectors import holding_operation, migrations_of, moving_vmids
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import Page, asked_page, page_of
from nodes.models import Cluster
from nodes.selectors import cluster_named, nodes_of
from vms.forms import LOAD_SORTS, SORTS, guest_filter, wanted_sort
from vms.models import Guest, GuestDisk, HaResource, HaRule
from vms.selectors import (
    GuestFilter,
    by_load,
    guest_counts,
    guest_numbered,
    guests_of,
    rows_of,
)

PAGE = 50
SUMMARY_PARTS = ("guest-head", "guest-actions", "guest-running", "guest-now", "guest-past")


@requires(Permission.SEE_CLUSTERS)
def guest_list(request: HttpRequest, cluster: str) -> HttpResponse:
    """The cluster's guests, searched, filtered, sorted, a page at a time."""
    found = cluster_named(cluster)
    wanted = guest_filter(request.GET)
    counts = guest_counts(found)
    sort, downwards = wanted_sort(request.GET)
    page = _guest_page(request, found, wanted, None if wanted else counts.total)
    context = {
        "cluster": found,
        "stale": found.is_stale(),
        "page": page,
        "rows": rows_of(found, page.rows, moving_vmids(found)),
        "counts": counts,
        "wanted": wanted,
        "sort": sort,
        "downwards": downwards,
        "node_names": [node.name for node in nodes_of(found)],
        "section": "guests",
    }
    return fragment(request, "vms/guests.html", context, "guest-list")


def _guest_page(
    request: HttpRequest, cluster: Cluster, wanted: GuestFilter, total: int | None
) -> Page[Guest]:
    sort, downwards = wanted_sort(request.GET)
    rows = guests_of(cluster, wanted)
    if sort in LOAD_SORTS:
        return _page_by_load(request, cluster, wanted, LOAD_SORTS[sort], downwards)
    keys = [f"-{key}" if downwards else key for key in SORTS[sort]]
    return page_of(rows.order_by(*keys), request, PAGE, total)


def _page_by_load(
    request: HttpRequest, cluster: Cluster, wanted: GuestFilter, figure: str, downwards: bool
) -> Page[Guest]:
    """What is measured is not in the database: order the ids first, then fetch one page of them."""
    vmids = by_load(cluster, wanted, figure)
    if not downwards:
        vmids.reverse()
    number = asked_page(request)
    mine = vmids[(number - 1) * PAGE : number * PAGE]
    guests = {guest.vmid: guest for guest in guests_of(cluster).filter(vmid__in=mine)}
    rows = [guests[vmid] for vmid in mine if vmid in guests]
    return Page(rows, number, PAGE, number * PAGE < len(vmids), len(vmids))


@requires(Permission.SEE_CLUSTERS)
def guest_summary(request: HttpRequest, cluster: str, vmid: int) -> HttpResponse:
    """What the guest is, where it is, what it measures."""
    context = guest_context(cluster, vmid, "summary")
    context["disks"] = GuestDisk.objects.filter(guest=context["guest"]).order_by("key")
    context["past"] = _past_moves(context["cluster"], vmid)
    return fragment(request, "vms/guest.html", context, *SUMMARY_PARTS)


@requires(Permission.SEE_CLUSTERS)
def guest_ha(request: HttpRequest, cluster: str, vmid: int) -> HttpResponse:
    """What the HA manager knows of the guest, and the rules that name it."""
    context = guest_context(cluster, vmid, "ha")
    guest: Guest = context["guest"]
    context["resource"] = HaResource.objects.filter(cluster=guest.cluster, sid=guest.sid).first()
    rules = HaRule.objects.filter(cluster=guest.cluster)
    context["rules"] = [rule for rule in rules if guest.sid in rule.resources]
    context |= _readiness(context["cluster"], guest)
    return fragment(request, "vms/guest_ha.html", context, "guest-ha")


def _readiness(cluster: Cluster, guest: Guest) -> dict[str, Any]:
    """What stands against the guest being started elsewhere; why nobody can tell."""
    try:
        judged = readiness_of(cluster, nodes_of(cluster), services_by_guest(cluster))
    except Refused as refused:
        return {"refusal": refused.refusals[0]}
    return {"findings": judged.of_guest(guest.sid), "is_judged": guest.is_under_ha}


@requires(Permission.SEE_OPERATIONS)
def guest_history(request: HttpRequest, cluster: str, vmid: int) -> HttpResponse:
    """Every operation of the panel on the guest."""
    context = guest_context(cluster, vmid, "history")
    past = migrations_of(context["cluster"], vmid).select_related("cluster")
    context["page"] = page_of(past, request)
    return fragment(request, "vms/guest_history.html", context, "guest-history")


def guest_context(cluster_name: str, vmid: int, section: str) -> dict[str, Any]:
    """What every page of a guest needs. Raises Http404."""
    cluster = cluster_named(cluster_name)
    guest = guest_numbered(cluster, vmid)
    running = holding_operation(cluster, vmid)
    row = rows_of(cluster, [guest], moving_vmids(cluster))[0]
    return {
        "cluster": cluster,
        "guest": guest,
        "row": row,
        "running": running,
        "stale": cluster.is_stale() or guest.last_seen_at is not None,
        "section": section,
    }


def _past_moves(cluster: Cluster, vmid: int) -> Any:
    return migrations_of(cluster, vmid).filter(ended_at__isnull=False)[:5]


@requires(Permission.SEE_CLUSTERS)
def ha(request: HttpRequest, cluster: str) -> HttpResponse:
    """HA resources, rules, and the state of manager and local managers."""
    found = cluster_named(cluster)
    names = {
        f"{'vm' if kind == 'qemu' else 'ct'}:{vmid}": (vmid, name, kind)
        for vmid, name, kind in guests_of(found).values_list("vmid", "name", "type")
    }
    resources = [
        (resource, names.get(resource.sid)) for resource in HaResource.objects.filter(cluster=found)
    ]
    # As guests stand everywhere else: by their number, those that are not known last.
    resources.sort(key=lambda line: (line[1] is None, line[1][0] if line[1] else 0))
    context = {
        "cluster": found,
        "stale": found.is_ha_stale(),
        "ha_untold": found.is_ha_stale() and not found.is_stale(),
        "resources": resources,
        "rules": HaRule.objects.filter(cluster=found),
        "groups": sorted({resource.group for resource, _guest in resources if resource.group}),
        "nodes": nodes_of(found),
        "section": "ha",
    }
    return fragment(request, "vms/ha.html", context, "ha-manager", "ha-resources", "ha-rules")
