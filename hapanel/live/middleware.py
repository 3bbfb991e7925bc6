"""From which hint on a page has to listen: noted before anything that it shows was read."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from redis.exceptions import RedisError

from hapanel.live.stream import newest_id


class NewestHintMiddleware:
    """Notes the newest hint on each request for a whole page, as `request.newest_hint`.

    Asked when the page is rendered it would be too late: a view has read its records by then, and
    a change between the two would be in neither, the page nor what its browser is told. Blank when
    Redis does not answer or nobody asked for a page; a browser then fetches its parts once anew.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.newest_hint = _newest() if _is_for_a_page(request) else ""  # type: ignore[attr-defined]
        return self.get_response(request)


def _is_for_a_page(request: HttpRequest) -> bool:
    """Browsers name text/html when they go somewhere; parts, scripts and health checks do not."""
    return "text/html" in request.headers.get("Accept", "")


def _newest() -> str:
    try:
        return newest_id()
    except RedisError:
        return ""
