"""Dialogs that change HA: what is wished, what it would do, and the operation, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from hapanel.access import Permission, may
from hapanel.ha.change.refusals import NOT_CONFIRMED
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.kernel.names import service_id, vmid_of
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.ha_change import HaPlan, plan_ha_change, request_ha_change
from hapanel.operations.models import Kind
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from nodes.models import Cluster
from nodes.selectors import cluster_named, nodes_of
from vms.ha_forms import ChangeResourceForm, DisarmForm, ResourceForm, RuleForm
from vms.models import Guest, HaResource, HaRule
from vms.selectors import guests_of

DIALOG, INLINE = "dialog-content", "ha-change-panel"
# More guests than these are not listed to choose from; their number is typed.
MOST_LISTED = 300


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog. change: None as long as the form says nothing that could be planned. back: the
    page it belongs to; confirm: what has to be typed, blank for nothing."""

    cluster: Cluster
    verb: Verb
    subject: str
    back: str
    change: HaChange | None
    form: Form | None = None
    confirm: str = ""
    more: dict[str, Any] | None = None

    @property
    def title(self) -> str:
        """What is done, in the words of the operation that it becomes."""
        return str(Kind(self.verb.value).label)

    @property
    def permission(self) -> Permission:
        is_whole = self.verb in (Verb.DISARM, Verb.ARM)
        return Permission.DISARM_HA if is_whole else Permission.CHANGE_HA


def _answer(request: HttpRequest, dialog: Dialog) -> HttpResponse:
    """Show the dialog, or record what it was sent with."""
    if request.method != "POST":
        return _shown(request, dialog)
    if not may(request.user, dialog.permission):
        return _shown(request, dialog, status=403)
    if dialog.change is None:
        return _shown(request, dialog, status=422)
    if dialog.confirm and request.POST.get("confirm", "").strip() != dialog.confirm:
        return _shown(request, dialog, (NOT_CONFIRMED(wanted=dialog.confirm),), status=422)
    try:
        operation = request_ha_change(dialog.cluster, dialog.change, page_asker(request))
    except Refused as refused:
        return _shown(request, dialog, refused.refusals, status=422)
    if request.headers.get("HX-Request") != "true":
        return redirect(operation)
    context = _context(dialog) | {"op": operation, "may_cancel": True}
    return fragment(request, "vms/ha_change_progress.html", context, DIALOG, INLINE)


def _shown(
    request: HttpRequest, dialog: Dialog, refusals: tuple[Refusal, ...] = (), *, status: int = 200
) -> HttpResponse:
    plan: HaPlan | None = None
    if dialog.change is not None:
        plan = plan_ha_change(dialog.cluster, dialog.change)
    context = _context(dialog) | {
        "plan": plan,
        "refusals": [r for r in refusals if plan is None or r not in plan.refusals],
        "may_change": may(request.user, dialog.permission),
        "here": request.path,
    }
    return fragment(request, "vms/ha_change.html", context, DIALOG, INLINE, status=status)


def _context(dialog: Dialog) -> dict[str, Any]:
    return {
        "cluster": dialog.cluster,
        "stale": dialog.cluster.is_stale(),
        "dialog": dialog,
        "form": dialog.form,
        "section": "ha",
        **(dialog.more or {}),
    }


def _told(request: HttpRequest) -> Any:
    """What the form was filled in with, None when it is only being opened."""
    if request.method == "POST":
        return request.POST
    return request.GET if "filled" in request.GET else None


def _home(guest: Guest | None, cluster: Cluster, *, from_guest: bool) -> str:
    if guest is not None and from_guest:
        return reverse("guest-ha", args=[cluster.name, guest.vmid])
    return reverse("ha", args=[cluster.name])


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def add_resource(request: HttpRequest, cluster: str) -> HttpResponse:
    """Put a guest under HA."""
    found = cluster_named(cluster)
    free = guests_of(found).filter(ha_state="", template=False).order_by("vmid")
    listed = list(free[: MOST_LISTED + 1])
    wanted = request.GET.get("guest", "")
    first = listed[0].vmid if listed else None
    chosen = int(wanted[:9]) if wanted.isdecimal() else first
    form = ResourceForm(_told(request), initial={"guest": chosen})
    change = None
    if form.is_bound and form.is_valid():
        change = _addition(found, form.cleaned_data["guest"], form)
    elif not form.is_bound and chosen is not None:
        change = _addition(found, chosen, None)
    guest = Guest.objects.filter(cluster=found, vmid=chosen or 0, gone_at=None).first()
    dialog = Dialog(
        cluster=found,
        verb=Verb.ADD_RESOURCE,
        subject=str(guest) if guest and wanted else found.name,
        back=_home(guest, found, from_guest=bool(wanted) and not form.is_bound),
        change=change,
        form=form,
        more={"listed": listed if len(listed) <= MOST_LISTED else [], "no_guest": not listed},
    )
    return _answer(request, dialog)


