"""The status page and the services behind it."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import translation
from django.utils.translation import gettext
from redis import RedisError

from hapanel.access import Permission, may
from hapanel.audit.actor import actor_of
from hapanel.helpdesk import catalogue, words
from hapanel.helpdesk.forms import RemovalForm, ServiceForm
from hapanel.helpdesk.models import Service
from hapanel.helpdesk.selectors import service_now, services_now
from hapanel.helpdesk.status_page import Past, status_page
from hapanel.kernel.refusal import Refused
from hapanel.live.attention import Watched, note_watcher
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from nodes.models import Cluster
from vms.models import Guest

GUESTS_SHOWN = 40
OUTAGES_SHOWN = 50


def status(request: HttpRequest) -> HttpResponse:
    """How the services are: for staff with what to tell callers, for everybody when switched on."""
    is_staff = may(request.user, Permission.SEE_SERVICES)
    if not is_staff and not settings.STATUS_PAGE_PUBLIC:
        if request.user.is_authenticated:
            raise PermissionDenied(Permission.SEE_SERVICES)
        return redirect_to_login(request.get_full_path())
    if not request.user.is_authenticated and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate("id")  # the campus reads Indonesian first; one tap changes it
    _watch()
    page = status_page(is_staff=is_staff, chosen=_number(request.GET.get("service")))
    return fragment(request, "helpdesk/status.html", {"page": page, "is_staff": is_staff}, "status")


@requires(Permission.SEE_SERVICES)
def services(request: HttpRequest) -> HttpResponse:
    """All services with what stands behind them."""
    _watch()
    found = services_now()
    context = {
        "section": "services",
        "lines": [(one, words.sentence(one)) for one in found],
        "may_change": may(request.user, Permission.CHANGE_SERVICES),
    }
    return fragment(request, "helpdesk/services.html", context, "service-list")


@requires(Permission.SEE_SERVICES)
def service(request: HttpRequest, pk: int) -> HttpResponse:
    """One service and its outages."""
    _watch()
    one = service_now(pk)
    if one is None:
        raise Http404
    outages = one.service.outages.select_related("operation")[:OUTAGES_SHOWN]
    context = {
        "section": "services",
        "one": one,
        "shown": words.shown(one.state),
        "sentence": words.sentence(one),
        "reason": words.reason(one.reason) if one.reason else "",
        "outages": [
            Past(o, one.name, words.shown_outage(o), words.lasted(o.began_at, o.ended_at))
            for o in outages
        ],
        "may_change": may(request.user, Permission.CHANGE_SERVICES),
    }
    return fragment(request, "helpdesk/service.html", context, "service")


@requires(Permission.CHANGE_SERVICES)
def add_service(request: HttpRequest) -> HttpResponse:
    """A form for a new service."""
    return _edit(request, None)


@requires(Permission.CHANGE_SERVICES)
def edit_service(request: HttpRequest, pk: int) -> HttpResponse:
    """A form for a service that exists."""
    return _edit(request, get_object_or_404(Service.objects.select_related("cluster"), pk=pk))


@requires(Permission.CHANGE_SERVICES)
def remove_service(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for the name typed back, then removes the service with its history."""
    service = get_object_or_404(Service.objects.select_related("cluster"), pk=pk)
    form = RemovalForm(request.POST or None, service=service)
    if request.method == "POST" and form.is_valid():
        catalogue.remove_service(service, actor_of(request, "page"))
        messages.success(request, gettext("%(name)s was removed.") % {"name": service.name})
        return redirect("services")
    context = {"section": "services", "form": form, "service": service}
    return fragment(request, "helpdesk/service_remove.html", context, status=form.status)


@requires(Permission.CHANGE_SERVICES)
def guest_choices(request: HttpRequest) -> HttpResponse:
    """The guests of a cluster that match a search, for the form of a service."""
    cluster = Cluster.objects.filter(pk=_number(request.GET.get("cluster")) or 0).first()
    context = _choices(cluster, _vmids(request.GET.getlist("vmids")), request.GET.get("q", ""))
    return fragment(request, "helpdesk/guest_choices.html", context)


def _edit(request: HttpRequest, present: Service | None) -> HttpResponse:
    form = ServiceForm(request.POST or None, service=present)
    is_search = "find" in request.POST  # the search button of a browser without scripts
    if request.method == "POST" and not is_search and form.is_valid():
        try:
            saved = _saved(form, present, request)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, gettext("%(name)s was saved.") % {"name": saved.name})
            return redirect("services")
    context = {"section": "services", "form": form, "service": present}
    context |= _choices(_cluster_of(form), _vmids(form["vmids"].value()), request.POST.get("q", ""))
    status = 200 if is_search else form.status
    return fragment(request, "helpdesk/service_form.html", context, status=status)


def _saved(form: ServiceForm, present: Service | None, request: HttpRequest) -> Service:
    actor = actor_of(request, "page")
    if present is None:
        return catalogue.create_service(form.wish(), actor)
    return catalogue.change_service(present, form.wish(), actor)


def _cluster_of(form: ServiceForm) -> Cluster | None:
    """The cluster that is chosen in the form; the only one there is when none was chosen yet."""
    pk = _number(form["cluster"].value())
    if pk is not None:
        return Cluster.objects.filter(pk=pk).first()
    clusters = list(Cluster.objects.all()[:2])
    return clusters[0] if len(clusters) == 1 else None


def _choices(cluster: Cluster | None, chosen: list[int], text: str) -> dict[str, object]:
    """The chosen guests first, then those that match."""
    guests = Guest.objects.filter(cluster=cluster, gone_at=None, template=False)
    text = text.replace("\0", "")
    picked = list(guests.filter(vmid__in=chosen))
    others = list(_matching(guests.exclude(vmid__in=chosen), text.strip())[: GUESTS_SHOWN + 1])
    return {
        "cluster": cluster,
        "picked": picked,
        "others": others[:GUESTS_SHOWN],
        "are_more": len(others) > GUESTS_SHOWN,
        "query_text": text,
    }


def _matching(guests: QuerySet[Guest], text: str) -> QuerySet[Guest]:
    if not text:
        return guests
    return guests.filter(Q(name__icontains=text) | Q(vmid__startswith=text))


def _vmids(values: object) -> list[int]:
    texts = values if isinstance(values, list | tuple) else []
    return [number for text in texts if (number := _number(text)) is not None]


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _watch() -> None:
    with suppress(RedisError):  # without it the services are probed less often
        note_watcher(Watched.SERVICES)
