"""Who asks through the API."""

from __future__ import annotations

from rest_framework.request import Request

from hapanel.accounts.models import User
from hapanel.audit.actor import client_address
from hapanel.operations.wishes import Asker, Via


def asker_of(request: Request) -> Asker:
    """The caller that the rule table let through."""
    user = request.user
    assert isinstance(user, User)
    return Asker(user.get_username(), Via.API, user, client_address(request._request))
