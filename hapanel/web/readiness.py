"""The page that says whether a cluster is ready to lose a node: conditions, then guests."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from hapanel.access import Permission
from hapanel.ha.readiness.condition import Met
from hapanel.helpdesk.selectors import services_by_guest
from hapanel.kernel.refusal import Refused
from hapanel.operations.readiness import readiness_of
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import Page, asked_page
from nodes.models import Cluster
from nodes.selectors import cluster_named, nodes_of

ROWS = 50


@requires(Permission.SEE_CLUSTERS)
def readiness_page(request: HttpRequest, cluster: str) -> HttpResponse:
    """Each condition with its evidence and remedy, what has to be mended first on top."""
    found = cluster_named(cluster)
    context: dict[str, Any] = {"cluster": found, "stale": found.is_stale(), "section": "readiness"}
    try:
        context |= _judged(request, found)
    except Refused as refused:
        context["refusal"] = refused.refusals[0]
    return fragment(request, "web/readiness.html", context, "readiness")


def _judged(request: HttpRequest, cluster: Cluster) -> dict[str, Any]:
    judged = readiness_of(cluster, nodes_of(cluster), services_by_guest(cluster))
    findings = sorted(judged.findings, key=lambda each: (not each.is_now, _ORDER[each.met]))
    number = asked_page(request)
    shown = findings[(number - 1) * ROWS : number * ROWS]
    page = Page(shown, number, ROWS, number * ROWS < len(findings), len(findings))
    return {
        "headline": judged.headline,
        "conditions": judged.conditions,
        "counts": judged.counts(),
        "findings": shown,
        "page": page,
    }


_ORDER = {Met.FAIL: 0, Met.WARN: 1, Met.UNKNOWN: 2, Met.OK: 3}
