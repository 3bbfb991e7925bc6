"""Idempotency-Key: a script that got no answer may ask again and gets the same operation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from rest_framework.request import Request

from hapanel.kernel.refusal import Refused
from hapanel.rest.refusals import BAD_KEY

HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key, None without one, and a digest of what was asked under it."""

    key: str | None
    body_digest: str


def idempotency_of(request: Request) -> Idempotency:
    """Read the header; the digest covers path and body, whatever the order of its fields.

    Raises Refused for a key that cannot be kept.
    """
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
    key = request.headers.get(HEADER)
    if key is None:
        return Idempotency(None, digest)
    if not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise Refused(BAD_KEY())
    return Idempotency(key, digest)
