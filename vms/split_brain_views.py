"""The split-brain assistant: both sides' evidence, a victim and why, the steps, and the wish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from hapanel.access import Permission, may
from hapanel.drbd.split_brain import CopyEvidence
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.models import HOLDING_STATES, Kind, Operation
from hapanel.operations.split_brain import (
    Case,
    Recovery,
    SplitBrainWish,
    recorded_case,
    request_split_brain,
)
from hapanel.ui.forms import PanelForm
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.words import bytes_text
from nodes.models import Cluster
from nodes.selectors import cluster_named
from vms.by_hand import Command, commands_for

PART = "split-brain"


class SplitBrainForm(PanelForm):
    """Whose changes are given up, its name typed, and whether that is without a copy."""

    victim = forms.CharField(max_length=63)
    confirm = forms.CharField(
        label=_("Name of the node whose changes are given up"), required=False, max_length=63
    )
    copy_to = forms.CharField(
        label=_("Where the copies go"),
        required=False,
        max_length=100,
        widget=forms.Select,
        help_text=_("Guests run on both sides: those of the side that gives up are copied first."),
    )
    without_copy = forms.BooleanField(
        label=_("Go on without a copy: what this side alone has written is lost"), required=False
    )

    def offer(self, case: Case) -> None:
        """Let a storage be chosen where copies are made; without guests on both sides there is
        nothing to choose."""
        rescues = [(way.victim, way.rescue) for way in case.ways if way.rescue]
        if not rescues:
            del self.fields["copy_to"]
            return
        del self.fields["without_copy"]
        rooms: dict[str, list[str]] = {}
        for node, rescue in rescues:
            for one in rescue.choices:
                room = bytes_text(one.free) if one.free is not None else "?"
                told = gettext("%(node)s: %(room)s free") % {"node": node, "room": room}
                shared = f", {gettext('shared')}" if one.shared else ""
                rooms.setdefault(one.storage, []).append(f"{told}{shared}")
        most = [("", gettext("The one with most room"))]
        named = [(name, f"{name} ({'; '.join(each)})") for name, each in rooms.items()]
        select = self.fields["copy_to"].widget
        assert isinstance(select, forms.Select)
        select.choices = [*most, *named]


@dataclass(frozen=True)
class SideShown:
    """One side: what is known of each of its copies, the way that gives it up, and its commands."""

    node: str
    copies: tuple[CopyEvidence, ...]
    way: Recovery
    refused: Refusal | None
    commands: tuple[Command, ...]


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def split_brain(request: HttpRequest, cluster: str, resource: str) -> HttpResponse:
    """The assistant of one resource; while a recovery runs it shows that instead."""
    found = cluster_named(cluster)
    try:
        case = recorded_case(found, resource)
    except Refused as refused:
        raise Http404(resource) from refused
    form = _form(request.POST if request.method == "POST" else None, case)
    refusals: tuple[Refusal, ...] = ()
    if request.method == "POST":
        if not may(request.user, Permission.REPAIR_REPLICATION):
            return _page(request, found, resource, case, _form(None, case), (), status=403)
        if form.is_valid():
            try:
                return redirect(
                    request_split_brain(_wish(found, resource, form), page_asker(request))
                )
            except Refused as refused:
                refusals = refused.refusals
    status = 422 if form.is_bound else 200
    return _page(request, found, resource, case, form, refusals, status=status)


def _form(data: QueryDict | None, case: Case | None) -> SplitBrainForm:
    form = SplitBrainForm(data)
    if case is not None:
        form.offer(case)
    return form


def _wish(cluster: Cluster, resource: str, form: SplitBrainForm) -> SplitBrainWish:
    told = form.cleaned_data
    return SplitBrainWish(
        cluster,
        resource,
        told["victim"],
        told["confirm"],
        told.get("without_copy", False),
        told.get("copy_to", ""),
    )


def _page(
    request: HttpRequest,
    cluster: Cluster,
    resource: str,
    case: Case | None,
    form: SplitBrainForm,
    refusals: tuple[Refusal, ...],
    *,
    status: int,
) -> HttpResponse:
    recoveries = Operation.objects.filter(
        cluster=cluster, resource=resource, kind=Kind.RESOLVE_SPLIT_BRAIN
    ).order_by("-pk")
    context: dict[str, Any] = {
        "cluster": cluster,
        "resource": resource,
        "case": case,
        "sides": [_side(case, way) for way in case.ways] if case else [],
        "rescues": bool(case and any(way.rescue for way in case.ways)),
        "running": recoveries.filter(state__in=HOLDING_STATES).first(),
        "last": recoveries.first(),
        "form": form,
        "refusals": refusals,
        "may_repair": may(request.user, Permission.REPAIR_REPLICATION),
        "section": "replication",
    }
    return fragment(request, "vms/split_brain.html", context, PART, status=status)


def _side(case: Case, way: Recovery) -> SideShown:
    copies = tuple(one for pair in case.divergence.copies for one in pair if one.node == way.victim)
    refused = way.refusals[0] if way.refusals else None
    return SideShown(way.victim, copies, way, refused, commands_for(case, way))
