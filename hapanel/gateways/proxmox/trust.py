"""Whom a connection is made to: the recorded CA or the pinned certificate, and nothing less.

The environment has no say here: neither REQUESTS_CA_BUNDLE nor a caller's `verify` reaches these
connections, because the one pool that an adapter owns is made with our own SSLContext.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509

from hapanel.gateways.proxmox.faults import plain_words
from hapanel.gateways.proxmox.patience import PatientSocket
from hapanel.ports.endpoint import Endpoint, SeenCertificate
from hapanel.ports.errors import CertificateMismatch, Unreachable

DEFAULT_PORT = 8006
_HEX_SHA256 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Trust:
    """How one address proves itself: `context` checks the chain and the address, or
    `fingerprint` (64 hex digits, lower case) is compared before the first byte is sent."""

    context: ssl.SSLContext
    fingerprint: str | None = None


def base_url(address: str) -> str:
    """`https://HOST:PORT` of an address as people write it; ValueError when it is none.

    The scheme may be missing and the port is 8006 unless told; http is refused, since a token
    would travel in the clear.
    """
    text = address.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ValueError(f"not an https address: {text[:200]!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{parts.port or DEFAULT_PORT}"


def host_and_port(url: str) -> tuple[str, int]:
    """Host (without brackets) and port of a base URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORT


def plain_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as 64 lower-case hex digits; ValueError when it is none."""
    plain = text.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not _HEX_SHA256.match(plain):
        raise ValueError(f"not a SHA-256 fingerprint: {text[:120]!r}")
    return plain


def colon_fingerprint(plain: str) -> str:
    """`AB:CD:...` as Proxmox and browsers show fingerprints."""
    upper = plain.upper()
    return ":".join(upper[i : i + 2] for i in range(0, len(upper), 2))


def trust_for(endpoint: Endpoint, url: str) -> Trust:
    """What `url` has to prove. Raises CertificateMismatch when nothing was ever recorded for it."""
    if endpoint.ca_pem:
        return Trust(ca_context(endpoint.ca_pem))
    pinned = _pinned(endpoint, url)
    if pinned is None:
        raise CertificateMismatch(
            f"neither a CA nor a fingerprint is recorded for {url}, so nothing was sent",
            address=url,
        )
    return Trust(_unchecked_context(), pinned)


def _pinned(endpoint: Endpoint, url: str) -> str | None:
    for address, fingerprint in endpoint.fingerprints.items():
        if address != "*" and base_url(address) == url:
            return plain_fingerprint(fingerprint)
    anywhere = endpoint.fingerprints.get("*")
    return plain_fingerprint(anywhere) if anywhere else None


def ca_context(ca_pem: str) -> ssl.SSLContext:
    """A context that trusts this CA alone. Raises CertificateMismatch when it holds none.

    Python 3.13 adds VERIFY_X509_STRICT, which refuses leaves without an Authority Key Identifier,
    and Proxmox's own may lack it. Chain and address are checked as ever.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = PatientSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateMismatch(f"the recorded CA is not readable: {error}") from error
    return context


def _unchecked_context() -> ssl.SSLContext:
    """A context without a CA. Only for pinned connections, and for looking without a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = PatientSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fetch_certificate(
    address: str, *, ca_pem: str | None = None, timeout: float = 5.0
) -> SeenCertificate:
    """The certificate that an address shows; no request and no secret is sent.

    `matches_ca` says whether chain and address hold against `ca_pem`, None without one.
    Raises ValueError for an address that is none, Unreachable when nobody answers TLS there.
    """
    url = base_url(address)
    der = _handshake(url, _unchecked_context(), timeout)
    leaf = x509.load_der_x509_certificate(der)
    return SeenCertificate(
        address=url,
        fingerprint=colon_fingerprint(hashlib.sha256(der).hexdigest()),
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        not_after=leaf.not_valid_after_utc,
        matches_ca=_holds_against(url, ca_pem, timeout) if ca_pem else None,
    )


def _holds_against(url: str, ca_pem: str, timeout: float) -> bool:
    try:
        _handshake(url, ca_context(ca_pem), timeout)
    except CertificateMismatch:
        return False
    return True


def _handshake(url: str, context: ssl.SSLContext, timeout: float) -> bytes:
    host, port = host_and_port(url)
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as error:
        raise CertificateMismatch(error.verify_message, address=url) from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(plain_words(error), address=url) from error


def answers_tls(url: str, trust: Trust, timeout: float) -> bool:
    """Whether somebody who holds the trusted certificate still shakes hands at `url`."""
    try:
        der = _handshake(url, trust.context, timeout)
    except Unreachable:
        return False
    return trust.fingerprint in (None, hashlib.sha256(der).hexdigest())
