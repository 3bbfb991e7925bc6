"""Acting on a resource from its page: what may be done, what hinders, and the wish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.views.decorators.http import require_http_methods, require_POST

from hapanel.access import Permission, may
from hapanel.drbd.actions import Action, refusals_of
from hapanel.drbd.findings import Code
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.cancel import request_cancel
from hapanel.operations.drbd_action import (
    DrbdPlan,
    DrbdWish,
    plan_drbd_action,
    request_drbd_action,
)
from hapanel.operations.drbd_scene import offered_scene
from hapanel.operations.models import Operation
from hapanel.ui.forms import PanelForm
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from nodes.models import Cluster
from nodes.selectors import cluster_named
from vms.replication import Resource
from vms.replication_words import LABELS, MEANINGS

DIALOG, INLINE = "dialog-content", "act-panel"
_OFFERED = tuple(action for action in Action if action is not Action.RESIZE)


class ActForm(PanelForm):
    """The node's name, where it has to be typed."""

    confirm = forms.CharField(required=False, max_length=63, strip=True)


@dataclass(frozen=True)
class Offer:
    """An action on a node: its name, and why it is not possible now."""

    action: Action
    label: str | Promise
    hindered: Refusal | None


@dataclass(frozen=True)
class NodeOffers:
    """What may be done on one node now, and what not."""

    node: str
    possible: tuple[Offer, ...]
    hindered: tuple[Offer, ...]


def offers_of(resource: Resource) -> list[NodeOffers]:
    """Every action on every side of the resource; a name that has to be typed hinders none."""
    found = []
    for side in resource.replication.sides:
        scene = offered_scene(resource, side.node)
        offers = []
        for action in _OFFERED:
            refusals = refusals_of(action, scene, confirm=side.node)
            offers.append(Offer(action, LABELS[action], refusals[0] if refusals else None))
        found.append(
            NodeOffers(
                side.node,
                tuple(one for one in offers if one.hindered is None),
                tuple(one for one in offers if one.hindered is not None),
            )
        )
    return found


# What mends a verdict with one order, on a node that the finding is about.
_CURES: dict[Code, Action] = {
    Code.DISCONNECTED: Action.CONNECT,
    Code.SYNC_PAUSED: Action.RESUME_SYNC,
    Code.DUAL_PRIMARY_UNEXPLAINED: Action.SECONDARY,
}


@dataclass(frozen=True)
class Cure:
    """An action that mends what is said of the resource."""

    node: str
    action: Action
    label: str | Promise


def cures_of(resource: Resource, offers: Sequence[NodeOffers]) -> list[Cure]:
    """What can be done about the verdict now, where one order does it."""
    possible = {(one.node, offer.action) for one in offers for offer in one.possible}
    wanted = [
        (node, _CURES[finding.code])
        for finding in resource.judgement.findings
        if finding.code in _CURES
        for node in finding.nodes
    ]
    return [
        Cure(node, action, LABELS[action])
        for node, action in dict.fromkeys(wanted)
        if (node, action) in possible
    ]


@dataclass(frozen=True)
class Dialog:
    """What the dialog of an act shows: its name, what it means, its plan, and where it posts."""

    cluster: Cluster
    resource: str
    node: str
    label: str | Promise
    meaning: str | Promise
    plan: DrbdPlan
    url: str


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, cluster: str, resource: str, node: str, action: str) -> HttpResponse:
    """The dialog of one action on one node: a dialog for htmx, a page of its own without."""
    if action not in set(Action):
        raise Http404(action)
    found, wanted = cluster_named(cluster), Action(action)
    form = ActForm(request.POST if request.method == "POST" else None)
    typed = form.cleaned_data["confirm"] if form.is_bound and form.is_valid() else ""
    wish = DrbdWish(found, resource, node, wanted, typed)
    try:
        plan = plan_drbd_action(wish)
    except Refused as refused:
        raise Http404(resource) from refused
    dialog = Dialog(
        cluster=found,
        resource=resource,
        node=node,
        label=LABELS[wanted],
        meaning=MEANINGS[wanted],
        plan=plan,
        url=reverse("replication-act", args=[cluster, resource, node, action]),
    )
    return answered(request, dialog, form, lambda: request_drbd_action(wish, page_asker(request)))


def answered(
    request: HttpRequest, dialog: Dialog, form: ActForm, ask: Callable[[], Operation]
) -> HttpResponse:
    """The dialog, or once it was sent what came of the wish that `ask` records.

    The rule table is asked here: the dialog itself may be seen by everybody.
    """
    if not form.is_bound or not form.is_valid():
        return _shown(request, dialog, form, status=422 if form.is_bound else 200)
    if not may(request.user, Permission.REPAIR_REPLICATION):
        return _shown(request, dialog, ActForm(), status=403)
    try:
        operation = ask()
    except Refused as refused:
        form.refuse(Refused(*(one for one in refused.refusals if one.field == "confirm")))
        return _shown(request, dialog, form, status=422)
    if request.headers.get("HX-Request") == "true":
        return progress(request, dialog.cluster, operation)
    return redirect(operation)


def _shown(request: HttpRequest, dialog: Dialog, form: ActForm, *, status: int) -> HttpResponse:
    context: dict[str, Any] = {
        "cluster": dialog.cluster,
        "dialog": dialog,
        "plan": dialog.plan,
        "hinders": [one for one in dialog.plan.refusals if one.field != "confirm"],
        "form": form,
        "may_repair": may(request.user, Permission.REPAIR_REPLICATION),
        "section": "replication",
    }
    return fragment(request, "vms/replication_act.html", context, DIALOG, INLINE, status=status)


@requires(Permission.REPAIR_REPLICATION)
@require_POST
def cancel(request: HttpRequest, operation_id: int) -> HttpResponse:
    """Ask that an operation on a resource stops: before it sent anything, or by pausing a sync."""
    operation = get_object_or_404(Operation, ~Q(resource=""), pk=operation_id)
    refusals: tuple[Refusal, ...] = ()
    try:
        operation = request_cancel(operation, page_asker(request))
    except Refused as refused:
        refusals = refused.refusals
    if request.headers.get("HX-Request") != "true":
        return redirect(operation)
    context = {"op": operation, "refusals": refusals, "may_cancel": True}
    return fragment(request, "web/operation.html", context, "operation-progress")


def progress(request: HttpRequest, cluster: Cluster, operation: Operation) -> HttpResponse:
    """The recorded operation in the dialog's place."""
    context = {
        "cluster": cluster,
        "op": operation,
        "may_cancel": may(request.user, Permission.REPAIR_REPLICATION),
        "section": "replication",
    }
    return fragment(request, "vms/replication_progress.html", context, DIALOG, INLINE)
