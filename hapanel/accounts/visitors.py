"""Who is behind a session cookie or a bearer token, for connections that are no Django requests."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from django.http import HttpRequest

from hapanel.access import Permission, Person, may
from hapanel.accounts.tokens import token_of


def permissions_of(headers: Mapping[str, str]) -> frozenset[Permission] | None:
    """What the sender of these headers (names in lower case) may do; None for nobody.

    Blocks on the database, and gives its connection back.
    """
    close_old_connections()
    try:
        person = _bearer(headers.get("authorization", "")) or _session(headers.get("cookie", ""))
        if person is None:
            return None
        return frozenset(each for each in Permission if may(person, each))
    finally:
        close_old_connections()


def _bearer(authorization: str) -> Person | None:
    scheme, _space, secret = authorization.partition(" ")
    token = token_of(secret.strip()) if scheme.lower() == "bearer" else None
    return token.user if token else None


def _session(cookies: str) -> Person | None:
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if morsel is None or "\0" in morsel.value:
        return None
    # get_user also compares the password's hash: a changed password ends old sessions.
    request = HttpRequest()
    request.session = SessionStore(morsel.value)
    user = get_user(request)
    return user if user.is_authenticated else None
