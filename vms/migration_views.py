"""Migrating a guest: dialog, wish and progress in one place, and the list of all moves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from hapanel.access import Permission, may
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.cancel import request_cancel
from hapanel.operations.migrate import plan_migration, rank_targets, request_migration
from hapanel.operations.models import HA_KINDS, Kind, Operation
from hapanel.operations.resolve import resolve
from hapanel.operations.selectors import migrations_of
from hapanel.operations.wishes import MigrationPlan, MigrationWish, Resolution, TargetChoice
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import page_of
from nodes.selectors import cluster_named
from vms.forms import MigrationForm, SettleForm
from vms.models import Guest
from vms.views import guest_context

DIALOG = "dialog-content"
INLINE = "migrate-panel"


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def migrate(request: HttpRequest, cluster: str, vmid: int) -> HttpResponse:
    """The migration dialog of one guest: as a dialog for htmx, as a page of its own without."""
    context = guest_context(cluster, vmid, "migrate")
    if request.method == "POST":
        return _ask(request, context)
    return _dialog(
        request, context, MigrationForm(request.GET if "target" in request.GET else None)
    )


def _dialog(
    request: HttpRequest,
    context: dict[str, Any],
    form: MigrationForm,
    refusals: tuple[Refusal, ...] = (),
) -> HttpResponse:
    running: Operation | None = context["running"]
    if running is not None:
        return _progress(request, context, running)
    guest: Guest = context["guest"]
    choices = rank_targets(guest)
    chosen = _chosen(choices, form.data.get("target", ""))
    context |= {
        "form": form,
        "choices": choices,
        "chosen": chosen,
        "plan": _plan(guest, chosen, form) if chosen else None,
        "hinders_all": _common_refusal(choices),
        "refusals": refusals,
        "may_migrate": may(request.user, Permission.MIGRATE_GUESTS),
    }
    status = 422 if refusals or form.errors else 200
    return fragment(request, "vms/migrate.html", context, DIALOG, INLINE, status=status)


def _chosen(choices: list[TargetChoice], wanted: str) -> TargetChoice | None:
    """The target that is asked for, else the best one, possible or not."""
    asked = [choice for choice in choices if choice.node == wanted]
    return next(iter([*asked, *choices]), None)


def _plan(guest: Guest, chosen: TargetChoice, form: MigrationForm) -> MigrationPlan:
    """The plan for the chosen target with the options as they stand in the form now."""
    if not form.is_bound or not form.is_valid():
        return chosen.plan
    told = {**form.wish(), "target": chosen.node}
    return plan_migration(MigrationWish(cluster=guest.cluster, vmid=guest.vmid, **told))


def _common_refusal(choices: list[TargetChoice]) -> Refusal | None:
    """What hinders every target alike, so that it is said once and not at each of them."""
    if not choices or any(choice.plan.is_possible for choice in choices):
        return None
    first = choices[0].plan.refusals[0]
    alike = all(first in choice.plan.refusals for choice in choices)
    return first if alike else None


def _ask(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Record the wish. The rule table is asked here: the dialog itself may be seen by everybody."""
    if not may(request.user, Permission.MIGRATE_GUESTS):
        return _dialog_for_who_may_not(request, context)
    form = MigrationForm(request.POST)
    if not form.is_valid():
        return _dialog(request, context, form)
    guest: Guest = context["guest"]
    wish = MigrationWish(cluster=guest.cluster, vmid=guest.vmid, **form.wish())
    try:
        operation = request_migration(wish, page_asker(request))
    except Refused as refused:
        return _dialog(request, context, form, refused.refusals)
    if request.headers.get("HX-Request") == "true":
        return _progress(request, context, operation)
    return redirect(operation)


def _dialog_for_who_may_not(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    response = _dialog(request, context, MigrationForm())
    response.status_code = 403
    return response


def _progress(request: HttpRequest, context: dict[str, Any], operation: Operation) -> HttpResponse:
    context |= {"op": operation, "may_cancel": may(request.user, Permission.MIGRATE_GUESTS)}
    return fragment(request, "vms/migrate_progress.html", context, DIALOG, INLINE)


@requires(Permission.MIGRATE_GUESTS)
@require_POST
def cancel_migration(request: HttpRequest, operation_id: int) -> HttpResponse:
    """Ask that a migration stops; the guest then stays where it runs now."""
    operation = get_object_or_404(Operation, pk=operation_id, kind=Kind.MIGRATE)
    refusals: tuple[Refusal, ...] = ()
    try:
        operation = request_cancel(operation, page_asker(request))
    except Refused as refused:
        refusals = refused.refusals
    if request.headers.get("HX-Request") != "true":
        return HttpResponseRedirect(operation.get_absolute_url())
    context = {"op": operation, "refusals": refusals, "may_cancel": True}
    return fragment(request, "web/operation.html", context, "operation-progress")


@requires(Permission.MIGRATE_GUESTS)
@require_POST
def settle_migration(request: HttpRequest, operation_id: int) -> HttpResponse:
    """A person says what became of a migration, or a change of HA, that needs attention."""
    operation = get_object_or_404(Operation, pk=operation_id, kind__in=[Kind.MIGRATE, *HA_KINDS])
    form = SettleForm(request.POST)
    if not form.is_valid():
        return HttpResponseRedirect(operation.get_absolute_url())
    told = form.cleaned_data
    try:
        resolve(operation, Resolution(told["how"]), page_asker(request), upid=told["upid"])
    except Refused as refused:
        for refusal in refused.refusals:
            messages.error(request, f"{refusal.because(gettext)} {refusal.remedy(gettext)}")
    return HttpResponseRedirect(operation.get_absolute_url())


@requires(Permission.SEE_OPERATIONS)
def migrations(request: HttpRequest, cluster: str) -> HttpResponse:
    """The cluster's migrations, and a way to start one."""
    found = cluster_named(cluster)
    context = {
        "cluster": found,
        "stale": found.is_stale(),
        "page": page_of(migrations_of(found).select_related("cluster"), request),
        "may_migrate": may(request.user, Permission.MIGRATE_GUESTS),
        "section": "migrations",
    }
    return fragment(request, "vms/migrations.html", context, "migration-list")
