"""From what Proxmox, a proxy in between or the network said to one typed error per kind.

Where Proxmox's words are looked at, they come from its own code: the reason phrase of the status
line always carries the first line, and since pve-http-server 5.2 the body repeats it as `message`.
401, 595 and 596 have an empty body.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from urllib3.exceptions import SSLError as PoolSSLError

from hapanel.ports.errors import (
    BadRequest,
    ClusterError,
    Garbage,
    GuestLocked,
    NodeUnreachable,
    NoSuchGuest,
    NotQuorate,
    PermissionMissing,
    ServerFault,
    SignInRefused,
)

_NO_QUORUM = re.compile(
    r"no quorum|cluster not ready|/etc/pve/\S* - Permission denied", re.IGNORECASE
)
_LOCKED = re.compile(r"\b(VM|CT) is locked\b|can't lock file .* got timeout", re.IGNORECASE)
_NO_GUEST = re.compile(
    r"Configuration file 'nodes/[^']*\.conf' does not exist"
    r"|unable to find configuration file for (VM|CT)"
)


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal: Proxmox's own words, and what is wrong with which parameter."""

    message: str | None = None
    errors: Mapping[str, Any] | None = None
    is_proxmox: bool = True


_WIRE = msgspec.json.Decoder(dict[str, Any])


def error_body(body: bytes) -> ErrorBody | None:
    """The body of an answer of 400 and above; None when it is empty."""
    if not body.strip():
        return None
    try:
        wire = _WIRE.decode(body)
    except msgspec.DecodeError:
        return ErrorBody(is_proxmox=False)
    message, errors = wire.get("message"), wire.get("errors")
    return ErrorBody(
        message=message.strip() if isinstance(message, str) else None,
        errors=errors if isinstance(errors, dict) else None,
        is_proxmox="data" in wire or "message" in wire or "errors" in wire,
    )


def fault_of(
    status: int, reason: str, body: ErrorBody | None, *, address: str, writes: bool
) -> ClusterError:
    """The typed error for an answer of 400 and above.

    For a write `may_have_happened` is False only where Proxmox itself said No: a refusal by the
    method, the permissions or the sign-in. 595 means that the other node was never reached.
    """
    words = _words(status, reason, body)
    if body is not None and not body.is_proxmox:
        return Garbage(
            f"the answer {status} is none of Proxmox's: {words}",
            status=status,
            address=address,
            may_have_happened=writes and status >= 500,
        )
    kind = _kind_of(status, words)
    said_no = status < 500 or status == 595 or (body is not None and status < 595)
    return kind(words, status=status, address=address, may_have_happened=writes and not said_no)


def _kind_of(status: int, words: str) -> type[ClusterError]:
    match status:
        case 401:
            return SignInRefused
        case 403:
            return PermissionMissing
        case _ if 595 <= status <= 599:
            return NodeUnreachable
        case _ if _NO_QUORUM.search(words):
            return NotQuorate
        case _ if _LOCKED.search(words):
            return GuestLocked
        case _ if _NO_GUEST.search(words):
            return NoSuchGuest
        case 400:
            return BadRequest
        case _:
            return ServerFault


def _words(status: int, reason: str, body: ErrorBody | None) -> str:
    said = (body.message if body else None) or reason or f"status {status}"
    words = " ".join(said.split())
    if body and body.errors:
        wrong = (f"{name}: {' '.join(str(text).split())}" for name, text in body.errors.items())
        words = f"{words} {'; '.join(wrong)}"
    return words[:1000]


def plain_words(error: BaseException) -> str:
    """What a network error means, in a few plain words; follows the chain of causes."""
    for cause in _causes(error):
        words = _words_of(cause)
        if words is not None:
            return words
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def is_about_certificate(error: BaseException) -> bool:
    """Whether the peer's certificate, not the way to it, is what failed."""
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, PoolSSLError) and "ingerprints did not match" in str(cause))
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it. The innermost knows most, so that one comes first."""
    chain: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and seen not in chain:
        chain.append(seen)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return reversed(chain)


def _words_of(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate refused: {error.verify_message}"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return "connection cut"
        case socket.gaierror():
            return "no such host name"
        case PoolSSLError() if "ingerprints did not match" in str(error):
            return "another certificate than the recorded one"
        case TimeoutError():
            return str(error) if "within" in str(error) else "no answer in time"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case OSError() if error.strerror:
            return error.strerror.lower()
        case _:
            return None
