"""What is recorded of replication: the way to each node over ssh, and each node's side of it.

Figures that move all the time (percent, rate, out of sync) live in Redis, see replication_figures.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class SshAccess(models.Model):
    """How the panel reaches a cluster's nodes over ssh. Without a row replication is not seen."""

    cluster = models.OneToOneField("nodes.Cluster", models.CASCADE, related_name="ssh")
    user = models.CharField(max_length=64)
    port = models.PositiveIntegerField(default=22)
    encrypted_key = models.TextField()  # accounts.vault
    # Its public half for authorized_keys, blank where it was recorded without.
    public_key = models.TextField(blank=True, default="")
    is_on = models.BooleanField(default=True)
    # node -> {key, fingerprint}: what each node has to prove itself with, confirmed by a person.
    host_keys = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.user} on {self.cluster_id}"


class DrbdNode(models.Model):
    """One node as it is seen over ssh: whether it answers, and what changes rarely on it."""

    cluster = models.ForeignKey("nodes.Cluster", models.CASCADE, related_name="drbd_nodes")
    node = models.CharField(max_length=63)
    fault = models.JSONField(null=True)  # a Refusal's record; null while the node answers
    # When it answered last, once it does not; while it does, Redis knows.
    last_seen_at = models.DateTimeField(null=True)
    drbd_version = models.CharField(max_length=32, blank=True, default="")
    # What DRBD said instead of a status, or what of it was not understood.
    complaint = models.CharField(max_length=300, blank=True, default="")
    # Read once a minute; secrets were removed before.
    files = models.JSONField(default=list)  # [{path, text}]
    findings = models.JSONField(default=list)  # of lint, see nodes/replication_files.py
    configured = models.JSONField(default=dict)  # resource -> {members, dual_primary}
    # resource -> {digest, place, used}: keyed, see observe/replication_files.py
    secrets = models.JSONField(default=dict)
    lvm = models.JSONField(default=dict)  # ports.node_shell.LvmReport

    class Meta:
        ordering = ["cluster", "node"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "node"], name="one_drbd_node_a_name")
        ]

    def __str__(self) -> str:
        return f"replication of {self.node}"


class DrbdResource(models.Model):
    """One DRBD resource of a cluster, as its sides together tell it."""

    cluster = models.ForeignKey("nodes.Cluster", models.CASCADE, related_name="drbd_resources")
    name = models.CharField(max_length=128)
    # The judgement's code when it was last recorded, and since when it is that.
    health = models.CharField(max_length=40, blank=True, default="")
    since = models.DateTimeField(default=timezone.now)
    apart_since = models.DateTimeField(null=True)  # since when a link of it does not stand

    class Meta:
        ordering = ["cluster", "name"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "name"], name="one_drbd_resource_a_name")
        ]

    def __str__(self) -> str:
        return self.name


class DrbdSide(models.Model):
    """One node's side of a resource: ports.replication.ResourceState without what it measures."""

    resource = models.ForeignKey(DrbdResource, models.CASCADE, related_name="sides")
    node = models.CharField(max_length=63)
    state = models.JSONField(default=dict)
    role_since = models.DateTimeField(null=True)
    last_primary_at = models.DateTimeField(null=True)  # when it was last seen to be Primary
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["resource", "node"]
        constraints = [models.UniqueConstraint(fields=["resource", "node"], name="one_side_a_node")]

    def __str__(self) -> str:
        return f"{self.resource} on {self.node}"
