"""`Authorization: Bearer hap_...` for the API."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.tokens import token_of

CHALLENGE = 'Bearer realm="HA Panel"'


class BearerAuthentication(BaseAuthentication):
    """Knows a caller by her API token. Standing first, its challenge makes refusals a 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's user; None without such a header. AuthenticationFailed for a bad one."""
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - as REST framework calls it
        return CHALLENGE
