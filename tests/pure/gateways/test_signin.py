"""Tickets and tokens, without a network."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from hapanel.gateways.proxmox.signin import TicketAuth, TokenAuth, auth_for
from hapanel.ports.endpoint import Credentials
from hapanel.ports.errors import Garbage, SignInRefused


class Door:
    """Gives tickets and keeps what was shown for them; refuses renewals by wish."""

    def __init__(self, *, renews: bool = True) -> None:
        self.shown: list[str] = []
        self.renews = renews

    def __call__(self, form: Mapping[str, str]) -> bytes:
        self.shown.append(form["password"])
        if form["password"].startswith("PVE:") and not self.renews:
            raise SignInRefused("Authentication failed!", status=401)
        ticket = {"ticket": f"PVE:{len(self.shown)}", "CSRFPreventionToken": "csrf"}
        return msgspec.json.encode({"data": ticket})


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_ticket_is_renewed_with_itself_long_before_it_ends(seconds: list[float]) -> None:
    door, auth = Door(), TicketAuth("ada@pam", "demo")
    auth.prepare(door)
    seconds[0] = 3500.0
    auth.prepare(door)
    assert door.shown == ["demo"]
    seconds[0] = 3700.0
    auth.prepare(door)
    assert door.shown == ["demo", "PVE:1"]
    assert auth.pve_auth_ticket == "PVE:2"


def test_a_ticket_that_cannot_be_renewed_is_fetched_with_the_password(
    seconds: list[float],
) -> None:
    door, auth = Door(renews=False), TicketAuth("ada@pam", "demo")
    auth.prepare(door)
    seconds[0] = 8000.0
    auth.prepare(door)
    assert door.shown == ["demo", "PVE:1", "demo"]


def test_two_threads_that_are_refused_with_one_ticket_sign_in_once() -> None:
    door, auth = Door(), TicketAuth("ada@pam", "demo")
    auth.prepare(door)
    refused = auth.proof
    assert auth.sign_in_again(door, refused)
    assert auth.sign_in_again(door, refused)
    assert door.shown == ["demo", "demo"]


def test_an_answer_without_a_ticket_is_garbage() -> None:
    with pytest.raises(Garbage):
        TicketAuth("ada@pam", "demo").prepare(lambda _form: b'{"data":null}')


def test_a_token_is_split_into_user_and_name_and_never_renewed() -> None:
    auth = auth_for(Credentials(token_id="panel@pve!ops", token_secret="s"))
    assert isinstance(auth, TokenAuth)
    assert (auth.username, auth.token_name) == ("panel@pve", "ops")
    assert auth.sign_in_again(Door(), auth.proof) is False
