"""API tokens: made, found again by their secret, taken back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from hapanel.accounts.models import ApiToken, User
from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

# A script that polls must not cost a write per call.
NOTED_EVERY = timedelta(minutes=1)

TOKEN_NAME_TAKEN = refusal_kind(
    "token-name-taken",
    gettext_noop("You already have a token with the name %(name)s."),
    gettext_noop("Choose another name, or revoke the old token first."),
    status=422,
    field="name",
)
TOKEN_NAME_MISSING = refusal_kind(
    "token-name-missing",
    gettext_noop("A token needs a name of 1 to 64 characters."),
    gettext_noop("Name it after the program that will use it."),
    status=422,
    field="name",
)


def issue_token(
    user: User, name: str, by: Actor, *, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token for `user`; the second half of the answer is the secret, shown once.

    Raises Refused when the name is missing, too long or taken.
    """
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise Refused(TOKEN_NAME_MISSING())
    if user.api_tokens.filter(name=name).exists():
        raise Refused(TOKEN_NAME_TAKEN(name=name))
    try:
        with transaction.atomic():
            token, secret = ApiToken.issue(user, name)
            if expires_at is not None:
                token.expires_at = expires_at
                token.save(update_fields=["expires_at"])
            record(action="token_issued", subject=f"{user.username}: {name}", **by.as_columns())
    except IntegrityError:
        # The same person made one of that name between judging and recording.
        raise Refused(TOKEN_NAME_TAKEN(name=name)) from None
    return token, secret


def revoke_token(token: ApiToken, by: Actor) -> None:
    """Take a token back: the next call with it is refused."""
    subject = f"{token.user.username}: {token.name}"
    token.delete()
    record(action="token_revoked", subject=subject, **by.as_columns())


def token_of(secret: str) -> ApiToken | None:
    """The valid token with this secret, its user and groups loaded; None when there is none."""
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .prefetch_related("user__groups")
        .filter(digest=ApiToken.digest_of(secret), user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    if token is not None:
        _note_use(token, now)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is None or now - token.last_used_at >= NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
