"""Fail-over: puts each request through to an address that answers, and remembers how they fare.

A read may be put through again elsewhere. A write may not once a byte of it may have left; only
when the connection never stood is the next address tried.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from hapanel.gateways.proxmox.addresses import AddressBook, Attempt
from hapanel.gateways.proxmox.decode_cluster import membership
from hapanel.gateways.proxmox.identity import Identity
from hapanel.gateways.proxmox.line import Line
from hapanel.gateways.proxmox.patience import Timeouts
from hapanel.gateways.proxmox.signin import TicketAuth, TokenAuth, auth_for
from hapanel.gateways.proxmox.traffic import Traffic
from hapanel.gateways.proxmox.trust import base_url, trust_for
from hapanel.ports.cluster import AddressHealth
from hapanel.ports.endpoint import Endpoint
from hapanel.ports.errors import (
    CertificateMismatch,
    ClusterError,
    Garbage,
    NodeUnreachable,
    OtherCluster,
    PermissionMissing,
    ServerFault,
    SignInRefused,
    Unreachable,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

# After a 401 the same proof is not shown again for this long, doubling. Proxmox delays each bad
# sign-in by 3 s and logs it, and a watching fail2ban would lock the panel's machine out.
FIRST_SILENCE, LONGEST_SILENCE = 4.0, 300.0

MEMBERS = "cluster/status"
_SOMEBODY_ELSE = (CertificateMismatch, OtherCluster)


class Switchboard:
    """The addresses of one cluster, the sign-in they share, and the counters."""

    def __init__(
        self, endpoint: Endpoint, timeouts: Timeouts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._clock = clock
        self._book = AddressBook([base_url(address) for address in endpoint.addresses], clock)
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._auth: TokenAuth | TicketAuth | None = None
        self._refusal: SignInRefused | None = None
        self._refusals = 0
        self._silent_until = 0.0
        self._identity = Identity(endpoint.cluster_name)
        self.traffic = Traffic()
        self.answered_by: str | None = None

    def look(self, path: str, decode: Callable[[bytes], T]) -> T:
        """A question about the whole cluster, which the asked node answers by itself."""
        result, url = self._read(path, {}, decode, self._book.attempts())
        self.answered_by = url
        return result

    def look_from(self, address: str, path: str, decode: Callable[[bytes], T]) -> T:
        """The same question to one address alone. Raises ValueError when it is none of ours."""
        only = [each for each in self._book.attempts_at_all() if each.url == base_url(address)]
        if not only:
            raise ValueError(f"{address} is no address of this cluster")
        return self._read(path, {}, decode, tuple(only))[0]

    def prefer(self, address: str | None) -> None:
        """Ask this address first from now on; None: in the recorded order again."""
        self._book.prefer(address and base_url(address))

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the clock of the node that answered last is ahead of ours."""
        line = self._lines.get(self.answered_by or "")
        return line.clock_offset if line else None

    def ask(
        self, node: str, path: str, decode: Callable[[bytes], T], params: Mapping[str, Any]
    ) -> T:
        """A question about one node: to itself when its address is known, else handed on."""
        attempts = self._book.attempts(about=node)
        return self._read(path, params, decode, attempts)[0]

    def tell(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        *,
        node: str | None = None,
    ) -> tuple[bytes, str]:
        """A change on one node, or of the whole cluster, sent exactly once; the answer and who
        gave it.

        `may_have_happened` of the error is the truth about it.
        """
        errors: list[ClusterError] = []
        attempts = sorted(self._book.attempts(about=node), key=lambda attempt: attempt.is_trial)
        for attempt in attempts:
            if errors:
                self.traffic.again()
            try:
                line = self._line(attempt.url)
                self._look_who_answers(line)
                answer = self._signed(line, partial(line.tell, method, path, body))
            except Unreachable as error:
                self._leave_alone(attempt.url, error)
                errors.append(error)
                if error.may_have_happened:
                    raise
                continue
            self._book.answered(attempt.url)
            return answer, attempt.url
        raise _most_telling(errors)

    def belongs_to(self, url: str, node: str) -> None:
        """Remember which node answers at `url`."""
        self._book.belongs_to(url, node)

    def health(self) -> tuple[AddressHealth, ...]:
        """How each address fared lately."""
        now = self._clock()
        return tuple(
            AddressHealth(
                address=entry.url,
                node=entry.node,
                failures=entry.failures,
                retry_in=max(0.0, entry.retry_at - now),
                last_error=entry.last_error,
            )
            for entry in self._book.entries()
        )

    def close(self) -> None:
        """Close all lines."""
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            line.close()

    def _read(
        self,
        path: str,
        params: Mapping[str, Any],
        decode: Callable[[bytes], T],
        attempts: tuple[Attempt, ...],
    ) -> tuple[T, str]:
        errors: list[ClusterError] = []
        for attempt in attempts:
            if errors:
                self.traffic.again()
            try:
                body = self._get(attempt, path, params, is_second=bool(errors))
                result = _decoded(body, decode, attempt.url)
            except (Unreachable, Garbage) as error:
                self._leave_alone(attempt.url, error)
                errors.append(error)
            except (NodeUnreachable, ServerFault) as error:
                # The address lives, but its node is not well; another one may be.
                if error.status == 501 or not _is_worth_another(error, path):
                    raise
                errors.append(error)
            else:
                self._book.answered(attempt.url)
                return result, attempt.url
        raise _most_telling(errors)

    def _leave_alone(self, url: str, error: ClusterError) -> None:
        """Note that an address failed; the log hears of the first time in a row."""
        if self._book.failed(url, error.reason) == 1:
            log.warning("%s is left alone for a while: %s (%s)", url, error.reason, error.kind)

    def _get(
        self, attempt: Attempt, path: str, params: Mapping[str, Any], *, is_second: bool
    ) -> bytes:
        line = self._line(attempt.url)
        if attempt.is_trial:
            self._signed(line, partial(line.ask, "version", {}, seconds=self._timeouts.trial))
        seconds = self._seconds(attempt, path, is_second=is_second)
        body = self._signed(line, partial(line.ask, path, params, seconds=seconds))
        self._look_who_answers(line, body if path == MEMBERS else None)
        return body

    def _look_who_answers(self, line: Line, told: bytes | None = None) -> None:
        """What comes over a new connection is believed once whoever answers there said which
        cluster it is. `told`: it just did. Raises OtherCluster, or what the question raises."""
        opened = line.opened
        if told is None and self._identity.is_vouched(line.url, opened):
            return
        try:
            if told is None:
                ask = partial(line.ask, MEMBERS, {}, seconds=self._timeouts.look)
                told = self._signed(line, ask)
                opened = line.opened
            self._identity.check(membership(told), line.url)
        except PermissionMissing:
            pass  # a token that may not ask this sees nothing that could be mistaken either
        except Garbage:
            return  # the decoder of the answer itself will say so, or the next answer
        self._identity.vouch(line.url, opened)

    def _seconds(self, attempt: Attempt, path: str, *, is_second: bool) -> float:
        """How long an answer may take. After one silent address the next one is not waited for as
        long: whoever asks would be blind for most of a minute without knowing it."""
        if not path.startswith("nodes/"):
            return self._timeouts.look
        is_quick = attempt.is_direct or is_second
        return self._timeouts.direct if is_quick else self._timeouts.proxied

    def _signed(self, line: Line, send: Callable[[], bytes]) -> bytes:
        """Send with a valid sign-in; a refused ticket is renewed once, a token never."""
        self._keep_silent()
        auth = self._sign_in()
        try:
            auth.prepare(line.fetch_ticket)
            proof = auth.proof
            try:
                answer = send()
            except SignInRefused:
                if not auth.sign_in_again(line.fetch_ticket, proof):
                    raise
                self.traffic.again()
                answer = send()
        except SignInRefused as refusal:
            self._remember(refusal)
            raise
        self._refusal, self._refusals = None, 0
        return answer

    def _keep_silent(self) -> None:
        refusal = self._refusal
        if refusal is not None and self._clock() < self._silent_until:
            raise SignInRefused(refusal.reason, status=refusal.status, address=refusal.address)

    def _remember(self, refusal: SignInRefused) -> None:
        silence = min(LONGEST_SILENCE, FIRST_SILENCE * 2 ** min(self._refusals, 10))
        self._refusal, self._refusals = refusal, self._refusals + 1
        self._silent_until = self._clock() + silence

    def _sign_in(self) -> TokenAuth | TicketAuth:
        if self._auth is None:
            self._auth = auth_for(self._endpoint.credentials)
        return self._auth

    def _line(self, url: str) -> Line:
        with self._lock:
            if url not in self._lines:
                trust = trust_for(self._endpoint, url)
                self._lines[url] = Line(url, trust, self._sign_in(), self._timeouts, self.traffic)
            return self._lines[url]


def _decoded(body: bytes, decode: Callable[[bytes], T], url: str) -> T:
    try:
        return decode(body)
    except Garbage as error:
        raise Garbage(error.reason, address=url) from error


def _is_worth_another(error: ClusterError, path: str) -> bool:
    """A fault of the asked node itself, not the answer to the question.

    595 on a path of the cluster means that the node's own API daemon is down, and a failed
    RPCEnvironment that its cluster file system is; elsewhere it is about the node asked for.
    """
    if not path.startswith("nodes/"):
        return True
    return "RPCEnvironment" in error.reason or error.status in {502, 503, 504}


def _most_telling(errors: list[ClusterError]) -> ClusterError:
    """One error out of those of all addresses; that somebody else answers outranks a silent
    machine."""
    if not errors:
        return Unreachable("no address is recorded")
    ranked = sorted(errors, key=lambda error: not isinstance(error, _SOMEBODY_ELSE))
    first = ranked[0]
    if len(errors) == 1:
        return first
    reasons = "; ".join(f"{error.address}: {error.reason}" for error in errors)
    return type(first)(reasons, status=first.status, address=first.address)
