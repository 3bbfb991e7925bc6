"""What an administrator does with accounts. Each act stands in the audit log."""

from __future__ import annotations

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from hapanel.access import Role
from hapanel.accounts.models import User
from hapanel.accounts.roles import give_role
from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

NAME_TAKEN = refusal_kind(
    "user-name-taken",
    gettext_noop("There is already an account with the name %(name)s."),
    gettext_noop("Choose another name, or activate the old account again."),
    status=422,
    field="username",
)
NAME_MALFORMED = refusal_kind(
    "user-name-malformed",
    gettext_noop("%(name)s cannot be the name of an account."),
    gettext_noop("Use up to 150 letters, digits and @ . + - _ characters."),
    status=422,
    field="username",
)
PASSWORD_WEAK = refusal_kind(
    "password-weak",
    gettext_noop("The password is too easy to guess: %(reasons)s"),
    gettext_noop("Take a longer one, such as four words that have nothing to do with each other."),
    status=422,
    field="password",
)
LAST_ADMINISTRATOR = refusal_kind(
    "last-administrator",
    gettext_noop("%(name)s is the only administrator who can still sign in."),
    gettext_noop("Make somebody else an administrator first."),
)


def create_person(username: str, password: str, role: Role | None, by: Actor) -> User:
    """A new account with its role. Raises Refused for a bad name or a weak password."""
    user = User(username=username.strip())
    _check_name(user)
    _check_password(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            give_role(user, role)
            role_word = _word(role)
            record(action="user_created", subject=user.username, role=role_word, **by.as_columns())
    except IntegrityError:
        # Somebody else took the name between judging and recording.
        raise Refused(NAME_TAKEN(name=user.username)) from None
    return user


def set_role(user: User, role: Role | None, by: Actor) -> None:
    """Another role. Refused when it would leave nobody who can administer."""
    with transaction.atomic():
        if role is not Role.ADMINISTRATOR:
            _keep_an_administrator(user)
        give_role(user, role)
        record(action="role_given", subject=user.username, role=_word(role), **by.as_columns())


def deactivate(user: User, by: Actor) -> None:
    """The account stays in the records, but neither password nor token opens anything any more."""
    with transaction.atomic():
        _keep_an_administrator(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.is_active = False
        record(action="user_deactivated", subject=user.username, **by.as_columns())


def activate(user: User, by: Actor) -> None:
    """Lets a deactivated person sign in again."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=True)
        user.is_active = True
        record(action="user_activated", subject=user.username, **by.as_columns())


def reset_password(user: User, by: Actor) -> str:
    """A new random password, to be handed over once; open sessions of the user end."""
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        record(action="password_reset", subject=user.username, **by.as_columns())
    return password


def change_password(user: User, password: str, by: Actor) -> None:
    """A password of one's own choice. Raises Refused when it is weak."""
    _check_password(user, password)
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        record(action="password_changed", subject=user.username, **by.as_columns())


def _check_name(user: User) -> None:
    try:
        User._meta.get_field("username").clean(user.username, user)
    except ValidationError as error:
        raise Refused(NAME_MALFORMED(name=user.username[:40])) from error
    if User.objects.filter(username__iexact=user.username).exists():
        raise Refused(NAME_TAKEN(name=user.username))


def _check_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(PASSWORD_WEAK(reasons=" ".join(error.messages))) from error


def _keep_an_administrator(user: User) -> None:
    """Two administrators who take each other's role at once must not both succeed: rows are locked
    until the end of the transaction, and the second looks at what the first has left."""
    active = User.objects.select_for_update().filter(is_active=True).order_by("pk")
    people = list(active.prefetch_related("groups"))
    others = [person for person in people if person.pk != user.pk]
    if user.role is Role.ADMINISTRATOR and not any(
        other.role is Role.ADMINISTRATOR for other in others
    ):
        raise Refused(LAST_ADMINISTRATOR(name=user.username))


def _word(role: Role | None) -> str:
    return role.value if role else ""
