"""Probes of services: connect anew, ask once, read the first line of the answer.

A new connection each time, because that is what a client does, and because a kept one would not
notice that the guest behind it was moved. Redirects are answers. Nothing here raises for what the
network does; see hapanel.ports.probe for what the results mean.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import SplitResult, urlsplit

from hapanel.ports.probe import Failure, ProbeResult, ProbeTarget

_STATUS_LINE = re.compile(rb"^HTTP/\d(?:\.\d)? ([1-5]\d\d)(?: |\r|\n|$)")
_LONGEST_LINE = 8 * 1024
_PORTS = {"http": 80, "https": 443}

# Errors that are about the panel's own machine, not about the service.
_OURS = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE})


@dataclass(frozen=True, slots=True)
class _Place:
    """A probe's URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def request(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        named = host if self.port == _PORTS.get(self.scheme) else f"{host}:{self.port}"
        lines = (
            f"GET {self.path} HTTP/1.1",
            f"Host: {named}",
            "User-Agent: hapanel-probe",
            "Accept: */*",
            "Connection: close",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii", "ignore")


def place_of(url: str) -> _Place:
    """Take http://, https:// or tcp://host:port apart. ValueError when it is none of them."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https", "tcp"} or not parts.hostname:
        raise ValueError(f"not an address that can be probed: {url[:200]!r}")
    port = parts.port or _PORTS.get(parts.scheme)
    if port is None:
        raise ValueError(f"tcp:// needs a port: {url[:200]!r}")
    host = parts.hostname if ":" in parts.hostname else _ascii(parts.hostname)
    return _Place(parts.scheme, host, port, _path(parts))


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"not a host name: {host[:200]!r}") from error


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


class _Missed(Exception):
    """The probe got no answer; carries why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


async def probe(target: ProbeTarget) -> ProbeResult:
    """One probe; fulfils hapanel.ports.probe.Probe. Raises ValueError for a URL that is none."""
    place = place_of(target.url)
    sent_at, started = datetime.now(UTC), time.perf_counter()
    status, failure = None, None
    try:
        async with asyncio.timeout(target.answer_seconds):
            status = await _ask(place, target)
    except TimeoutError:
        failure = Failure.NO_ANSWER
    except _Missed as missed:
        failure = missed.failure
    ms = (time.perf_counter() - started) * 1000
    return ProbeResult(sent_at=sent_at, ms=ms, status=status, failure=failure)


async def _ask(place: _Place, target: ProbeTarget) -> int | None:
    reader, writer = await _connect(place, target.connect_seconds)
    try:
        if place.scheme == "tcp":
            return None
        if place.scheme == "https":
            await writer.start_tls(_context(target.verify_tls), server_hostname=place.host)
        writer.write(place.request)
        return _status(await reader.readline())
    except ssl.SSLError as error:
        raise _Missed(Failure.CERTIFICATE) from error
    except OSError as error:
        raise _Missed(Failure.CUT) from error
    except ValueError as error:  # a first line without an end
        raise _Missed(Failure.GARBAGE) from error
    finally:
        writer.transport.abort()


async def _connect(
    place: _Place, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.open_connection(place.host, place.port, limit=_LONGEST_LINE)
    except TimeoutError as error:
        raise _Missed(Failure.NO_CONNECTION) from error
    except OSError as error:
        raise _Missed(_why_not_connected(error)) from error


def _why_not_connected(error: OSError) -> Failure:
    match error:
        case ConnectionRefusedError():
            return Failure.REFUSED
        case socket.gaierror(errno=socket.EAI_AGAIN):  # the name server itself is out of reach
            return Failure.NO_NETWORK
        case socket.gaierror():
            return Failure.NAME
        case ConnectionError():
            return Failure.CUT
        case _ if error.errno in _OURS:
            return Failure.NO_NETWORK
        case _:
            return Failure.NO_CONNECTION


def _status(line: bytes) -> int:
    if not line:
        raise _Missed(Failure.CUT)
    found = _STATUS_LINE.match(line)
    if found is None:
        raise _Missed(Failure.GARBAGE)
    return int(found[1])


@cache
def _context(verify: bool) -> ssl.SSLContext:
    """As browsers do: the system's authorities, and leaves without a key identifier are fine."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
