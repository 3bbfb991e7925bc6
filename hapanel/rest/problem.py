"""Errors as application/problem+json: {type, title, status, detail, code, because, remedy, errors}."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's answer to `error`, in the shape of RFC 9457."""
    response = exception_handler(error, context)
    if response is not None:
        response.content_type = "application/problem+json"
    return response
