"""`reseal_secrets`: encrypt every stored secret with the first of HAPANEL_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hapanel.accounts.vault import VaultLocked, is_sealed_by_first_key, seal, unseal
from nodes.models import Cluster, SshAccess

# Where secrets lie: the record, and its field.
PLACES: tuple[tuple[type[Cluster | SshAccess], str], ...] = (
    (Cluster, "encrypted_secret"),
    (SshAccess, "encrypted_key"),
)


class Command(BaseCommand):
    """Afterwards the keys behind the first one may be taken away."""

    help = "Encrypt stored secrets anew after a key was put in front of HAPANEL_ENCRYPTION_KEYS."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        sealed = sum(_resealed(model, field) for model, field in PLACES)
        self.stdout.write(f"{sealed} secrets encrypted anew.")


def _resealed(model: type[Cluster | SshAccess], field: str) -> int:
    sealed = 0
    for row in model._default_manager.only(field):
        former = getattr(row, field)
        if is_sealed_by_first_key(former):
            continue
        try:
            current = seal(unseal(former))
        except VaultLocked as locked:
            raise CommandError(f"{row}: {locked}") from locked
        with transaction.atomic():
            # Only what we have read: a secret that was changed meanwhile stays as it is.
            unchanged = model._default_manager.filter(pk=row.pk, **{field: former})
            sealed += unchanged.update(**{field: current})
    return sealed
