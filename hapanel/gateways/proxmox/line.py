"""One address of a cluster: its kept connections for reads, a fresh one for each write.

proxmoxer builds the calls and carries the sign-in; below it lies a session of ours that owns
trust, patience and size. Nothing is retried and no redirect is followed in here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from proxmoxer import ProxmoxResource, ResourceException
from proxmoxer.backends.https import ProxmoxHTTPAuthBase, ProxmoxHttpSession
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError

from hapanel.gateways.proxmox.faults import (
    ErrorBody,
    error_body,
    fault_of,
    is_about_certificate,
    plain_words,
)
from hapanel.gateways.proxmox.patience import PatientSocket, Timeouts
from hapanel.gateways.proxmox.trust import Trust, answers_tls, host_and_port
from hapanel.ports.errors import CertificateMismatch, Garbage, Unreachable

MAX_BODY = 64 * 1024 * 1024


class _NoBodies(logging.Filter):
    """proxmoxer logs what is sent at INFO, parameters and all: that never leaves this process."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


logging.getLogger("proxmoxer.core").addFilter(_NoBodies())


class NothingSent(Exception):
    """The connection never stood, so the request cannot have been carried out."""


class TooLarge(Exception):
    """The body is larger than any answer of Proxmox."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as far as proxmoxer looks at it."""

    status_code: int
    reason: str
    body: bytes

    @property
    def content(self) -> str:
        """What proxmoxer would log. It formats this even when nothing is logged, which for a list
        of 10,000 guests took as long as decoding it; so its size has to do."""
        return f"{len(self.body)} bytes"


class _Bytes:
    """proxmoxer's serializer that leaves the body alone: our decoders read the bytes."""

    def loads(self, answer: Answer) -> bytes:
        return answer.body

    def loads_errors(self, answer: Answer) -> ErrorBody | None:
        return error_body(answer.body)


class _Connection(HTTPSConnection):
    """Knows for certain whether anything was sent, and when the whole answer is due."""

    pulse: float
    is_alive: Callable[[], bool]

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError, UnicodeError) as error:
            raise NothingSent from error

    def getresponse(self) -> Any:
        # urllib3 has put the read timeout of this request into self.timeout: for us it is the
        # time for the whole answer, header and body.
        if isinstance(self.sock, PatientSocket) and self.timeout is not None:
            self.sock.expect_answer(float(self.timeout), self.pulse, self.is_alive)
        return super().getresponse()


class _Pool(HTTPSConnectionPool):
    """All connections to one address; made with the trust and not changed by anybody."""

    ConnectionCls = _Connection

    def __init__(self, url: str, trust: Trust, timeouts: Timeouts) -> None:
        host, port = host_and_port(url)
        super().__init__(
            host,
            port,
            maxsize=4,
            ssl_context=trust.context,
            assert_fingerprint=trust.fingerprint,
        )
        self._pulse = timeouts.pulse
        self._is_alive = partial(answers_tls, url, trust, timeouts.connect)

    def _new_conn(self) -> Any:
        connection = cast("_Connection", super()._new_conn())
        connection.pulse = self._pulse
        connection.is_alive = self._is_alive
        return connection


