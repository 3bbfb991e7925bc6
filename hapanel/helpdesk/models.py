"""Services as the people on campus know them, and what the probes said of them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hapanel.operations.models import Operation
from nodes.models import Cluster


class ServiceState(models.TextChoices):
    """What callers would notice."""

    UP = "up", _("up")
    DEGRADED = "degraded", _("degraded")
    DOWN = "down", _("down")
    MAINTENANCE = "maintenance", _("under maintenance")
    UNKNOWN = "unknown", _("unknown")


class Service(models.Model):
    """Something with a name that people use, the guests behind it and the URL that proves it."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="services")
    name = models.CharField(max_length=100)
    name_id = models.CharField(max_length=100, blank=True, default="")  # in Bahasa Indonesia
    vmids = models.JSONField(default=list)
    url = models.CharField(max_length=300)  # http://, https:// or tcp://host:port
    verify_tls = models.BooleanField(default=True)
    public = models.BooleanField(default=True)  # on the status page for everybody
    added_at = models.DateTimeField(default=timezone.now)
    # What the probes say, written only when it changes; the last probe itself is in Redis (recent).
    state = models.CharField(
        max_length=16, choices=ServiceState.choices, default=ServiceState.UNKNOWN
    )
    since = models.DateTimeField(default=timezone.now)  # of an outage: the first missed answer
    reason = models.CharField(
        max_length=40, blank=True, default=""
    )  # ports.probe.Failure, http-503

    class Meta:
        ordering = ["cluster", "name"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "name"], name="one_service_a_name")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def display_name(self) -> str:
        """The name in the reader's language."""
        return self.name_id if get_language() == "id" and self.name_id else self.name


class ServiceOutage(models.Model):
    """A time in which people could not use a service as they should: down, degraded, being moved.

    `operation` is the migration of a guest of it that ran at the beginning, if there was one.
    """

    service = models.ForeignKey(Service, models.CASCADE, related_name="outages")
    state = models.CharField(max_length=16, choices=ServiceState.choices, default=ServiceState.DOWN)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, blank=True, default="")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, related_name="outages")

    class Meta:
        ordering = ["-began_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(ended_at__isnull=True),
                name="one_open_outage_a_service",
            )
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.state} from {self.began_at:%H:%M:%S}"
