"""The one rule table: who may see and do what. Pages, parts, API and SSE all ask here.

A role is a Django group of the same name. A permission is one line below; nothing else in the
project compares role names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Protocol


class Role(StrEnum):
    """The three kinds of people who sign in."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    HELP_DESK = "helpdesk"


class Permission(StrEnum):
    """What can be allowed. Names are verbs; `see_` never changes anything."""

    SEE_CLUSTERS = "see_clusters"  # clusters, nodes, storages, guests, HA, events
    SEE_OPERATIONS = "see_operations"  # operations and migrations with logs
    SEE_SERVICES = "see_services"
    SEE_AUDIT = "see_audit"
    SEE_SETTINGS = "see_settings"
    SEE_PATTERNS = "see_patterns"
    MIGRATE_GUESTS = "migrate_guests"
    CHANGE_HA = "change_ha"  # HA resources and rules
    DISARM_HA = "disarm_ha"  # the whole cluster's HA, off and on
    CHANGE_CLUSTERS = "change_clusters"  # add, change, remove a cluster's record
    REPAIR_REPLICATION = "repair_replication"  # act on DRBD resources, end a split brain
    CHANGE_SERVICES = "change_services"
    CHANGE_PEOPLE = "change_people"
    SWITCH_LAB = "switch_lab"  # power, cables and faults of a lab, where one is configured
    OWN_ACCOUNT = "own_account"  # language, theme, password, own API tokens


_EVERYBODY = frozenset(Role)
_STAFF = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
_ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})

RULES: dict[Permission, frozenset[Role]] = {
    Permission.SEE_CLUSTERS: _EVERYBODY,
    Permission.SEE_OPERATIONS: _EVERYBODY,
    Permission.SEE_SERVICES: _EVERYBODY,
    Permission.SEE_AUDIT: _ADMINISTRATORS,
    Permission.SEE_SETTINGS: _STAFF,
    Permission.SEE_PATTERNS: _EVERYBODY,
    Permission.MIGRATE_GUESTS: _STAFF,
    Permission.CHANGE_HA: _STAFF,
    Permission.DISARM_HA: _ADMINISTRATORS,
    Permission.CHANGE_CLUSTERS: _ADMINISTRATORS,
    Permission.REPAIR_REPLICATION: _STAFF,
    Permission.CHANGE_SERVICES: _STAFF,
    Permission.CHANGE_PEOPLE: _ADMINISTRATORS,
    Permission.SWITCH_LAB: _ADMINISTRATORS,
    Permission.OWN_ACCOUNT: _EVERYBODY,
}


class Person(Protocol):
    """What this table needs to know of a user (accounts.User and AnonymousUser both fit)."""

    @property
    def is_authenticated(self) -> Any: ...

    @property
    def is_active(self) -> Any: ...


def role_of(user: Person) -> Role | None:
    """The user's role; None when nobody is signed in or the account has none."""
    role = getattr(user, "role", None)
    return role if user.is_authenticated and user.is_active else None


def may(user: Person, permission: Permission) -> bool:
    """Whether `user` has `permission` now."""
    role = role_of(user)
    return role is not None and role in RULES[permission]
