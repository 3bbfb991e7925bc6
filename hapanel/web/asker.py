"""Who stands behind a request."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from hapanel.accounts.models import User
from hapanel.audit.actor import Actor, actor_of


def signed_in(request: HttpRequest) -> User:
    """The account behind a request that a guard let through. Raises PermissionDenied for none."""
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def page_actor(request: HttpRequest) -> Actor:
    """The signed-in person as the audit log knows her when she uses the pages."""
    return actor_of(request, "page")
