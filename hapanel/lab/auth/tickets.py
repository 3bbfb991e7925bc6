"""Tickets and CSRF tokens: `PVE:<user>:<hex time>::<signature>`, good for two hours."""

import base64
import hashlib
import hmac
import secrets

LIFETIME = 7200
CLOCK_SKEW = 300


class Tickets:
    """Signs and checks; the key lives as long as the program."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def forget(self) -> None:
        """No ticket that was issued so far holds any more, as after `pvecm updatecerts --force`."""
        self._key = secrets.token_bytes(32)

    def issue(self, user: str, now: float) -> tuple[str, str]:
        """A ticket and a CSRF token for that user."""
        stamp = f"{int(now):08X}"
        plain = f"PVE:{user}:{stamp}"
        return f"{plain}::{self._sign(plain)}", f"{stamp}:{self._sign(f'{stamp}:{user}')}"

    def user_of(self, ticket: str, now: float) -> str | None:
        """The user, or None when the ticket is forged, malformed or too old."""
        plain, separator, signature = ticket.partition("::")
        if not separator or not hmac.compare_digest(signature, self._sign(plain)):
            return None
        _, user, stamp = plain.split(":", 2)
        return user if self._is_fresh(stamp, now) else None

    def is_csrf_of(self, token: str, user: str, now: float) -> bool:
        """Whether the CSRF token was issued for that user, less than two hours ago."""
        stamp, _, signature = token.partition(":")
        if not hmac.compare_digest(signature, self._sign(f"{stamp}:{user}")):
            return False
        return self._is_fresh(stamp, now)

    def _is_fresh(self, stamp: str, now: float) -> bool:
        try:
            age = now - int(stamp, 16)
        except ValueError:
            return False
        return -CLOCK_SKEW < age < LIFETIME

    def _sign(self, text: str) -> str:
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode().rstrip("=")
