"""Small pages that stand alone: patterns, and what is shown when something is refused or broken."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from hapanel.access import Permission
from hapanel.kernel.refusal import Refusal, gettext_noop
from hapanel.ui.guard import requires

EXAMPLE = Refusal(
    "example",
    gettext_noop("The target %(node)s is full."),
    gettext_noop("Free 12 GiB there, or choose another node."),
    {"node": "slave"},
)


@requires(Permission.SEE_PATTERNS)
def patterns(request: HttpRequest) -> HttpResponse:
    """Every component in every state; the figures are examples and say so."""
    now = timezone.now()
    context = {
        "states": [
            ("ok", "running"),
            ("busy", "migrating"),
            ("warn", "at risk"),
            ("danger", "offline"),
            ("fence", "being fenced"),
            ("maint", "maintenance"),
            ("off", "stopped"),
            ("unknown", "not seen"),
        ],
        "levels": ["ok", "warn", "danger", "unknown"],
        "loads": [0.34, 0.71, 0.83, 0.93],
        "refusal": EXAMPLE,
        "just_now": now,
        "long_ago": now - timedelta(minutes=4, seconds=12),
        "section": "patterns",
    }
    return render(request, "web/patterns.html", context)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """400: what was sent makes no sense."""
    return _error(request, 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """403: the role lacks the permission; also what a failed CSRF check shows."""
    return _error(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """403: the form was too old or came from elsewhere."""
    return _error(request, 403, template="web/errors/form_too_old.html")


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """404."""
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500. Needs neither database nor Redis, since one of them may be what is broken."""
    return render(request, "500.html", status=500)


def _error(request: HttpRequest, status: int, template: str | None = None) -> HttpResponse:
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    context = {"base": "base.html" if signed_in else "base_plain.html", "path": request.path}
    return render(request, template or f"web/errors/{status}.html", context, status=status)
