"""People and their API tokens."""

from __future__ import annotations

import hashlib
import secrets
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from hapanel.access import Role


class Theme(models.TextChoices):
    """Light, dark, or as the device says."""

    AUTO = "auto", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractUser):
    """A person who signs in. The role is the one Django group that bears a role's name."""

    language = models.CharField(max_length=8, blank=True, default="")
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.AUTO)
    time_zone = models.CharField(max_length=64, blank=True, default="")  # "": the panel's

    @cached_property
    def role(self) -> Role | None:
        """The highest role among the user's groups; superusers are administrators."""
        if self.is_superuser:
            return Role.ADMINISTRATOR
        names = {group.name for group in self.groups.all()}
        return next((role for role in Role if role.value in names), None)


TOKEN_PREFIX = "hap_"


class ApiToken(models.Model):
    """A bearer token of a person. Only its SHA-256 is kept: the secret is shown once.

    A plain hash is right here: the secret has 256 random bits, so there is nothing to guess.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="one_token_of_a_name_per_user")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def issue(cls, user: User, name: str) -> tuple[ApiToken, str]:
        """Make a token; the second half of the answer is the secret, never to be seen again."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            user=user, name=name, digest=cls.digest_of(secret), hint=secret[:8]
        )
        return token, secret
