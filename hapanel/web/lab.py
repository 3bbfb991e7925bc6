"""The Lab page: lay hands on machines that are not real, and watch what comes of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from hapanel.access import Permission
from hapanel.celery import app
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.live.attention import Watched, note_watcher
from hapanel.live.lab_picture import STALE_SECONDS, LabLook, last_look
from hapanel.operations.asking import page_asker
from hapanel.operations.forecasts import forecast_each
from hapanel.operations.models import Kind, Operation
from hapanel.operations.switch_lab import (
    LabWish,
    Switch,
    cluster_of,
    request_switch_lab,
    summary_of,
)
from hapanel.ports.lab import LabNetwork, LabNode, LabPicture
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.lab_words import NETWORKS
from hapanel.web.lab_drawing import cable_state, drawing_of
from hapanel.web.lab_forms import LabFaultForm, LabSwitchForm
from nodes.models import Cluster

# A picture that is older is read again at once, before beat comes round.
FRESH_SECONDS = 1.5
SHOWN_OPERATIONS = 6
_Page = Callable[..., HttpResponse]


def _where_a_lab_is(view: _Page) -> _Page:
    """404 as long as no lab is configured."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.LAB_URL:
            raise Http404("no lab is configured")
        return view(request, *args, **kwargs)

    return guarded


@dataclass(frozen=True, slots=True)
class CableRow:
    """One cable of a node. state: ok, cut or frayed."""

    network: str
    name: Any
    state: str


@dataclass(frozen=True, slots=True)
class NodeCard:
    """The switches of one node."""

    name: str
    node: LabNode
    cables: list[CableRow]
    foretold: dict[str, Any] | None

    @property
    def is_any_cut(self) -> bool:
        return any(cable.state != "ok" for cable in self.cables)


@requires(Permission.SWITCH_LAB)
@_where_a_lab_is
@require_http_methods(["GET", "POST"])
def lab(request: HttpRequest) -> HttpResponse:
    """Drawing, switches and faults; a POST asks for one switch."""
    refusals: tuple[Refusal, ...] = ()
    if request.method == "POST":
        form = LabSwitchForm(request.POST)
        if not form.is_valid():
            return HttpResponseBadRequest()
        try:
            request_switch_lab(form.wish(), page_asker(request))
        except Refused as refused:
            refusals = refused.refusals
        else:
            if request.headers.get("HX-Request") != "true":
                return redirect("lab")
    context = {**_context(), "refusals": refusals}
    status = 422 if refusals else 200
    return fragment(request, "web/lab.html", context, "lab", "lab-faults", status=status)


@requires(Permission.SWITCH_LAB)
@_where_a_lab_is
@require_http_methods(["GET", "POST"])
def cut_power(request: HttpRequest, node: str) -> HttpResponse:
    """The dialog before a node's power goes: what the panel foretells, and its name typed back."""
    refusals: tuple[Refusal, ...] = ()
    if request.method == "POST":
        wish = LabWish(switch=Switch.CRASH, node=node)
        try:
            operation = request_switch_lab(
                wish, page_asker(request), confirm=request.POST.get("confirm", "")
            )
        except Refused as refused:
            refusals = refused.refusals
        else:
            if request.headers.get("HX-Request") != "true":
                return redirect(operation)
            return render(request, "web/operation_progress.html", {"op": operation})
    look = _look()
    if look.picture is not None and node not in look.picture.nodes:
        raise Http404(node)
    cluster = cluster_of(look.picture) if look.picture else None
    context = {
        "node": node,
        "cluster": cluster,
        "foretold": _foretold(cluster).get(node),
        "refusals": refusals,
        "section": "lab",
    }
    status = 422 if refusals else 200
    return fragment(request, "web/lab_power.html", context, "dialog-content", status=status)


def _look() -> LabLook:
    """What is known of the lab; a worker is asked to read it anew when that is some time ago."""
    try:
        note_watcher(Watched.LAB)
        look = last_look()
        if look.age > FRESH_SECONDS:
            app.send_task("read_lab", expires=3, retry=False)
    except (RedisError, OperationalError):
        return LabLook()
    return look


def _context() -> dict[str, Any]:
    look = _look()
    picture = look.picture
    cluster = cluster_of(picture) if picture else None
    return {
        "look": look,
        "stale_after": STALE_SECONDS,
        "lab_cluster": cluster,
        "drawing": drawing_of(picture) if picture else None,
        "cards": _cards(picture, _foretold(cluster)) if picture else [],
        "fault_form": LabFaultForm(picture.nodes if picture else ()),
        "done": Operation.objects.filter(kind=Kind.SWITCH_LAB)
        .select_related("cluster")
        .prefetch_related("timeline")[:SHOWN_OPERATIONS],
        "section": "lab",
    }


def _cards(picture: LabPicture, foretold: dict[str, dict[str, Any]]) -> list[NodeCard]:
    return [
        NodeCard(
            name,
            node,
            [CableRow(n, NETWORKS[n], cable_state(picture, name, n)) for n in LabNetwork],
            foretold.get(name),
        )
        for name, node in picture.nodes.items()
    ]


def _foretold(cluster: Cluster | None) -> dict[str, dict[str, Any]]:
    """What the panel says of each node's death, by name; empty while it can say nothing."""
    if cluster is None:
        return {}
    try:
        return {told.fail[0]: summary_of(told) for told in forecast_each(cluster)}
    except Refused:
        return {}
