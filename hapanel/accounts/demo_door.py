"""A demo has passwords that everybody knows: it answers this machine only."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


class LoopbackOnlyMiddleware:
    """403 for everybody who does not call from a loopback address. Stands in demos only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_loopback(request.META.get("REMOTE_ADDR", "")):
            return HttpResponse("This is a demo: it answers its own machine only.\n", status=403)
        return self.get_response(request)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
