"""A role is the Django group of the same name: made here, given here."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from hapanel.access import Role
from hapanel.accounts.models import User


def make_groups(**_signal: Any) -> None:
    """One group per role. Runs after each `migrate`, so a restored database has them too."""
    for role in Role:
        Group.objects.get_or_create(name=role.value)


def give_role(user: User, role: Role | None) -> None:
    """Make `role` the one role of `user`; None takes it away. Other groups are left alone.

    Being a superuser counts as administrator, so that flag goes unless the role is that one.
    """
    names = [each.value for each in Role]
    user.groups.remove(*user.groups.filter(name__in=names))
    if role is not None:
        user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    if user.is_superuser and role is not Role.ADMINISTRATOR:
        user.is_superuser = False
        user.save(update_fields=["is_superuser"])
    user.__dict__.pop("role", None)  # what this object had worked out before
