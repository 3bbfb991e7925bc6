"""Settings that do not fit together are told before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from hapanel import checks


@pytest.mark.parametrize(
    ("is_demo", "hosts", "count"),
    [
        (True, ["127.0.0.1", "localhost", "[::1]"], 0),
        (True, ["panel.example.org"], 1),
        (True, ["*"], 1),
        (True, ["192.0.2.1"], 1),
        (False, ["panel.example.org"], 0),
    ],
)
def test_a_demo_answers_to_loopback_names_only(
    settings: Any, is_demo: bool, hosts: list[str], count: int
) -> None:
    settings.DEMO, settings.ALLOWED_HOSTS = is_demo, hosts
    assert len(checks.a_demo_stays_on_its_machine()) == count


def test_plain_http_is_a_warning_outside_of_a_demo(settings: Any) -> None:
    settings.DEMO, settings.HTTPS = False, False
    assert [each.id for each in checks.people_come_over_https()] == ["hapanel.W001"]
    settings.HTTPS = True
    assert not checks.people_come_over_https()


def test_a_proxy_without_a_trusted_origin_is_a_warning(settings: Any) -> None:
    settings.PROXY_COUNT, settings.CSRF_TRUSTED_ORIGINS = 1, []
    assert [each.id for each in checks.forms_come_from_a_trusted_origin()] == ["hapanel.W002"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://panel.example.org"]
    assert not checks.forms_come_from_a_trusted_origin()