class _Adapter(HTTPAdapter):
    """Hands out the one pool, whatever `verify`, proxies or the environment say."""

    def __init__(self, pool: _Pool) -> None:
        super().__init__(max_retries=0)
        self._pool = pool

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> HTTPSConnectionPool:
        return self._pool

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Trust was settled when the pool was made."""

    def close(self) -> None:
        self._pool.close()
        super().close()


class _Session(ProxmoxHttpSession):  # type: ignore[misc]  # proxmoxer has no types
    """proxmoxer's session without the environment, cookies of servers, and compression.

    Uncompressed, because a gzipped list keeps one of Proxmox's few single-threaded workers busy
    and could unfold to any size.
    """

    def __init__(self, pool: _Pool, auth: ProxmoxHTTPAuthBase) -> None:
        super().__init__()
        self.trust_env = False
        self.auth = auth
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "hapanel"})
        self.mount("https://", _Adapter(pool))


@dataclass(frozen=True, slots=True)
class _Call:
    """What proxmoxer sees as its session: one request with its own time and size limits."""

    session: _Session
    connect: float
    seconds: float
    headers: Mapping[str, str]

    def request(self, method: str, url: str, *, data: Any = None, params: Any = None) -> Answer:
        response = self.session.request(
            method,
            url,
            data=data,
            params=params,
            headers=dict(self.headers),
            timeout=(self.connect, self.seconds),
            allow_redirects=False,
            stream=True,
        )
        with response:
            # One read: the socket knows the deadline, and one byte too many tells the size.
            body = response.raw.read(MAX_BODY + 1, decode_content=True)
            if len(body) > MAX_BODY:
                raise TooLarge
            return Answer(response.status_code, response.reason or "", body)


class Line:
    """The way to one address.

    auth: proxmoxer's auth object that signs each request. on_call: called once per request sent.
    All methods raise a ClusterError and return the body as bytes.
    """

    def __init__(
        self,
        url: str,
        trust: Trust,
        auth: ProxmoxHTTPAuthBase,
        timeouts: Timeouts,
        on_call: Callable[[], None],
    ) -> None:
        self.url = url
        self._trust = trust
        self._auth = auth
        self._timeouts = timeouts
        self._on_call = on_call
        self._kept = self._new_session()

    def ask(self, path: str, params: Mapping[str, Any], *, seconds: float, connect: float) -> bytes:
        """GET over a kept connection. Proxmox closes idle ones after 5 s, perhaps in this very
        moment; so a connection that ends before any answer is tried once more, afresh."""
        call = _Call(self._kept, connect, seconds, {})
        started = time.monotonic()
        try:
            return self._send(call, "GET", path, params)
        except _Cut as cut:
            if time.monotonic() - started > self._timeouts.pulse:
                raise cut.as_unreachable() from cut
        try:
            return self._send(call, "GET", path, params)
        except _Cut as cut:
            raise cut.as_unreachable() from cut

    def tell(
        self, method: str, path: str, body: Mapping[str, Any], *, signed: bool = True
    ) -> bytes:
        """POST, PUT or DELETE, sent exactly once and over a connection of its own, so that a kept
        one which the server is just closing cannot leave it open whether the write arrived."""
        session = self._new_session(self._auth if signed else ProxmoxHTTPAuthBase())
        call = _Call(session, self._timeouts.connect, self._timeouts.write, {"Connection": "close"})
        try:
            return self._send(call, method, path, body)
        except _Cut as cut:
            raise cut.as_unreachable(may_have_happened=True) from cut
        finally:
            session.close()

    def close(self) -> None:
        """Give the kept connections back."""
        self._kept.close()

    def _new_session(self, auth: ProxmoxHTTPAuthBase | None = None) -> _Session:
        return _Session(_Pool(self.url, self._trust, self._timeouts), auth or self._auth)

    def _send(self, call: _Call, method: str, path: str, params: Mapping[str, Any]) -> bytes:
        writes = method != "GET"
        resource = ProxmoxResource(
            base_url=f"{self.url}/api2/json/{path}", session=call, serializer=_Bytes()
        )
        self._on_call()
        try:
            answer = getattr(resource, method.lower())(**params)
        except ResourceException as error:
            raise fault_of(
                error.status_code, error.content, error.errors, address=self.url, writes=writes
            ) from None
        except NothingSent as error:
            raise self._not_connected(error) from error
        except TooLarge as error:
            raise self._garbage(f"more than {MAX_BODY} bytes", writes) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _Cut(error, self.url) from error
        if answer is None:  # proxmoxer's word for 1xx and 3xx
            raise self._garbage("a redirect", writes)
        return cast("bytes", answer)

    def _not_connected(self, error: NothingSent) -> Unreachable:
        words = plain_words(error)
        kind = CertificateMismatch if is_about_certificate(error) else Unreachable
        return kind(words, address=self.url)

    def _garbage(self, what: str, writes: bool) -> Garbage:
        return Garbage(f"Proxmox answered {what}", address=self.url, may_have_happened=writes)


class _Cut(Exception):
    """The request was sent, or may have been, and no whole answer came."""

    def __init__(self, error: BaseException, url: str) -> None:
        super().__init__(plain_words(error))
        self.url = url

    def as_unreachable(self, *, may_have_happened: bool = False) -> Unreachable:
        return Unreachable(str(self), address=self.url, may_have_happened=may_have_happened)
