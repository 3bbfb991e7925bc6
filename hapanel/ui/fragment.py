"""A page and its parts: one view answers both, so a part is never judged by other rules."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def fragment(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *parts: str,
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only the named part that htmx asks for by its DOM id.

    `parts` are the names that `template` defines with `{% partialdef %}`; a part's name equals the
    id of the element it renders, so htmx's target says which one is meant.
    """
    wanted = wanted_part(request)
    name = f"{template}#{wanted}" if wanted in parts else template
    response = render(request, name, context, status=status)
    # One address, two answers: caches, and the browser's back button, must know.
    response["Vary"] = "HX-Request, Cookie, Accept-Language"
    return response


def wanted_part(request: HttpRequest) -> str | None:
    """The id of the element that htmx will fill, None for a request of a whole page."""
    headers = request.headers
    if headers.get("HX-Request") != "true" or headers.get("HX-History-Restore-Request") == "true":
        return None
    return headers.get("HX-Target")
