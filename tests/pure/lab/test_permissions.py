"""Who may do what: inheritance, propagation, tokens."""

from __future__ import annotations

import pytest

from hapanel.lab.auth.accounts import ROOT, Accounts, Principal, User, ancestors
from hapanel.lab.auth.privileges import ALL_PRIVILEGES, BUILT_IN_ROLES
from hapanel.lab.auth.tickets import Tickets

ADA = Principal("ada@pve")
TOKEN = Principal("ada@pve", "panel")
GUEST = "/vms/100"


@pytest.fixture
def accounts() -> Accounts:
    """Ada with a token, nobody with any right."""
    made = Accounts()
    made.users["ada@pve"] = User("ada@pve", "secret")
    made.add_token("ada@pve", "panel", privsep=True)
    return made


def test_a_path_inherits_from_all_above_it() -> None:
    assert ancestors("/vms/100") == ["/", "/vms", "/vms/100"]
    assert ancestors("/") == ["/"]


def test_without_entries_nobody_but_root_may_anything(accounts: Accounts) -> None:
    assert accounts.privileges(ADA, "/") == {}
    assert set(accounts.privileges(Principal(ROOT), "/")) == ALL_PRIVILEGES


def test_a_role_on_the_root_reaches_every_guest(accounts: Accounts) -> None:
    accounts.grant("/", "ada@pve", "PVEAuditor")
    assert accounts.may(ADA, GUEST, "VM.Audit")
    assert not accounts.may(ADA, GUEST, "VM.PowerMgmt")


def test_without_propagation_it_stays_where_it_is(accounts: Accounts) -> None:
    accounts.grant("/", "ada@pve", "PVESysAdmin", propagate=False)
    assert accounts.privileges(ADA, "/")["Sys.Console"] == 0
    assert accounts.privileges(ADA, "/nodes/master") == {}


def test_a_deeper_entry_replaces_what_was_inherited(accounts: Accounts) -> None:
    accounts.grant("/", "ada@pve", "Administrator")
    accounts.grant(GUEST, "ada@pve", "PVEAuditor")
    assert not accounts.may(ADA, GUEST, "VM.Migrate")
    assert accounts.may(ADA, "/vms/101", "VM.Migrate")


def test_no_access_wins(accounts: Accounts) -> None:
    accounts.grant(GUEST, "ada@pve", "Administrator")
    accounts.grant(GUEST, "ada@pve", "NoAccess")
    assert accounts.privileges(ADA, GUEST) == {}


def test_a_separated_token_has_what_both_it_and_its_user_have(accounts: Accounts) -> None:
    accounts.grant("/", "ada@pve", "PVEVMAdmin")
    assert accounts.privileges(TOKEN, "/") == {}
    accounts.grant("/", "ada@pve!panel", "Administrator")
    assert set(accounts.privileges(TOKEN, "/")) == BUILT_IN_ROLES["PVEVMAdmin"]


def test_a_token_without_separation_has_its_users_rights(accounts: Accounts) -> None:
    accounts.users["ada@pve"].tokens["panel"].privsep = False
    accounts.grant("/", "ada@pve", "PVEAuditor")
    assert accounts.privileges(TOKEN, "/") == accounts.privileges(ADA, "/")


def test_a_token_of_root_is_not_root_itself() -> None:
    assert Principal(ROOT).is_root_itself
    assert not Principal(ROOT, "panel").is_root_itself


def test_a_disabled_or_expired_user_takes_his_tokens_with_him(accounts: Accounts) -> None:
    assert accounts.is_active(TOKEN, now=1000)
    accounts.users["ada@pve"].expire = 999
    assert not accounts.is_active(TOKEN, now=1000)
    accounts.users["ada@pve"].expire = 0
    accounts.users["ada@pve"].enabled = False
    assert not accounts.is_active(TOKEN, now=1000)


def test_a_ticket_lives_for_two_hours_and_cannot_be_bent() -> None:
    tickets = Tickets()
    ticket, csrf = tickets.issue("ada@pve", now=1_795_000_000)
    assert tickets.user_of(ticket, now=1_795_000_000 + 7199) == "ada@pve"
    assert tickets.user_of(ticket, now=1_795_000_000 + 7201) is None
    assert tickets.user_of(ticket.replace("ada", "oda"), now=1_795_000_000) is None
    assert tickets.user_of("PVE:nonsense", now=1_795_000_000) is None
    assert tickets.is_csrf_of(csrf, "ada@pve", now=1_795_000_000)
    assert not tickets.is_csrf_of(csrf, "oda@pve", now=1_795_000_000)
