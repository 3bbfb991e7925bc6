"""`reseal_secrets`: encrypt every stored secret with the first of HAPANEL_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hapanel.accounts.vault import VaultLocked, is_sealed_by_first_key, seal, unseal
from nodes.models import Cluster


class Command(BaseCommand):
    """Afterwards the keys behind the first one may be taken away."""

    help = "Encrypt stored secrets anew after a key was put in front of HAPANEL_ENCRYPTION_KEYS."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        sealed = 0
        for cluster in Cluster.objects.only("name", "encrypted_secret"):
            former = cluster.encrypted_secret
            if is_sealed_by_first_key(former):
                continue
            try:
                current = seal(unseal(former))
            except VaultLocked as locked:
                raise CommandError(f"{cluster.name}: {locked}") from locked
            with transaction.atomic():
                # Only what we have read: a token that was changed meanwhile stays as it is.
                sealed += Cluster.objects.filter(pk=cluster.pk, encrypted_secret=former).update(
                    encrypted_secret=current
                )
        self.stdout.write(f"{sealed} secrets encrypted anew.")
