"""Every address is guarded by the one rule table, or is named here as open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from hapanel.access import RULES, Permission, Role, may
from hapanel.accounts.models import User
from hapanel.accounts.roles import give_role
from hapanel.rest.permissions import SAFE
from nodes.models import Cluster

# Open on purpose: the way in, what helps on the way in, and what tells nothing about clusters.
OPEN = {
    "sign-in",
    "sign-out",
    "preferences",
    "set_language",
    "settings",  # only leads on to a page that is guarded
    "status",  # shows services to everybody only when HAPANEL_STATUS_PUBLIC says so
    "healthz",
    "readyz",
    "metrics",  # to callers on this machine; others need a token (test_api_metrics.py)
    "schema",
    "api-docs",
    "api-nothing",
}
KWARGS = {
    "cluster": "clusterubd",
    "node": "master",
    "vmid": 100,
    "sid": "vm:100",
    "rule": "apart",
    "resource": "rs",
    "name": "rs",
    "action": "verify",
    "group": "pve",
    "operation_id": 1,
    "user_id": 1,
    "token_id": 1,
    "pk": 1,
    "id": 1,
}


def patterns(resolver: Any = None) -> Iterator[URLPattern]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern
        else:
            yield from patterns(pattern)


def view_set(pattern: URLPattern) -> Any:
    return getattr(pattern.callback, "cls", None)


def permission_of(pattern: URLPattern) -> Permission | None:
    page: Permission | None = getattr(pattern.callback, "permission", None)
    api: Permission | None = getattr(view_set(pattern), "see", None)
    return page or api


def guarded() -> list[URLPattern]:
    return [pattern for pattern in patterns() if pattern.name not in OPEN]


def address(pattern: URLPattern) -> str:
    wanted = pattern.pattern.converters
    return reverse(str(pattern.name), kwargs={name: KWARGS[name] for name in wanted})


def test_every_address_is_guarded_or_named_as_open() -> None:
    found = {str(pattern.name) for pattern in patterns()}
    without = {str(p.name) for p in patterns() if permission_of(p) is None}
    assert without == OPEN & found
    assert found >= OPEN


def test_every_address_has_a_name_of_its_own() -> None:
    names = [pattern.name for pattern in patterns()]
    assert len(names) == len(set(names))
    assert None not in names


def test_every_api_view_that_changes_something_names_the_permission() -> None:
    for pattern in guarded():
        view = view_set(pattern)
        actions = getattr(pattern.callback, "actions", None) or {}
        if view and any(method.upper() not in SAFE for method in actions):
            assert isinstance(getattr(view, "change", None), Permission), pattern


def test_nobody_gets_in_without_signing_in(client: Client, clusterubd: Cluster) -> None:
    for pattern in guarded():
        answer = client.get(address(pattern))
        if view_set(pattern):
            assert answer.status_code == 401, pattern
        else:
            assert answer.status_code == 302, pattern
            assert answer["Location"].startswith(reverse("sign-in")), pattern


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_turned_away_where_its_rules_end(clusterubd: Cluster, role: Role) -> None:
    user = User.objects.create_user(role.value, password="demo")
    give_role(user, role)
    client = Client()
    client.force_login(user)
    for pattern in guarded():
        permission = permission_of(pattern)
        assert permission is not None
        answer = client.get(address(pattern))
        is_closed = answer.status_code == 403
        assert is_closed is (role not in RULES[permission]), (pattern, answer.status_code)
        assert answer.status_code < 500, pattern


def test_hal_changes_nothing_whatever_he_posts_to(as_hal: Client, clusterubd: Cluster) -> None:
    own = {"account", "create-token", "revoke-token", "own-password"}
    asks_only = {"api-forecasts"}
    for pattern in guarded():
        if pattern.name in own | asks_only:
            continue
        answer = as_hal.post(address(pattern), {})
        assert answer.status_code in {200, 302, 403, 404, 405}, (pattern, answer.status_code)
        if answer.status_code in {200, 302}:
            # A page that ignores the method; the shared fixture proves that nothing came of it.
            assert permission_of(pattern) not in {
                Permission.MIGRATE_GUESTS,
                Permission.CHANGE_HA,
                Permission.DISARM_HA,
                Permission.CHANGE_CLUSTERS,
                Permission.REPAIR_REPLICATION,
                Permission.CHANGE_SERVICES,
                Permission.CHANGE_PEOPLE,
            }
    assert Cluster.objects.filter(name="clusterubd").exists()
    assert not clusterubd.operations.exists()
    assert not clusterubd.services.exists()


def test_without_a_role_or_when_inactive_nothing_is_allowed(ada: User) -> None:
    nobody = User.objects.create_user("nobody", password="demo")
    assert not any(may(nobody, permission) for permission in Permission)
    assert all(may(ada, permission) for permission in Permission)
    ada.is_active = False
    assert not any(may(ada, permission) for permission in Permission)


def test_every_permission_has_its_rule_and_administrators_have_all() -> None:
    assert set(RULES) == set(Permission)
    assert all(Role.ADMINISTRATOR in roles for roles in RULES.values())
    assert Role.HELP_DESK not in RULES[Permission.MIGRATE_GUESTS]
