"""Who asks for an operation when the wish comes through a page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from hapanel.accounts.models import User
from hapanel.audit.actor import client_address
from hapanel.operations.wishes import Asker, Via


def page_asker(request: HttpRequest) -> Asker:
    """The signed-in person behind a request. Raises PermissionDenied for none."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return Asker(user.get_username(), Via.PAGE, user, client_address(request))
