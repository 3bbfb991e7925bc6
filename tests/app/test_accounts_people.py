"""What an administrator does with accounts, tokens and keys, and what stands in the log of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from hapanel.access import Role
from hapanel.accounts import people, tokens
from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.roles import give_role, make_groups
from hapanel.accounts.vault import VaultLocked, is_sealed_by_first_key, seal, unseal
from hapanel.audit.actor import Actor
from hapanel.audit.models import Entry, record
from hapanel.kernel.refusal import Refused
from nodes.models import Cluster

ADA = Actor("ada", "page", "10.0.0.1")
GOOD = "four words nobody guesses"


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [refusal.code for refusal in refused.value.refusals]


def test_a_new_person_has_her_role_and_stands_in_the_log(ada: User) -> None:
    budi = people.create_person("budi", GOOD, Role.OPERATOR, ADA)
    assert (budi.role, budi.check_password(GOOD)) == (Role.OPERATOR, True)
    entry = Entry.objects.get(action="user_created")
    assert (entry.actor, entry.subject, entry.detail) == ("ada", "budi", {"role": "operator"})
    assert entry.address == "10.0.0.1"


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("oda", GOOD, "user-name-taken"),
        ("ODA", GOOD, "user-name-taken"),
        ("", GOOD, "user-name-malformed"),
        ("a b", GOOD, "user-name-malformed"),
        ("x" * 151, GOOD, "user-name-malformed"),
        ("budi", "short", "password-weak"),
        ("budi", "1029384756", "password-weak"),
    ],
)
def test_a_person_who_cannot_be_is_refused(oda: User, name: str, password: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        people.create_person(name, password, Role.OPERATOR, ADA)
    assert codes(refused) == [code]
    assert not Entry.objects.filter(action="user_created").exists()


def test_a_name_that_is_taken_while_it_is_judged_is_refused(
    oda: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_check_name", lambda _user: None)
    with pytest.raises(Refused) as refused:
        people.create_person("oda", GOOD, Role.OPERATOR, ADA)
    assert codes(refused) == ["user-name-taken"]
    assert not Entry.objects.filter(action="user_created").exists()


def test_a_role_is_exactly_one(ada: User, oda: User) -> None:
    people.set_role(oda, Role.ADMINISTRATOR, ADA)
    people.set_role(oda, Role.HELP_DESK, ADA)
    assert User.objects.get(pk=oda.pk).role is Role.HELP_DESK
    assert oda.groups.count() == 1
    people.set_role(oda, None, ADA)
    assert User.objects.get(pk=oda.pk).role is None


def test_the_last_administrator_stays(ada: User, oda: User) -> None:
    with pytest.raises(Refused) as refused:
        people.set_role(ada, Role.OPERATOR, ADA)
    assert codes(refused) == ["last-administrator"]
    with pytest.raises(Refused):
        people.deactivate(ada, ADA)
    people.set_role(oda, Role.ADMINISTRATOR, ADA)
    people.deactivate(ada, ADA)
    assert not User.objects.get(pk=ada.pk).is_active
    people.activate(ada, ADA)
    assert User.objects.get(pk=ada.pk).is_active


def test_who_remains_costs_the_same_however_many_people_there_are(
    ada: User, oda: User, django_assert_max_num_queries: Any
) -> None:
    people.set_role(oda, Role.ADMINISTRATOR, ADA)
    for number in range(5):
        people.create_person(f"student{number}", GOOD, Role.OPERATOR, ADA)
    with django_assert_max_num_queries(8):
        people.deactivate(oda, ADA)


def test_a_long_name_costs_no_entry_of_the_log(oda: User) -> None:
    record("a" * 200, "token_revoked", subject="b" * 300)
    entry = Entry.objects.get(action="token_revoked")
    assert (len(entry.actor), len(entry.subject)) == (150, 200)


def test_a_superuser_who_gets_another_role_is_none_any_more(ada: User) -> None:
    root = User.objects.create_superuser("root", password=GOOD)
    assert root.role is Role.ADMINISTRATOR
    give_role(root, Role.HELP_DESK)
    assert User.objects.get(pk=root.pk).role is Role.HELP_DESK


def test_groups_are_made_once(db: None) -> None:
    make_groups()
    make_groups()
    names = Group.objects.values_list("name", flat=True)
    assert sorted(names) == sorted(role.value for role in Role)


def test_a_reset_password_is_new_and_not_in_the_log(oda: User) -> None:
    password = people.reset_password(oda, ADA)
    assert User.objects.get(pk=oda.pk).check_password(password)
    assert password not in str(list(Entry.objects.values()))


def test_a_token_is_shown_once_and_can_be_taken_back(oda: User) -> None:
    token, secret = tokens.issue_token(oda, "nightly", ADA)
    assert tokens.token_of(secret) == token
    assert secret not in str(list(ApiToken.objects.values()))
    assert secret not in str(list(Entry.objects.values()))
    with pytest.raises(Refused) as refused:
        tokens.issue_token(oda, "nightly", ADA)
    assert codes(refused) == ["token-name-taken"]
    tokens.revoke_token(token, ADA)
    assert tokens.token_of(secret) is None
    actions = Entry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["token_issued", "token_revoked"]


def test_a_token_that_is_made_twice_at_once_is_refused_once(
    oda: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = ApiToken.issue

    def while_another_is_made(user: User, name: str) -> Any:
        issue(user, name)
        return issue(user, name)

    monkeypatch.setattr(ApiToken, "issue", while_another_is_made)
    with pytest.raises(Refused) as refused:
        tokens.issue_token(oda, "nightly", ADA)
    assert codes(refused) == ["token-name-taken"]
    assert not Entry.objects.filter(action="token_issued").exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 65])
def test_a_token_needs_a_name(oda: User, name: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.issue_token(oda, name, ADA)
    assert codes(refused) == ["token-name-missing"]


def test_a_token_may_expire(oda: User) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    token, secret = tokens.issue_token(oda, "once", ADA, expires_at=soon)
    assert tokens.token_of(secret) == token
    ApiToken.objects.update(expires_at=timezone.now())
    assert tokens.token_of(secret) is None


def test_keys_are_rotated_by_putting_a_new_one_in_front(settings: Any, db: None) -> None:
    settings.ENCRYPTION_KEYS = ["a" * 32]
    cluster = Cluster.objects.create(name="campus", encrypted_secret=seal("5ecret"))
    settings.ENCRYPTION_KEYS = ["b" * 32, "a" * 32]
    assert unseal(cluster.encrypted_secret) == "5ecret"
    assert not is_sealed_by_first_key(cluster.encrypted_secret)
    call_command("reseal_secrets")
    cluster.refresh_from_db()
    settings.ENCRYPTION_KEYS = ["b" * 32]
    assert unseal(cluster.encrypted_secret) == "5ecret"
    settings.ENCRYPTION_KEYS = ["c" * 32]
    with pytest.raises(VaultLocked):
        unseal(cluster.encrypted_secret)
    with pytest.raises(CommandError, match="campus"):
        call_command("reseal_secrets")
