"""Signing in: told in the audit log, slowed down for guessers, in the reader's language."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from hapanel.accounts.demo_door import LoopbackOnlyMiddleware
from hapanel.accounts.models import User
from hapanel.audit.actor import client_address
from hapanel.audit.models import Entry

WRONG = "correct horse battery staple"


def sign_in(client: Client, name: str, password: str, **headers: str) -> Any:
    return client.post(
        reverse("sign-in"), {"username": name, "password": password}, headers=headers
    )


def acts(action: str) -> list[tuple[str, str]]:
    return list(Entry.objects.filter(action=action).values_list("actor", "address"))


def test_a_sign_in_and_its_end_are_in_the_audit_log(client: Client, oda: User) -> None:
    assert sign_in(client, "oda", "demo").status_code == 302
    assert acts("signed_in") == [("oda", "127.0.0.1")]
    client.post(reverse("sign-out"))
    assert acts("signed_out") == [("oda", "127.0.0.1")]


def test_a_failed_sign_in_is_told_without_its_password(
    client: Client, oda: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = sign_in(client, "oda", WRONG)
    assert acts("sign_in_failed") == [("oda", "127.0.0.1")]
    assert WRONG not in caplog.text
    assert WRONG not in str(list(Entry.objects.values()))
    assert WRONG not in answer.content.decode()


def test_guessing_passwords_locks_name_and_address_for_a_while(client: Client, oda: User) -> None:
    statuses = [sign_in(client, "oda", f"{WRONG} {n}").status_code for n in range(12)]
    assert statuses[:9] == [200] * 9
    assert set(statuses[10:]) == {429}
    locked = sign_in(client, "oda", "demo")
    assert locked.status_code == 429
    assert int(locked["Retry-After"]) == 900
    assert acts("locked_out") == [("oda", "127.0.0.1")]
    assert len(acts("sign_in_failed")) <= 10
    assert acts("signed_in") == []


def test_a_lock_holds_nobody_else(client: Client, oda: User, hal: User) -> None:
    for number in range(11):
        sign_in(client, "oda", f"{WRONG} {number}")
    assert sign_in(Client(), "hal", "demo").status_code == 302
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert sign_in(elsewhere, "oda", "demo").status_code == 302


def test_a_locked_out_page_does_not_tell_whether_the_name_exists(client: Client, oda: User) -> None:
    def page(name: str) -> str:
        for number in range(11):
            answer = sign_in(client, name, f"{WRONG} {number}")
        return str(answer.content.decode()).replace(name, "")

    known, unknown = page("oda"), page("adam")
    assert len(known) == len(unknown)


def test_an_inactive_account_does_not_get_in(client: Client, oda: User) -> None:
    oda.is_active = False
    oda.save()
    assert sign_in(client, "oda", "demo").status_code == 200
    assert acts("signed_in") == []


def test_an_open_session_ends_with_the_account(client: Client, oda: User) -> None:
    client.force_login(oda)
    assert client.get(reverse("account")).status_code == 200
    User.objects.update(is_active=False)
    assert client.get(reverse("account")).status_code == 302
    assert client.get("/api/v1/vms/").status_code == 401


def test_passwords_are_kept_as_argon2(oda: User, settings: Any) -> None:
    assert oda.password.startswith("argon2$argon2id$")
    # Nothing but Django's own, whose cost the tests alone take away (tests/app/conftest.py).
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


def test_forwarded_addresses_are_believed_only_from_our_proxies(settings: Any) -> None:
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.1.1.1, 10.2.2.2"})
    settings.PROXY_COUNT = 0
    assert client_address(request) == "127.0.0.1"
    settings.PROXY_COUNT = 1
    assert client_address(request) == "10.2.2.2"
    settings.PROXY_COUNT = 2
    assert client_address(request) == "10.1.1.1"
    settings.PROXY_COUNT = 9
    assert client_address(request) == "127.0.0.1"


def test_behind_a_proxy_a_lock_still_holds_the_guessers_address_alone(
    client: Client, oda: User, settings: Any
) -> None:
    settings.PROXY_COUNT = 1
    for number in range(11):
        sign_in(client, "oda", f"{WRONG} {number}", **{"X-Forwarded-For": "203.0.113.9"})
    assert acts("locked_out") == [("oda", "203.0.113.9")]
    elsewhere = sign_in(Client(), "oda", "demo", **{"X-Forwarded-For": "203.0.113.10"})
    assert elsewhere.status_code == 302


def test_pages_follow_account_then_cookie_then_browser(client: Client, oda: User) -> None:
    where = reverse("sign-in")
    assert client.get(where)["Content-Language"] == "en"
    assert client.get(where, headers={"Accept-Language": "id"})["Content-Language"] == "id"
    client.cookies["django_language"] = "id"
    assert client.get(where, headers={"Accept-Language": "en"})["Content-Language"] == "id"
    oda.language = "en"
    oda.save()
    client.force_login(oda)
    assert client.get(reverse("account"))["Content-Language"] == "en"


def test_a_zone_that_does_not_exist_falls_back_to_the_panels(client: Client, oda: User) -> None:
    oda.time_zone = "Mars/Olympus"
    oda.save()
    client.force_login(oda)
    assert client.get(reverse("account")).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.9", 403), ("", 403)]
)
def test_a_demo_answers_its_own_machine_only(address: str, status: int) -> None:
    door = LoopbackOnlyMiddleware(lambda request: HttpResponse("fine"))
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert door(request).status_code == status
