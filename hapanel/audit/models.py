"""Who did what, when, from where, and how it ended."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from hapanel.live.stream import Kind, publish


class Entry(models.Model):
    """One line of the audit log; written once, completed with its outcome, never deleted here.

    `actor` is a name and not a foreign key, so that the log outlives accounts.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=64, db_index=True)  # past tense: vm_migrated, signed_in
    cluster = models.CharField(max_length=64, blank=True, default="")
    subject = models.CharField(max_length=200, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")
    via = models.CharField(max_length=16, blank=True, default="")  # page, api, command
    operation_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    outcome = models.CharField(max_length=24, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor} {self.action} {self.subject}"


def record(
    actor: str,
    action: str,
    *,
    cluster: str = "",
    subject: str = "",
    address: str = "",
    via: str = "",
    operation_id: int | None = None,
    outcome: str = "",
    **detail: Any,
) -> Entry:
    """Write one entry and hint at it. `detail` must be plain values and must not hold a secret.

    Names that are longer than their column are cut: PostgreSQL would refuse the entry for them.
    """
    entry = Entry.objects.create(
        actor=actor[:150],
        action=action,
        cluster=cluster,
        subject=subject[:200],
        address=address,
        via=via,
        operation_id=operation_id,
        outcome=outcome,
        detail=detail,
    )
    publish([(cluster, Kind.AUDIT, str(entry.pk))])
    return entry
