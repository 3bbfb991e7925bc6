"""Signing in: an API token, or a ticket that is renewed before it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from proxmoxer.backends.https import (
    ProxmoxHTTPApiTokenAuth,
    ProxmoxHTTPAuth,
    ProxmoxHTTPAuthBase,
)

from hapanel.ports.endpoint import Credentials
from hapanel.ports.errors import Garbage, SignInRefused

# A ticket lives for 7200 s; proxmoxer renews after half of it, and so do we.
RENEW_AFTER = ProxmoxHTTPAuth.renew_age

PostTicket = Callable[[Mapping[str, str]], bytes]


class TokenAuth(ProxmoxHTTPApiTokenAuth):  # type: ignore[misc]  # proxmoxer has no types
    """An API token: stateless, nothing to prepare and nothing to renew."""

    def prepare(self, _post: PostTicket) -> None:
        """Nothing to do."""

    def sign_in_again(self, _post: PostTicket, _refused: object) -> bool:
        """A token that was refused stays refused."""
        return False

    @property
    def proof(self) -> object:
        """What the requests are signed with."""
        return self


class _Ticket(msgspec.Struct, rename={"csrf": "CSRFPreventionToken", "needs_tfa": "NeedTFA"}):
    ticket: str
    csrf: str = ""
    needs_tfa: int | None = None


class _Envelope(msgspec.Struct):
    data: _Ticket


class TicketAuth(ProxmoxHTTPAuth):  # type: ignore[misc]  # proxmoxer has no types
    """User and password for a ticket, which holds on every node of the cluster.

    proxmoxer signs in while the object is made and through requests' own defaults; here that
    happens at the first call, through the connection that was verified for the cluster.
    """

    def __init__(self, username: str, password: str) -> None:
        ProxmoxHTTPAuthBase.__init__(self)
        self.username = username
        self.pve_auth_ticket = ""
        self.csrf_prevention_token = ""
        self.birth_time = 0.0
        self._password = password
        self._lock = threading.Lock()

    def __call__(self, request: Any) -> Any:
        """Sign one request; the CSRF token goes with everything that is not a GET."""
        if request.method != "GET":
            request.headers["CSRFPreventionToken"] = self.csrf_prevention_token
        return request

    @property
    def proof(self) -> object:
        """What the requests are signed with."""
        return self.pve_auth_ticket

    def prepare(self, post: PostTicket) -> None:
        """Sign in at the first call, renew in time. Raises a ClusterError."""
        with self._lock:
            if not self.pve_auth_ticket:
                self._get_ticket(post, self._password)
            elif time.monotonic() - self.birth_time > RENEW_AFTER:
                self._renew(post)

    def sign_in_again(self, post: PostTicket, refused: object) -> bool:
        """After a 401: once more with the password, unless another thread already did."""
        with self._lock:
            if self.pve_auth_ticket == refused:
                self._get_ticket(post, self._password)
            return True

    def _renew(self, post: PostTicket) -> None:
        try:
            self._get_ticket(post, self.pve_auth_ticket)
        except SignInRefused:
            self._get_ticket(post, self._password)

    def _get_ticket(self, post: PostTicket, password: str) -> None:
        body = post({"username": self.username, "password": password})
        try:
            ticket = msgspec.json.decode(body, type=_Envelope, strict=False).data
        except msgspec.DecodeError as error:
            raise Garbage("the answer to the sign-in is none of Proxmox's") from error
        if ticket.needs_tfa:
            raise SignInRefused("the user needs a second factor; use an API token", status=401)
        self.pve_auth_ticket = ticket.ticket
        self.csrf_prevention_token = ticket.csrf
        self.birth_time = time.monotonic()


def auth_for(credentials: Credentials) -> TokenAuth | TicketAuth:
    """The auth object for the credentials. Raises SignInRefused when they are incomplete."""
    if credentials.token_id and credentials.token_secret:
        user, _, name = credentials.token_id.partition("!")
        if not name:
            raise SignInRefused("a token id reads USER@REALM!NAME")
        return TokenAuth(user, name, credentials.token_secret)
    if credentials.username and credentials.password:
        return TicketAuth(credentials.username, credentials.password)
    raise SignInRefused("neither a token nor user and password are recorded")
