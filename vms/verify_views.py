"""The page on which the verify of a resource is put on a schedule."""

from __future__ import annotations

from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from hapanel.access import Permission, may
from hapanel.audit.actor import actor_of
from hapanel.drbd.verify_times import Every, Weekday
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.models import VerifySchedule
from hapanel.operations.verify_schedule import (
    ScheduleWish,
    refusals_of_schedule,
    remove_schedule,
    schedule_of,
    set_schedule,
)
from hapanel.ui.forms import PanelForm
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from nodes.models import Cluster
from nodes.selectors import cluster_named
from vms.verify_words import DAYS, EVERY, rhythm_sentence

USUAL = {"every": Every.WEEK.value, "weekday": Weekday.SUN.value, "at": time(3)}


class ScheduleForm(PanelForm):
    """How often, on which day, at which hour."""

    every = forms.ChoiceField(
        label=_("How often"), choices=[(one.value, words) for one, words in EVERY.items()]
    )
    weekday = forms.ChoiceField(
        label=_("Day"), choices=[(one.value, words) for one, words in DAYS.items()]
    )
    at = forms.TimeField(
        label=_("Time"),
        input_formats=["%H:%M"],
        widget=forms.TimeInput(
            format="%H:%M", attrs={"type": "time", "class": "input input-short"}
        ),
        error_messages={"invalid": _("An hour such as 03:00 is expected.")},
    )

    def wish(self, cluster: Cluster, resource: str) -> ScheduleWish:
        """What a valid form asks for."""
        told = self.cleaned_data
        return ScheduleWish(
            cluster, resource, Every(told["every"]), Weekday(told["weekday"]), told["at"]
        )


@requires(Permission.SEE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def verify_schedule(request: HttpRequest, cluster: str, resource: str) -> HttpResponse:
    """The form. The rule table is asked when it is sent: everybody may look at it."""
    found = cluster_named(cluster)
    present = schedule_of(found, resource)
    form = ScheduleForm(request.POST if request.method == "POST" else None, initial=_now(present))
    is_allowed = may(request.user, Permission.REPAIR_REPLICATION)
    if request.method == "POST" and is_allowed and form.is_valid():
        try:
            schedule, _is_new = set_schedule(form.wish(found, resource), actor_of(request, "page"))
        except Refused as refused:
            if refused.refusals[0].status == 404:
                raise Http404(resource) from refused
        else:
            told = {"name": resource, "when": rhythm_sentence(schedule.rhythm)}
            messages.success(request, gettext("%(name)s is verified: %(when)s.") % told)
            return redirect("replication-resource", cluster, resource)
    status = form.status if is_allowed or request.method == "GET" else 403
    return _page(request, found, resource, form, present, status)


def _page(
    request: HttpRequest,
    cluster: Cluster,
    resource: str,
    form: ScheduleForm,
    present: VerifySchedule | None,
    status: int,
) -> HttpResponse:
    try:
        hinders: tuple[Refusal, ...] = refusals_of_schedule(cluster, resource)
    except Refused as refused:
        if present is None:
            raise Http404(resource) from refused
        hinders = refused.refusals  # what is no more can still be taken off its schedule
    context: dict[str, Any] = {
        "cluster": cluster,
        "resource": resource,
        "form": form,
        "present": present,
        "hinders": hinders,
        "zone": settings.TIME_ZONE,
        "may_repair": may(request.user, Permission.REPAIR_REPLICATION),
        "section": "replication",
    }
    if form.is_bound and hinders and status == 200:
        status = 409
    return fragment(request, "vms/verify_schedule.html", context, status=status)


def _now(present: VerifySchedule | None) -> dict[str, Any]:
    if present is None:
        return USUAL
    return {"every": present.every, "weekday": present.weekday, "at": present.at}


@requires(Permission.REPAIR_REPLICATION)
@require_POST
def remove_verify_schedule(request: HttpRequest, cluster: str, resource: str) -> HttpResponse:
    """Repeat it no more; asked twice it is gone all the same."""
    found = cluster_named(cluster)
    schedule = schedule_of(found, resource)
    if schedule is not None:
        remove_schedule(schedule, actor_of(request, "page"))
        told = gettext("%(name)s is verified by hand only from now on.") % {"name": resource}
        messages.success(request, told)
    return redirect("replication-resource", cluster, resource)
