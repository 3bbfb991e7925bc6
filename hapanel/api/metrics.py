"""/metrics: for Prometheus on this machine, or elsewhere with a person's API token."""

from __future__ import annotations

from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from hapanel.access import Permission
from hapanel.accounts.bearer import CHALLENGE
from hapanel.accounts.visitors import permissions_of
from hapanel.api.figures import PanelFigures
from hapanel.api.health import PLAIN

# Apart from the process's own figures: those are registered, and described, at import.
PANEL = CollectorRegistry()
PANEL.register(PanelFigures())


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The process's and the panel's figures; 401 or 403 for whom they are not meant."""
    if not _is_from_this_machine(request):
        allowed = permissions_of({"authorization": request.headers.get("Authorization", "")})
        if allowed is None:
            refused = HttpResponse("An API token is needed.\n", status=401, content_type=PLAIN)
            refused["WWW-Authenticate"] = CHALLENGE
            return refused
        if Permission.SEE_CLUSTERS not in allowed:
            return HttpResponse("This account has no role.\n", status=403, content_type=PLAIN)
    body = generate_latest(REGISTRY) + generate_latest(PANEL)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _is_from_this_machine(request: HttpRequest) -> bool:
    """Whether the connection, and whoever a proxy says it carries, come from loopback addresses.

    Stricter than HAPANEL_PROXY_COUNT: a header can only take the right away, never give it.
    """
    carried = request.headers.get("X-Forwarded-For")
    callers = [request.META.get("REMOTE_ADDR", "")]
    callers += carried.split(",") if carried is not None else []
    return "Forwarded" not in request.headers and all(_is_loopback(each) for each in callers)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.strip()).is_loopback
    except ValueError:
        return False
