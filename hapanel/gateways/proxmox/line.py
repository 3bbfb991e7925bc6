"""One address of a cluster: its kept connections for reads, a fresh one for each write.

proxmoxer builds the calls and carries the sign-in; see `transport` for what lies below it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, cast

import requests
from proxmoxer import ProxmoxResource, ResourceException
from proxmoxer.backends.https import ProxmoxHTTPAuthBase
from urllib3.exceptions import HTTPError

from hapanel.gateways.proxmox.faults import (
    ErrorBody,
    error_body,
    fault_of,
    is_about_certificate,
    plain_words,
)
from hapanel.gateways.proxmox.patience import Timeouts
from hapanel.gateways.proxmox.traffic import Traffic
from hapanel.gateways.proxmox.transport import (
    MAX_BODY,
    Answer,
    Call,
    NothingSent,
    Pool,
    Session,
    TooLarge,
)
from hapanel.gateways.proxmox.trust import Trust
from hapanel.ports.errors import CertificateMismatch, ClusterError, Garbage, Unreachable

# Seconds within which a connection that was closed meanwhile shows it.
AT_ONCE = 0.5


class _NoBodies(logging.Filter):
    """proxmoxer logs what is sent at INFO, parameters and all: that never leaves this process."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


logging.getLogger("proxmoxer.core").addFilter(_NoBodies())


class _Bytes:
    """proxmoxer's serializer that leaves the body alone: our decoders read the bytes."""

    def loads(self, answer: Answer) -> bytes:
        return answer.body

    def loads_errors(self, answer: Answer) -> ErrorBody | None:
        return error_body(answer.body)


class Line:
    """The way to one address.

    auth: proxmoxer's auth object that signs each request. traffic: where requests are counted.
    opened: how many kept connections have stood so far; whoever answers on a new one may be
    another than before. clock_offset: seconds by which the node's clock is ahead of ours, None
    until it answered. All methods raise a ClusterError and return the body as bytes.
    """

    def __init__(
        self,
        url: str,
        trust: Trust,
        auth: ProxmoxHTTPAuthBase,
        timeouts: Timeouts,
        traffic: Traffic,
    ) -> None:
        self.url = url
        self._trust = trust
        self._auth = auth
        self._timeouts = timeouts
        self._traffic = traffic
        self.opened = 0
        self.clock_offset: float | None = None
        self._kept = self._new_session(auth, misses=1, on_open=self._count_kept)

    def ask(self, path: str, params: Mapping[str, Any], *, seconds: float) -> bytes:
        """GET over a kept connection. Proxmox closes idle ones after 5 s, perhaps in this very
        moment; so a connection that ends before any answer is tried once more, afresh."""
        connect = min(self._timeouts.connect, seconds)
        call = Call(self._kept, connect, seconds, {}, self._hear_date)
        started = time.monotonic()
        try:
            return self._send(call, "GET", path, params)
        except _Cut as cut:
            if time.monotonic() - started > min(AT_ONCE, seconds / 2):
                raise cut.as_unreachable() from cut
        self._traffic.again()
        try:
            return self._send(call, "GET", path, params)
        except _Cut as cut:
            raise cut.as_unreachable() from cut

    def tell(self, method: str, path: str, body: Mapping[str, Any]) -> bytes:
        """POST, PUT or DELETE, sent exactly once and over a connection of its own, so that a kept
        one which the server is just closing cannot leave it open whether the write arrived."""
        try:
            return self._send_afresh(self._auth, self._timeouts.write, method, path, body)
        except _Cut as cut:
            raise cut.as_unreachable(may_have_happened=True) from cut

    def fetch_ticket(self, form: Mapping[str, str]) -> bytes:
        """Sign in with user and password (or old ticket). Changes nothing in the cluster, so its
        errors never say that something may have happened."""
        auth = ProxmoxHTTPAuthBase()
        try:
            return self._send_afresh(auth, self._timeouts.look, "POST", "access/ticket", form)
        except _Cut as cut:
            raise cut.as_unreachable() from cut
        except ClusterError as error:
            error.may_have_happened = False
            raise

    def _send_afresh(
        self,
        auth: ProxmoxHTTPAuthBase,
        seconds: float,
        method: str,
        path: str,
        body: Mapping[str, Any],
    ) -> bytes:
        session = self._new_session(auth, misses=2, on_open=self._traffic.opened)
        try:
            close = {"Connection": "close"}
            call = Call(session, self._timeouts.connect, seconds, close, self._hear_date)
            return self._send(call, method, path, body)
        finally:
            session.close()

    def close(self) -> None:
        """Give the kept connections back."""
        self._kept.close()

    def _new_session(
        self, auth: ProxmoxHTTPAuthBase, *, misses: int, on_open: Callable[[int], None]
    ) -> Session:
        return Session(Pool(self.url, self._trust, self._timeouts, misses, on_open), auth)

    def _count_kept(self, count: int) -> None:
        self._traffic.opened(count)
        self.opened += max(0, count)

    def _hear_date(self, date: str | None) -> None:
        """Proxmox stamps each answer with its own time, in whole seconds."""
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:
            return
        self.clock_offset = told.timestamp() + 0.5 - time.time()

    def _send(self, call: Call, method: str, path: str, params: Mapping[str, Any]) -> bytes:
        writes = method != "GET"
        resource = ProxmoxResource(
            base_url=f"{self.url}/api2/json/{path}", session=call, serializer=_Bytes()
        )
        try:
            with self._traffic.call(self.url, writes=writes, seconds=call.seconds):
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
