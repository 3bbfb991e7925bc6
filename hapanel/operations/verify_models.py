"""Verifies of DRBD resources that are repeated, and what the verifies found."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hapanel.drbd.verify_times import Every, Rhythm, Weekday


class Fate(models.TextChoices):
    """What became of a due time."""

    NONE = "", ""
    STARTED = "started", _("started")
    REFUSED = "refused", _("refused")
    MISSED = "missed", _("missed")


class VerifySchedule(models.Model):
    """A verify of one resource that is repeated, by the clock of the panel's time zone.

    The resource is held by its name, as operations do: its record comes and goes with what nodes
    tell, and a schedule should not go with it.
    """

    cluster = models.ForeignKey("nodes.Cluster", models.CASCADE, related_name="verify_schedules")
    resource = models.CharField(max_length=128)
    every = models.CharField(max_length=16, choices=[(one.value, one.value) for one in Every])
    weekday = models.CharField(max_length=3, choices=[(one.value, one.value) for one in Weekday])
    at = models.TimeField()
    begins = models.DateField()
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(default=timezone.now)
    next_due = models.DateTimeField(db_index=True)
    # Why the verify that is due has not begun (a Refusal's record), and when that is tried again.
    waits_because = models.JSONField(null=True)
    try_at = models.DateTimeField(null=True)
    # The due time before, and what became of it.
    last_due = models.DateTimeField(null=True)
    last_fate = models.CharField(max_length=8, choices=Fate.choices, default=Fate.NONE, blank=True)
    last_because = models.JSONField(null=True)  # a Refusal's record
    operation = models.ForeignKey(
        "operations.Operation", models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["cluster", "resource"]
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "resource"], name="one_verify_schedule_a_resource"
            )
        ]

    def __str__(self) -> str:
        return f"verify {self.resource} every {self.every}"

    @property
    def rhythm(self) -> Rhythm:
        """The same in the words of hapanel.drbd."""
        return Rhythm(Every(self.every), Weekday(self.weekday), self.at, self.begins)


class VerifyReport(models.Model):
    """What a verify that reached its end found. Sizes in bytes."""

    operation = models.OneToOneField(
        "operations.Operation", models.CASCADE, related_name="verify_report"
    )
    cluster = models.ForeignKey("nodes.Cluster", models.CASCADE, related_name="verify_reports")
    resource = models.CharField(max_length=128)
    node = models.CharField(max_length=63)  # where it was started
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    compared = models.BigIntegerField(null=True)  # each copy's size; null: not told
    differing = models.BigIntegerField()  # what is counted as out of sync at its end

    class Meta:
        ordering = ["-ended_at", "-id"]
        indexes = [models.Index(fields=["cluster", "resource", "-ended_at"])]

    def __str__(self) -> str:
        return f"{self.resource}: {self.differing} bytes differ"

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_at - self.began_at).total_seconds()