def _addition(cluster: Cluster, vmid: int, form: ResourceForm | None) -> HaChange:
    guest = Guest.objects.filter(cluster=cluster, vmid=vmid, gone_at=None).first()
    sid = service_id(guest.guest_type, vmid) if guest else f"vm:{vmid}"
    if form is None:
        return HaChange(verb=Verb.ADD_RESOURCE, key=sid)
    return HaChange(verb=Verb.ADD_RESOURCE, key=sid, resource=form.settings())


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def change_resource(request: HttpRequest, cluster: str, sid: str) -> HttpResponse:
    """Change the settings of an HA resource."""
    found = cluster_named(cluster)
    resource = get_object_or_404(HaResource, cluster=found, sid=sid)
    form = ChangeResourceForm(resource, _told(request))
    change = None
    if form.is_bound and form.is_valid():
        change = HaChange(verb=Verb.CHANGE_RESOURCE, key=sid, resource=form.settings())
    return _answer(request, _of_resource(found, sid, Verb.CHANGE_RESOURCE, change, form=form))


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def remove_resource(request: HttpRequest, cluster: str, sid: str) -> HttpResponse:
    """Take a guest out of HA, after its number was typed."""
    found = cluster_named(cluster)
    get_object_or_404(HaResource, cluster=found, sid=sid)
    change = HaChange(verb=Verb.REMOVE_RESOURCE, key=sid)
    dialog = _of_resource(
        found, sid, Verb.REMOVE_RESOURCE, change, confirm=str(vmid_of(sid) or sid)
    )
    return _answer(request, dialog)


def _of_resource(
    cluster: Cluster,
    sid: str,
    verb: Verb,
    change: HaChange | None,
    *,
    form: Form | None = None,
    confirm: str = "",
) -> Dialog:
    guest = Guest.objects.filter(cluster=cluster, vmid=vmid_of(sid) or 0).first()
    return Dialog(
        cluster=cluster,
        verb=verb,
        subject=str(guest) if guest else sid,
        back=_home(guest, cluster, from_guest=True),
        change=change,
        form=form,
        confirm=confirm,
    )


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def add_rule(request: HttpRequest, cluster: str) -> HttpResponse:
    """Add an HA rule."""
    found = cluster_named(cluster)
    form = RuleForm(_managed(found), _names(found), _told(request))
    return _answer(request, _of_rule(found, Verb.ADD_RULE, found.name, form))


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def change_rule(request: HttpRequest, cluster: str, rule: str) -> HttpResponse:
    """Change an HA rule; its type stays."""
    found = cluster_named(cluster)
    known = get_object_or_404(HaRule, cluster=found, rule=rule)
    form = RuleForm(_managed(found), _names(found), _told(request), known=known)
    return _answer(request, _of_rule(found, Verb.CHANGE_RULE, rule, form))


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def remove_rule(request: HttpRequest, cluster: str, rule: str) -> HttpResponse:
    """Remove an HA rule; its guests stay under HA."""
    found = cluster_named(cluster)
    get_object_or_404(HaRule, cluster=found, rule=rule)
    change = HaChange(verb=Verb.REMOVE_RULE, key=rule)
    return _answer(
        request, Dialog(found, Verb.REMOVE_RULE, rule, reverse("ha", args=[found.name]), change)
    )


def _of_rule(cluster: Cluster, verb: Verb, subject: str, form: RuleForm) -> Dialog:
    change = form.change() if form.is_bound and form.is_valid() else None
    back = reverse("ha", args=[cluster.name])
    return Dialog(cluster, verb, subject, back, change, form)


def _managed(cluster: Cluster) -> dict[str, str]:
    """The guests that a rule can name."""
    sids = list(HaResource.objects.filter(cluster=cluster).values_list("sid", flat=True))
    vmids = [vmid for sid in sids if (vmid := vmid_of(sid)) is not None]
    labels = {guest.sid: str(guest) for guest in guests_of(cluster).filter(vmid__in=vmids)}
    return {sid: labels.get(sid, sid) for sid in sorted(sids, key=lambda sid: vmid_of(sid) or 0)}


def _names(cluster: Cluster) -> list[str]:
    return [node.name for node in nodes_of(cluster)]


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def arming(request: HttpRequest, cluster: str) -> HttpResponse:
    """Disarm HA after the cluster's name was typed, or arm it again."""
    found = cluster_named(cluster)
    back = reverse("ha", args=[found.name])
    if found.ha_armed_state.startswith("disarm"):
        change = HaChange(verb=Verb.ARM)
        return _answer(request, Dialog(found, Verb.ARM, found.name, back, change))
    told = _told(request)
    form = DisarmForm(told)
    mode = form.cleaned_data["mode"] if form.is_bound and form.is_valid() else "freeze"
    change = HaChange(verb=Verb.DISARM, mode=mode)
    return _answer(
        request,
        Dialog(found, Verb.DISARM, found.name, back, change, form, confirm=found.name),
    )
