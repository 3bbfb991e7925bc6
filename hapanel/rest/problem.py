"""Errors as application/problem+json (RFC 9457), each with its cause and its remedy.

One shape for everything that goes wrong: {type, title, status, detail, code, because, remedy,
errors}. The words are in the language of Accept-Language; `code` is what programs compare.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.translation import gettext
from redis import RedisError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from hapanel.kernel.refusal import Refusal, Refused
from hapanel.rest import refusals as no

MEDIA_TYPE = "application/problem+json"
DOCUMENTATION = "/docs/refusals.md"

logger = logging.getLogger(__name__)


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's answer to `error`."""
    set_rollback()
    refusals = refusals_of(error, context)
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    status = refusals[0].status
    return Response(problem(refusals), status=status, headers=headers, content_type=MEDIA_TYPE)


def problem(refusals: Sequence[Refusal]) -> dict[str, Any]:
    """The body; the first refusal speaks for all, `errors` lists every one."""
    first = refusals[0]
    because = first.because(gettext)
    return {
        "type": f"{DOCUMENTATION}#{first.code}",
        "title": HTTPStatus(first.status).phrase,
        "status": first.status,
        "detail": because,
        "code": first.code,
        "because": because,
        "remedy": first.remedy(gettext),
        "errors": [refusal_record(refusal) for refusal in refusals],
    }


def refusal_record(refusal: Refusal) -> dict[str, Any]:
    """One refusal in words, as it stands in `errors`, in plans and in outcomes."""
    return {
        "field": refusal.field,
        "code": refusal.code,
        "because": refusal.because(gettext),
        "remedy": refusal.remedy(gettext),
    }


def refusals_of(error: Exception, context: Mapping[str, Any]) -> Sequence[Refusal]:
    """Which refusals an exception stands for; an unforeseen one is logged and told as ours."""
    match error:
        case Refused():
            return error.refusals
        case exceptions.ValidationError():
            return tuple(_field_refusals(error.detail))
        case Http404() | exceptions.NotFound():
            return (no.NOT_FOUND(),)
        case exceptions.NotAuthenticated():
            return (no.NOT_SIGNED_IN(),)
        case exceptions.AuthenticationFailed():
            return (no.TOKEN_REFUSED(),)
        case PermissionDenied() | exceptions.PermissionDenied():
            return (no.CSRF() if "CSRF" in str(error) else no.ROLE_LACKS(),)
        case exceptions.APIException():
            return (_protocol_refusal(error, context),)
        case OperationalError() | InterfaceError() | RedisError():
            logger.error("the API cannot answer: %s", type(error).__name__, exc_info=error)
            return (no.PANEL_INCOMPLETE(),)
        case _:
            logger.error("the API made a mistake", exc_info=error)
            return (no.PANEL_FAULT(),)


def _protocol_refusal(error: exceptions.APIException, context: Mapping[str, Any]) -> Refusal:
    request = context.get("request")
    match error:
        case exceptions.ParseError():
            return no.NOT_JSON(reason=str(error.detail))
        case exceptions.MethodNotAllowed():
            return no.METHOD_NOT_ALLOWED(method=getattr(request, "method", "?"))
        case exceptions.NotAcceptable():
            return no.NOT_ACCEPTABLE()
        case exceptions.UnsupportedMediaType():
            return no.UNSUPPORTED_MEDIA_TYPE(type=getattr(request, "content_type", "?"))
        case exceptions.Throttled():
            return no.THROTTLED()
        case _:
            logger.error("the API made a mistake", exc_info=error)
            return no.PANEL_FAULT()


def _field_refusals(detail: Any, path: str = "") -> Iterator[Refusal]:
    """Flatten a serializer's nested errors: one refusal per message, named by its field's path."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _field_refusals(inner, here)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_refusals(inner, path)
    else:
        yield no.MALFORMED.about(path or None, name=path or "body", reason=str(detail))
