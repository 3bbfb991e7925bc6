"""The reader's language and time zone, chosen once per request."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

API = "/api/"


class PreferencesMiddleware:
    """Account, then cookie, then Accept-Language, then the setting.

    A program that calls the API says its language with each call: there the account's does not
    count, so that one token gives the same answers whatever its owner likes to read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        translation.activate(language_of(request))
        timezone.activate(time_zone_of(request))
        try:
            response = self.get_response(request)
        finally:
            timezone.deactivate()
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language() or "en")
        return response


def language_of(request: HttpRequest) -> str:
    """The code of the language to answer in: en or id."""
    if not request.path.startswith(API):
        chosen = getattr(request.user, "language", "")
        if chosen in dict(settings.LANGUAGES):
            return str(chosen)
    return translation.get_language_from_request(request)


def time_zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The zone in which pages show times. The API always speaks UTC."""
    if request.path.startswith(API):
        return zoneinfo.ZoneInfo("UTC")
    name = getattr(request.user, "time_zone", "") or settings.TIME_ZONE
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(settings.TIME_ZONE)
