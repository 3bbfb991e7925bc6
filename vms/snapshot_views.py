"""Removing a snapshot that the split-brain assistant took: the dialog, and the wish."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from hapanel.access import Permission
from hapanel.kernel.refusal import Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.remove_snapshot import RemovalWish, plan_removal, request_removal
from hapanel.ui.guard import requires
from nodes.selectors import cluster_named
from vms.replication_acts import ActForm, Dialog, answered

LABEL = _("Remove snapshot")
MEANING = _(
    "The copy of what this side had written before it gave its changes up is removed for good. The "
    "guests do not notice, and the room in the volume group is free again."
)


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def remove_snapshot(
    request: HttpRequest, cluster: str, resource: str, node: str, group: str, name: str
) -> HttpResponse:
    """The dialog of one snapshot on one node: a dialog for htmx, a page of its own without."""
    found, path = cluster_named(cluster), f"{group}/{name}"
    form = ActForm(request.POST if request.method == "POST" else None)
    typed = form.cleaned_data["confirm"] if form.is_bound and form.is_valid() else ""
    wish = RemovalWish(found, resource, node, path, typed)
    try:
        plan = plan_removal(wish)
    except Refused as refused:
        raise Http404(resource) from refused
    dialog = Dialog(
        cluster=found,
        resource=resource,
        node=node,
        label=LABEL,
        meaning=MEANING,
        plan=plan,
        url=reverse("remove-snapshot", args=[cluster, resource, node, group, name]),
    )
    return answered(request, dialog, form, lambda: request_removal(wish, page_asker(request)))
