"""The page that says whether there is room: for each node's death, and for a planned guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from hapanel.access import Permission
from hapanel.ha.capacity.loss import Arrival, Fit, Loss, Room
from hapanel.ha.capacity.planned import Planned
from hapanel.kernel.refusal import Refused
from hapanel.operations.readiness import capacity_of, planned_on
from hapanel.ui.forms import PanelForm
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from nodes.models import Cluster
from nodes.selectors import cluster_named

GIB = 1024**3
ARRIVALS_SHOWN = 50
_WORST = {Fit.NO: 0, Fit.UNKNOWN: 1, Fit.TIGHT: 2, Fit.FITS: 3}


class PlannedForm(PanelForm):
    """A guest that is only planned; sizes in GiB, as Proxmox's own page has them."""

    cores = forms.IntegerField(min_value=1, max_value=1024, label=_("Cores"))
    memory = forms.IntegerField(min_value=1, max_value=65536, label=_("Memory, GiB"))
    disk = forms.IntegerField(
        min_value=0, max_value=1_000_000, required=False, label=_("Disk, GiB")
    )
    storage = forms.ChoiceField(required=False, label=_("Storage"))

    def __init__(self, *args: Any, storages: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["storage"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("whichever fits")), *((name, name) for name in storages)]
        for name in ("cores", "memory", "disk"):
            self.fields[name].widget.attrs["class"] = "input input-short"

    def wish(self) -> Planned:
        """What was asked for, in bytes."""
        values = self.cleaned_data
        return Planned(
            cores=values["cores"],
            memory=values["memory"] * GIB,
            disk=(values["disk"] or 0) * GIB,
            storage=values["storage"],
        )


@requires(Permission.SEE_CLUSTERS)
def capacity_page(request: HttpRequest, cluster: str) -> HttpResponse:
    """What must fit where when each node dies, and one failure at length."""
    found = cluster_named(cluster)
    storages = (
        found.storages.filter(content__contains="images")
        .order_by("storage")
        .values_list("storage", flat=True)
        .distinct()
    )
    asked = request.GET if "cores" in request.GET else None
    form = PlannedForm(asked, storages=list(storages))
    context: dict[str, Any] = {
        "cluster": found,
        "stale": found.is_stale(),
        "section": "capacity",
        "form": form,
    }
    try:
        context |= _answers(request, found)
        if asked is not None and form.is_valid():
            context["plan"] = planned_on(found, form.wish())
    except Refused as refused:
        context["refusal"] = refused.refusals[0]
    return fragment(
        request, "web/capacity.html", context, "capacity", "planned", status=form.status
    )


def _answers(request: HttpRequest, cluster: Cluster) -> dict[str, Any]:
    losses = capacity_of(cluster)
    if not losses:
        return {"losses": ()}
    worst = min(losses, key=lambda loss: (_WORST[loss.fit], -loss.needs, loss.node))
    node = request.GET.get("node", "")
    chosen = next((loss for loss in losses if loss.node == node), worst)
    return {
        "losses": [(loss, _tightest(loss)) for loss in losses],
        "worst": worst,
        "chosen": chosen,
        "arrivals": sorted(chosen.arrivals, key=_by_need)[:ARRIVALS_SHOWN],
    }


def _by_need(arrival: Arrival) -> tuple[int, int]:
    return _WORST[arrival.fit], arrival.vmid


def _tightest(loss: Loss) -> Room | None:
    """The node that is left with the least memory in proportion."""

    return max(loss.rooms, key=lambda room: room.share_after or 0.0, default=None)
