"""What somebody sees who has guessed passwords too often."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

LOCKED_SECONDS = round(settings.AXES_COOLOFF_TIME * 3600)


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, _credentials: dict[str, Any] | None
) -> HttpResponse:
    """The 429 in place of the sign-in page; it does not tell whether the account exists."""
    answer = render(
        request, "accounts/locked_out.html", {"minutes": LOCKED_SECONDS // 60}, status=429
    )
    answer["Retry-After"] = str(LOCKED_SECONDS)
    return answer
