"""Guests and what the HA manager knows of them: identity and state, written only on change."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.urls import reverse
from django.utils import timezone

from hapanel.kernel.names import GuestType, service_id
from nodes.models import Cluster, Sight, sight_of


class Guest(models.Model):
    """One virtual machine or container."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="guests")
    vmid = models.PositiveIntegerField()
    type = models.CharField(max_length=8, choices=[(t.value, t.value) for t in GuestType])
    name = models.CharField(max_length=255, blank=True, default="")
    node = models.CharField(max_length=63)
    # Proxmox's word (running, stopped, paused ...), or `unknown` while its node is not seen.
    status = models.CharField(max_length=24)
    status_was = models.CharField(max_length=24, blank=True, default="")  # before unknown
    lock = models.CharField(max_length=24, blank=True, default="")
    tags = models.CharField(max_length=255, blank=True, default="")
    template = models.BooleanField(default=False)
    maxcpu = models.FloatField(null=True)
    maxmem = models.BigIntegerField(null=True)
    maxdisk = models.BigIntegerField(null=True)
    ha_state = models.CharField(max_length=32, blank=True, default="")  # blank: not under HA
    # The slow lane's reading of the configuration; null: not read yet.
    config_read_at = models.DateTimeField(null=True)
    passthrough = models.JSONField(default=list)
    onboot = models.BooleanField(default=False)  # its node starts it with itself
    last_seen_at = models.DateTimeField(null=True)  # null while the last round saw it
    last_seen_by = models.CharField(max_length=63, blank=True, default="")  # the node that told
    changed_at = models.DateTimeField(default=timezone.now)
    gone_at = models.DateTimeField(null=True)  # removed from the cluster; kept for its history

    class Meta:
        ordering = ["cluster", "vmid"]
        constraints = [models.UniqueConstraint(fields=["cluster", "vmid"], name="one_guest_a_vmid")]
        indexes = [
            # Whole, so that counting 10,000 guests by node or state reads the index alone.
            models.Index(fields=["cluster", "gone_at", "node"]),
            models.Index(fields=["cluster", "gone_at", "status", "ha_state"]),
            models.Index(fields=["cluster", "name"]),
        ]

    def __str__(self) -> str:
        return f"{self.vmid} {self.name}".strip()

    def get_absolute_url(self) -> str:
        return reverse("guest", args=[self.cluster.name, self.vmid])

    @property
    def guest_type(self) -> GuestType:
        return GuestType(self.type)

    @property
    def sid(self) -> str:
        """The id that the HA manager knows it by."""
        return service_id(self.guest_type, self.vmid)

    @property
    def is_running(self) -> bool:
        """Proxmox's status is the QMP word, so everything but stopped and unknown runs."""
        return self.status not in {"stopped", "unknown"}

    @property
    def is_awaited(self) -> bool:
        """Whether HA starts it on a node that does not report it yet."""
        return self.status == "unknown" and self.ha_state == "starting"

    @property
    def is_under_ha(self) -> bool:
        return self.ha_state not in {"", "ignored"}

    @property
    def seen_at(self) -> datetime | None:
        return self.last_seen_at or self.cluster.observed_at

    @property
    def seen_by(self) -> str:
        """The node that told of it when it was last seen."""
        return self.last_seen_by or self.cluster.seen_by

    @property
    def sight(self) -> Sight:
        return sight_of(self.cluster, self.last_seen_at)


class GuestDisk(models.Model):
    """One disk, mount point or CD of a guest's configuration, read in the slow lane."""

    guest = models.ForeignKey(Guest, models.CASCADE, related_name="disks")
    key = models.CharField(max_length=16)  # scsi0, rootfs, mp0, unused0
    volume = models.CharField(max_length=255)
    storage = models.CharField(max_length=100, blank=True, default="")
    size = models.BigIntegerField(null=True)
    is_cdrom = models.BooleanField(default=False)
    is_unused = models.BooleanField(default=False)

    class Meta:
        ordering = ["guest", "key"]
        constraints = [models.UniqueConstraint(fields=["guest", "key"], name="one_disk_a_key")]

    def __str__(self) -> str:
        return f"{self.key} {self.volume}"


class HaResource(models.Model):
    """One HA resource as the HA manager reports it."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="ha_resources")
    sid = models.CharField(max_length=40)
    node = models.CharField(max_length=63, blank=True, default="")
    state = models.CharField(max_length=32)  # the verbose one: queued, starting, started ...
    crm_state = models.CharField(max_length=32, blank=True, default="")
    request_state = models.CharField(max_length=32, blank=True, default="")
    max_restart = models.PositiveSmallIntegerField(null=True)
    max_relocate = models.PositiveSmallIntegerField(null=True)
    failback = models.BooleanField(null=True)
    group = models.CharField(max_length=64, blank=True, default="")
    comment = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["cluster", "sid"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "sid"], name="one_resource_a_sid")
        ]

    def __str__(self) -> str:
        return self.sid


class HaRule(models.Model):
    """One HA rule (Proxmox VE 9)."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="ha_rules")
    rule = models.CharField(max_length=128)
    type = models.CharField(max_length=32)  # node-affinity, resource-affinity
    resources = models.JSONField(default=list)  # sids
    nodes = models.JSONField(default=list)
    affinity = models.CharField(max_length=16, blank=True, default="")  # positive, negative
    strict = models.BooleanField(default=False)
    disabled = models.BooleanField(default=False)
    comment = models.TextField(blank=True, default="")
    errors = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["cluster", "rule"]
        constraints = [models.UniqueConstraint(fields=["cluster", "rule"], name="one_rule_a_name")]

    def __str__(self) -> str:
        return self.rule


class GuestStart(models.Model):
    """One start of a guest that went well, and when a service that needs it alone answered again.

    started_at: the start of Proxmox's task, by the panel's clock. answered_at: null as long as no
    probe told; hapanel.helpdesk.boots fills it in.
    """

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="guest_starts")
    vmid = models.PositiveIntegerField()
    upid = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["cluster", "upid"], name="one_start_a_task")]
        indexes = [models.Index(fields=["cluster", "vmid", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.vmid} started {self.started_at:%H:%M:%S}"
