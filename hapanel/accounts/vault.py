"""Secrets at rest: encrypted with keys that live outside the database.

HAPANEL_ENCRYPTION_KEYS holds one or more keys: the first encrypts, all decrypt. So a key is rotated
by putting a new one in front, and taken away once nothing is encrypted with it any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class VaultLocked(Exception):
    """The secret was encrypted with a key that is not among HAPANEL_ENCRYPTION_KEYS any more."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    # Any text of 32 characters or more serves as a key; Fernet wants exactly 32 bytes.
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
    )


def seal(secret: str) -> str:
    """Encrypt `secret` to text that may lie in the database."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret again. Raises VaultLocked when none of the keys fits."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise VaultLocked(
            "a stored secret was encrypted with a key that is not in HAPANEL_ENCRYPTION_KEYS"
        ) from None


def is_sealed_by_first_key(sealed: str) -> bool:
    """Whether the first key alone opens it, so that the other keys may be taken away."""
    try:
        _fernet(tuple(settings.ENCRYPTION_KEYS[:1])).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def keyed_digest(secret: str, about: str) -> str:
    """What tells whether two secrets about the same thing are one, and nothing to whoever lacks the
    keys: `KEY:DIGEST`, where KEY says which key made it. Digests by different keys compare to
    nothing; so do those about different things.
    """
    key = hashlib.sha256(b"digest" + settings.ENCRYPTION_KEYS[0].encode()).digest()
    body = b"\0".join((about.encode(), secret.encode()))
    return f"{_mac(key, b'which key')[:8]}:{_mac(key, body)}"


def _mac(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()
