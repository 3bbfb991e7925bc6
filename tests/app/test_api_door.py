"""Who gets in through the API, and in which shape everybody else is turned away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import ApiToken, User
from hapanel.rest.throttles import PerPersonThrottle
from nodes.models import Cluster
from vms.api import GuestViewSet

VMS = "/api/v1/vms/"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def is_problem(answer: Any, status: int, code: str) -> bool:
    body = answer.json()
    return (
        (answer.status_code, body["status"], body["code"]) == (status, status, code)
        and answer["Content-Type"] == "application/problem+json"
        and {"type", "title", "detail", "because", "remedy", "errors"} <= set(body)
    )


def test_without_a_token_nobody_gets_in(client: Client, db: None) -> None:
    answer = client.get(VMS)
    assert is_problem(answer, 401, "not-signed-in")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("secret", ["", "hap_wrong", "hap_" + "x" * 5000, "\u00e9"])
def test_a_wrong_token_is_refused(client: Client, db: None, secret: str) -> None:
    answer = client.get(VMS, headers=bearer(secret))
    assert is_problem(answer, 401, "api-token-refused")
    assert "WWW-Authenticate" in answer


def test_an_expired_token_and_an_inactive_owner_are_refused(client: Client, oda: User) -> None:
    token, secret = ApiToken.issue(oda, "script")
    assert client.get(VMS, headers=bearer(secret)).status_code == 200
    token.expires_at = timezone.now() - timedelta(seconds=1)
    token.save()
    assert is_problem(client.get(VMS, headers=bearer(secret)), 401, "api-token-refused")
    token.expires_at = None
    token.save()
    oda.is_active = False
    oda.save()
    assert is_problem(client.get(VMS, headers=bearer(secret)), 401, "api-token-refused")


def test_the_use_of_a_token_is_noted_once_a_minute(client: Client, oda: User) -> None:
    token, secret = ApiToken.issue(oda, "script")
    client.get(VMS, headers=bearer(secret))
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    client.get(VMS, headers=bearer(secret))
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    client.get(VMS, headers=bearer(secret))
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at >= first


def test_somebody_without_a_role_sees_nothing(client: Client, db: None) -> None:
    nobody = User.objects.create_user("nobody", password="demo")
    secret = ApiToken.issue(nobody, "script")[1]
    assert is_problem(client.get(VMS, headers=bearer(secret)), 403, "role-lacks-permission")


def test_a_browser_needs_its_csrf_token(oda: User, clusterubd: Cluster) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(oda)
    assert browser.get(VMS).status_code == 200
    answer = browser.post("/api/v1/migrations/", {}, content_type="application/json")
    assert is_problem(answer, 403, "csrf")


def test_what_is_not_there_is_a_problem_too(as_oda: Client) -> None:
    assert is_problem(as_oda.get("/api/v1/"), 404, "not-found")
    assert is_problem(as_oda.get("/api/v1/drills/"), 404, "not-found")
    assert is_problem(as_oda.post("/api/v1/nothing/here/"), 404, "not-found")
    assert is_problem(as_oda.get("/api/v1/clusters/elsewhere/"), 404, "not-found")
    assert is_problem(as_oda.get("/api/v1/vms/a/99999999999999999999/"), 404, "not-found")
    assert is_problem(as_oda.get("/api/v1/vms/%00/1/"), 404, "not-found")


def test_a_forgotten_slash_is_told(as_oda: Client) -> None:
    answer = as_oda.post("/api/v1/migrations", {}, content_type="application/json")
    assert is_problem(answer, 404, "slash-missing")
    assert "/api/v1/migrations/" in answer.json()["remedy"]


def test_answers_are_not_kept_by_caches(as_oda: Client) -> None:
    assert as_oda.get(VMS)["Cache-Control"] == "private, no-cache"


def test_wrong_method_type_and_accept_are_problems(as_ada: Client, clusterubd: Cluster) -> None:
    answer = as_ada.put(VMS)
    assert is_problem(answer, 405, "method-not-allowed")
    assert "GET" in answer["Allow"]
    answer = as_ada.post("/api/v1/migrations/", "a=b", content_type="text/plain")
    assert is_problem(answer, 415, "unsupported-media-type")
    answer = as_ada.get(VMS, headers={"Accept": "application/xml"})
    assert is_problem(answer, 406, "not-acceptable")


def test_too_many_calls_are_slowed_down(as_oda: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PerPersonThrottle, "THROTTLE_RATES", {"person": "2/min"})
    assert [as_oda.get(VMS).status_code for _ in range(2)] == [200, 200]
    answer = as_oda.get(VMS)
    assert is_problem(answer, 429, "throttled")
    assert int(answer["Retry-After"]) > 0


def test_an_unforeseen_mistake_is_told_without_its_inside(
    as_oda: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(GuestViewSet, "represent", broken)
    answer = as_oda.get(VMS)
    assert is_problem(answer, 500, "panel-fault")
    assert "secret" not in answer.content.decode()


def test_only_administrators_read_the_audit_log(
    as_ada: Client, as_oda: Client, as_hal: Client
) -> None:
    assert as_oda.get("/api/v1/audit/").status_code == 403
    assert as_hal.get("/api/v1/audit/").status_code == 403
    found = as_ada.get("/api/v1/audit/?action=signed_in").json()["results"]
    assert {entry["actor"] for entry in found} == {"ada", "oda", "hal"}
    assert as_ada.get("/api/v1/audit/?since=2999-01-01T00:00:00Z").json()["results"] == []
    assert as_ada.get("/api/v1/audit/?since=soon").status_code == 400
