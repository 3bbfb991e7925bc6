"""Every change to a cluster, from the wish to its true end."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.ha.change.effect import Difference
from hapanel.operations.verify_models import Fate, VerifyReport, VerifySchedule
from nodes.models import Cluster

__all__ = [
    "HA_KINDS",
    "HOLDING_STATES",
    "OPEN_STATES",
    "Fate",
    "Kind",
    "LogLine",
    "Operation",
    "SealedSecret",
    "State",
    "Step",
    "TimelineEntry",
    "VerifyReport",
    "VerifySchedule",
]


class Kind(models.TextChoices):
    """The verbs."""

    MIGRATE = "migrate", _("Migration")
    ADD_CLUSTER = "add_cluster", _("Add cluster")
    CHANGE_CLUSTER = "change_cluster", _("Change cluster")
    SWITCH_LAB = "switch_lab", _("Lab switch")
    CHANGE_SSH = "change_ssh", _("Change ssh access")
    DRBD_ACTION = "drbd_action", _("Replication")
    RESOLVE_SPLIT_BRAIN = "resolve_split_brain", _("Split-brain recovery")
    REMOVE_SNAPSHOT = "remove_snapshot", _("Remove snapshot")
    ADD_HA_RESOURCE = "add_ha_resource", _("Put under HA")
    CHANGE_HA_RESOURCE = "change_ha_resource", _("Change HA resource")
    REMOVE_HA_RESOURCE = "remove_ha_resource", _("Take out of HA")
    ADD_HA_RULE = "add_ha_rule", _("Add HA rule")
    CHANGE_HA_RULE = "change_ha_rule", _("Change HA rule")
    REMOVE_HA_RULE = "remove_ha_rule", _("Remove HA rule")
    DISARM_HA = "disarm_ha", _("Disarm HA")
    ARM_HA = "arm_ha", _("Arm HA")


HA_KINDS = (
    Kind.ADD_HA_RESOURCE,
    Kind.CHANGE_HA_RESOURCE,
    Kind.REMOVE_HA_RESOURCE,
    Kind.ADD_HA_RULE,
    Kind.CHANGE_HA_RULE,
    Kind.REMOVE_HA_RULE,
    Kind.DISARM_HA,
    Kind.ARM_HA,
)


class State(models.TextChoices):
    """The states that the API shows; `hapanel.operations.machine` holds the legal moves."""

    SCHEDULED = "scheduled", _("scheduled")
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    NEEDS_ATTENTION = "needs_attention", _("needs attention")


OPEN_STATES = (State.SCHEDULED, State.QUEUED, State.RUNNING)
# needs_attention still holds the guest: nobody may start a second move while the first is unclear.
HOLDING_STATES = (*OPEN_STATES, State.NEEDS_ATTENTION)


class Step(models.TextChoices):
    """Where a running operation stands. Committed before the act that it names."""

    NONE = "", ""
    PREFLIGHT = "preflight", _("Preflight")
    INTENDED = "intended", _("About to ask Proxmox")
    ACCEPTED = "accepted", _("Accepted by Proxmox")
    WAITING_FOR_HA = "waiting_for_ha", _("Waiting for the HA manager")
    FOLLOWING = "following", _("Following the task")
    VERIFYING = "verifying", _("Checking where the guest is")
    CONFIRMING = "confirming", _("Reading back what is configured")
    # Adding a cluster.
    CONNECTING = "connecting", _("Looking at the certificate")
    SIGNING_IN = "signing_in", _("Trying the token")
    CHECKING_RIGHTS = "checking_rights", _("Comparing privileges")
    CHECKING_SSH = "checking_ssh", _("Trying ssh on each node")
    # Acting on nodes over ssh.
    SETTLING = "settling", _("Looking what came of it")


class Operation(models.Model):
    """One wish and what became of it."""

    kind = models.CharField(max_length=24, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    step = models.CharField(max_length=16, choices=Step.choices, default=Step.NONE, blank=True)
    # The verb's own notes between two steps; nothing that pages or the API lean on.
    memo = models.JSONField(default=dict)
    cluster = models.ForeignKey(Cluster, models.CASCADE, null=True, related_name="operations")
    subject = models.CharField(max_length=200, blank=True, default="")  # "100 siakad", "campus"
    vmid = models.PositiveIntegerField(null=True)
    guest_type = models.CharField(max_length=8, blank=True, default="")
    resource = models.CharField(max_length=128, blank=True, default="")  # DRBD's
    source = models.CharField(max_length=63, blank=True, default="")
    target = models.CharField(max_length=63, blank=True, default="")
    params = models.JSONField(default=dict)  # what was asked for, without secrets
    # Who asked.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="operations"
    )
    actor = models.CharField(max_length=150, blank=True, default="")
    via = models.CharField(max_length=16, blank=True, default="")  # wishes.Via
    address = models.CharField(max_length=64, blank=True, default="")
    # Null and not blank: a unique constraint lets any number of nulls stand beside each other.
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    body_digest = models.CharField(max_length=64, blank=True, default="")
    # When.
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    not_before = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Who works on it: one UPDATE ... WHERE claims it; a claim that is not renewed runs out.
    claim = models.CharField(max_length=64, blank=True, default="")
    claimed_until = models.DateTimeField(null=True)
    look_at = models.DateTimeField(default=timezone.now)  # not to be advanced before
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True, default="")
    # What Proxmox runs for it: the task that we started, and the one that really moves the guest.
    intended_at = models.DateTimeField(null=True)
    # The right to send the request, taken once by one UPDATE ... WHERE sent_at IS NULL. While it
    # is null nothing was sent, for certain; once it is set nobody ever sends again.
    sent_at = models.DateTimeField(null=True)
    asked_upid = models.CharField(max_length=200, blank=True, default="")
    upid = models.CharField(max_length=200, blank=True, default="")
    # How far it is. Bytes, bytes per second, seconds, milliseconds.
    percent = models.FloatField(null=True)
    transferred_bytes = models.BigIntegerField(null=True)
    total_bytes = models.BigIntegerField(null=True)
    rate = models.BigIntegerField(null=True)
    dirty_rate = models.BigIntegerField(null=True)
    eta_seconds = models.FloatField(null=True)
    forecast_seconds = models.FloatField(null=True)
    downtime_ms = models.PositiveIntegerField(null=True)
    client_downtime_ms = models.PositiveIntegerField(null=True)
    log_lines_seen = models.PositiveIntegerField(default=0)
    blind_since = models.DateTimeField(null=True)  # set while the cluster does not answer
    # How it ended, when not well: a Refusal's record (kernel.refusal).
    outcome = models.JSONField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state", "look_at"]),
            models.Index(fields=["cluster", "vmid", "-created_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"], name="one_operation_a_key"
            ),
            # A schedule is nobody, and of nobody's keys the one above lets any number stand.
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(via="schedule"),
                name="one_operation_a_due_time",
            ),
            # The database itself keeps a second migration of a guest from being recorded.
            models.UniqueConstraint(
                fields=["cluster", "vmid"],
                condition=Q(state__in=["scheduled", "queued", "running", "needs_attention"])
                & Q(vmid__isnull=False),
                name="one_open_operation_a_guest",
            ),
            models.UniqueConstraint(
                fields=["cluster", "resource"],
                condition=Q(state__in=["scheduled", "queued", "running", "needs_attention"])
                & ~Q(resource=""),
                name="one_open_operation_a_resource",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("operation", args=[self.pk])

    @property
    def asked_by(self) -> str:
        """Who asked for it, for people."""
        return gettext("a schedule") if self.via == "schedule" else self.actor

    @property
    def is_about_ha(self) -> bool:
        """Whether it changes the HA configuration or arms or disarms HA."""
        return self.kind in HA_KINDS

    @property
    def promise(self) -> tuple[Difference, ...]:
        """What was foretold of a change of HA when it was asked for."""
        return msgspec.convert(self.params.get("promise", []), tuple[Difference, ...])

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def not_seen_since(self) -> datetime | None:
        """Since when nobody sees how it fares: its worker got no answer, or waits for one from a
        cluster that has not answered anybody for two intervals."""
        cluster = self.cluster
        is_followed = self.state == State.RUNNING and self.kind == Kind.MIGRATE
        if self.blind_since or not is_followed or cluster is None:
            return self.blind_since
        return cluster.observed_at if cluster.is_stale() else None


class TimelineEntry(models.Model):
    """One fact on the way of an operation; `code` is worded for people by the pages and the API."""

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="timeline")
    at = models.DateTimeField(default=timezone.now)
    code = models.CharField(max_length=40)
    params = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.code}"


class LogLine(models.Model):
    """One line of the Proxmox task log that was followed, kept with the operation."""

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="log_lines")
    n = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["operation", "n"]
        constraints = [models.UniqueConstraint(fields=["operation", "n"], name="one_log_line_a_n")]

    def __str__(self) -> str:
        return self.text


class SealedSecret(models.Model):
    """A secret that an operation needs until it ends (a token while a cluster is being added)."""

    operation = models.OneToOneField(Operation, models.CASCADE, related_name="secret")
    encrypted = models.TextField(blank=True)
    encrypted_ssh_key = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"secret of operation {self.operation_id}"
