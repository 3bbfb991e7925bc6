"""Which URLs may be probed. Pure.

The panel's machine often reaches networks that its users do not. Only staff may set a URL, an
answer's content is never shown, and what can only be an attack or a mistake is refused: other
schemes (file:), passwords in the URL, link-local addresses (cloud metadata), multicast.
"""

from __future__ import annotations

import string
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from urllib.parse import SplitResult, urlsplit

from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _

SCHEMES = ("http", "https", "tcp")
LONGEST = 300
_VISIBLE = frozenset(string.ascii_letters + string.digits + string.punctuation)

URL_SCHEME = refusal_kind(
    "service-url-scheme",
    _("Only http://, https:// and tcp://host:port can be probed."),
    _("Give the address that people open, such as https://siakad.example.ac.id/."),
    status=422,
    field="url",
)
URL_MALFORMED = refusal_kind(
    "service-url-malformed",
    _("This is no address that can be probed."),
    _("Write it as http://host/path, https://host/path or tcp://host:port, without blanks."),
    status=422,
    field="url",
)
URL_CREDENTIALS = refusal_kind(
    "service-url-credentials",
    _("The address holds a name or a password, which everybody who sees the service would read."),
    _("Leave them out: a page that asks to sign in counts as an answer."),
    status=422,
    field="url",
)
URL_ADDRESS = refusal_kind(
    "service-url-address",
    _("%(host)s is an address that no service can have."),
    _("Give the name or the address under which people reach the service."),
    status=422,
    field="url",
)


def refusal_of_url(url: str) -> Refusal | None:
    """Why `url` cannot be a service's address; None when it can."""
    if len(url) > LONGEST or not set(url) <= _VISIBLE:
        return URL_MALFORMED()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return URL_MALFORMED()
    if parts.scheme not in SCHEMES or "://" not in url:
        return URL_SCHEME()
    if "@" in parts.netloc:
        return URL_CREDENTIALS()
    return _shape(parts, port) or _place(parts.hostname or "")


def _shape(parts: SplitResult, port: int | None) -> Refusal | None:
    if not parts.hostname or port == 0:
        return URL_MALFORMED()
    has_path = parts.path not in {"", "/"} or parts.query or parts.fragment
    if parts.scheme == "tcp" and (port is None or has_path):
        return URL_MALFORMED()
    return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a connection would go to, in whatever way it is written."""
    with suppress(ValueError):
        address = ip_address(host)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return mapped or address
    # C libraries also take 2852039166, 0xa9.0xfe.43518 and octal numbers for an address.
    with suppress(OSError):
        return IPv4Address(inet_aton(host))
    return None


def _place(host: str) -> Refusal | None:
    address = _address(host)
    if address is None:
        return None  # a name
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return URL_ADDRESS(host=host)
    return None
