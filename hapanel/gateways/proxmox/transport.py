"""What lies below proxmoxer: connections that know whom they trust, for how long and how much.

An answer has one deadline for all of its bytes and a largest size; a redirect is not followed,
nothing is retried, and whether a request may have left is known for certain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

from proxmoxer.backends.https import ProxmoxHTTPAuthBase, ProxmoxHttpSession
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError

from hapanel.gateways.proxmox.patience import PatientSocket, Pulse, Timeouts
from hapanel.gateways.proxmox.trust import Trust, answers_tls, host_and_port
from hapanel.ports.cluster_gateway import MOST_READS

MAX_BODY = 64 * 1024 * 1024


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


class _Connection(HTTPSConnection):
    """Knows for certain whether anything was sent, and when the whole answer is due."""

    new_pulse: Callable[[], Pulse]
    on_open: Callable[[int], None]
    _is_counted = False

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError, UnicodeError) as error:
            raise NothingSent from error
        self._is_counted = True
        self.on_open(1)

    def close(self) -> None:
        super().close()
        if self._is_counted:
            self._is_counted = False
            self.on_open(-1)

    def getresponse(self) -> Any:
        # urllib3 has put the read timeout of this request into self.timeout: for us it is the
        # time for the whole answer, header and body.
        if isinstance(self.sock, PatientSocket) and self.timeout is not None:
            self.sock.expect_answer(float(self.timeout), self.new_pulse())
        return super().getresponse()


class Pool(HTTPSConnectionPool):
    """All connections to one address; made with the trust and not changed by anybody.

    misses: after how many missing signs of life in a row a silent peer is given up.
    on_open: called with 1 for each connection that stands, and with -1 when it is closed.
    """

    ConnectionCls = _Connection

    def __init__(
        self,
        url: str,
        trust: Trust,
        timeouts: Timeouts,
        misses: int,
        on_open: Callable[[int], None],
    ) -> None:
        host, port = host_and_port(url)
        super().__init__(
            host,
            port,
            maxsize=MOST_READS,
            ssl_context=trust.context,
            assert_fingerprint=trust.fingerprint,
        )
        is_alive = partial(answers_tls, url, trust, timeouts.connect)
        self._new_pulse = partial(Pulse, is_alive, timeouts.pulse, misses)
        self._on_open = on_open

    def _new_conn(self) -> Any:
        connection = cast("_Connection", super()._new_conn())
        connection.new_pulse = self._new_pulse
        connection.on_open = self._on_open
        return connection


class _Adapter(HTTPAdapter):
    """Hands out the one pool, whatever `verify`, proxies or the environment say."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(max_retries=0)
        self._pool = pool

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> HTTPSConnectionPool:
        return self._pool

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Trust was settled when the pool was made."""

    def close(self) -> None:
        self._pool.close()
        super().close()


class Session(ProxmoxHttpSession):  # type: ignore[misc]  # proxmoxer has no types
    """proxmoxer's session without the environment, cookies of servers, and compression.

    Uncompressed, because a gzipped list keeps one of Proxmox's few single-threaded workers busy
    and could unfold to any size.
    """

    def __init__(self, pool: Pool, auth: ProxmoxHTTPAuthBase) -> None:
        super().__init__()
        self.trust_env = False
        self.auth = auth
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "hapanel"})
        self.mount("https://", _Adapter(pool))


@dataclass(frozen=True, slots=True)
class Call:
    """What proxmoxer sees as its session: one request with its own time and size limits.

    on_date: called with the Date header of an answer, which is the node's own clock.
    """

    session: Session
    connect: float
    seconds: float
    headers: Mapping[str, str]
    on_date: Callable[[str | None], None]

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
            self.on_date(response.headers.get("Date"))
            return Answer(response.status_code, response.reason or "", body)
