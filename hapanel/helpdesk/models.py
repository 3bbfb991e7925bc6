"""Services as the people on campus know them, and what the probes said of them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

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
    state = models.CharField(
        max_length=16, choices=ServiceState.choices, default=ServiceState.UNKNOWN
    )
    since = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=40, blank=True, default="")  # refused, timeout, http-503
    probed_at = models.DateTimeField(null=True)
    answer_ms = models.FloatField(null=True)

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
    """A time in which a service did not answer its probe."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="outages")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        ordering = ["-began_at"]

    def __str__(self) -> str:
        return f"{self.service} from {self.began_at:%H:%M:%S}"
