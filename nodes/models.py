"""Clusters, nodes and storages: what they are and their state, written only when it changes.

What they measure right now (cpu, memory, traffic) lives in Redis: see nodes/metrics.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hapanel.kernel.names import CLUSTER_NAME
from nodes.replication_models import DrbdNode, DrbdResource, DrbdSide, SshAccess

__all__ = [
    "Cluster",
    "DrbdNode",
    "DrbdResource",
    "DrbdSide",
    "Event",
    "Mode",
    "Node",
    "NodeStatus",
    "Reach",
    "Sight",
    "SshAccess",
    "Storage",
    "sight_of",
]


class Mode(models.TextChoices):
    """What the cluster's token was given for."""

    WATCH = "watch", _("Watch only")
    OPERATE = "operate", _("Watch and operate")


class Reach(models.TextChoices):
    """How the last round of observation ended; the values are the kinds of ports.errors."""

    NEVER = "never", _("not asked yet")
    OK = "ok", _("reachable")
    UNREACHABLE = "unreachable", _("no address answers")
    CERTIFICATE = "certificate", _("the certificate changed")
    OTHER_CLUSTER = "other_cluster", _("another cluster answers")
    REFUSED = "refused", _("the token is refused")
    PERMISSION = "permission", _("a privilege is missing")
    GARBAGE = "garbage", _("the answers make no sense")
    FAULT = "server_fault", _("Proxmox reports a fault")


class Sight(models.TextChoices):
    """How good the panel's knowledge of a thing is now; pages and the API say it in these words."""

    CURRENT = "current", _("seen now")
    MINORITY = "minority", _("seen only by a minority")
    STALE = "stale", _("not seen lately")
    UNKNOWN = "unknown", _("not seen")


class Cluster(models.Model):
    """One Proxmox VE cluster, as it was last seen."""

    name = models.CharField(max_length=63, unique=True, validators=[RegexValidator(CLUSTER_NAME)])
    added_at = models.DateTimeField(auto_now_add=True)
    # How it is reached. Seeds were given by a person, the others were found in the cluster.
    addresses = models.JSONField(default=list)
    found_addresses = models.JSONField(default=list)
    ca_pem = models.TextField(blank=True, default="")
    fingerprints = models.JSONField(default=dict)  # address -> SHA-256 of the leaf, "AA:BB:..."
    token_id = models.CharField(max_length=200, blank=True, default="")
    encrypted_secret = models.TextField(blank=True, default="")  # accounts.vault
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.WATCH)
    missing_privileges = models.JSONField(default=list)
    time_scale = models.FloatField(default=1.0)  # 1 for real clusters, the lab's --speed else
    # What it is.
    pve_version = models.CharField(max_length=32, blank=True, default="")
    pve_name = models.CharField(max_length=63, blank=True, default="")
    # Quorum, as the quorate part of the cluster tells it.
    quorate = models.BooleanField(null=True)
    expected_votes = models.PositiveSmallIntegerField(null=True)
    total_votes = models.PositiveSmallIntegerField(null=True)
    quorum = models.PositiveSmallIntegerField(null=True)
    qdevice = models.JSONField(null=True)  # {configured, connected, votes, text} or null
    # datacenter.cfg and HA groups as they were last read; null: not read, or not to be seen.
    datacenter_options = models.JSONField(null=True)  # ports.datacenter.DatacenterOptions
    ha_groups = models.JSONField(null=True)  # [ports.datacenter.HaGroup]
    ha_manager_node = models.CharField(max_length=63, blank=True, default="")
    ha_manager_state = models.CharField(max_length=32, blank=True, default="")
    ha_armed_state = models.CharField(max_length=32, blank=True, default="")
    ha_quorum_text = models.CharField(max_length=200, blank=True, default="")
    # How we see it.
    reach = models.CharField(max_length=16, choices=Reach.choices, default=Reach.NEVER)
    reach_detail = models.CharField(max_length=300, blank=True, default="")
    answered_by = models.CharField(max_length=200, blank=True, default="")
    seen_by = models.CharField(max_length=63, blank=True, default="")  # the node that answers there
    # What nodes on the other side of a partition say: [{node, address, quorate, sees, at}].
    other_views = models.JSONField(default=list)
    clock_offset = models.FloatField(null=True)  # seconds its clock is ahead, when that matters
    attempted_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField(null=True)
    ha_seen_at = models.DateTimeField(null=True)  # when the HA manager's state was last told

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("cluster", args=[self.name])

    def is_stale(self, now: datetime | None = None) -> bool:
        """Whether the last good look is older than two intervals: then nothing is green."""
        return _is_old(self.observed_at, now)

    def is_ha_stale(self, now: datetime | None = None) -> bool:
        """The same for what the HA manager tells, which can fail while the rest is seen."""
        return self.is_stale(now) or _is_old(self.ha_seen_at, now)

    @property
    def sight(self) -> Sight:
        """How well it is seen now. A part of it without quorum knows only itself for certain."""
        if self.observed_at is None:
            return Sight.UNKNOWN
        if self.is_stale():
            return Sight.STALE
        return Sight.MINORITY if self.quorate is False else Sight.CURRENT

    @property
    def is_reachable(self) -> bool:
        return self.reach == Reach.OK and not self.is_stale()


def _is_old(seen_at: datetime | None, now: datetime | None) -> bool:
    if seen_at is None:
        return True
    limit = timedelta(seconds=settings.STALE_AFTER_SECONDS)
    return (now or timezone.now()) - seen_at > limit


def sight_of(cluster: Cluster, last_seen_at: datetime | None) -> Sight:
    """How well a thing of the cluster is seen now; `last_seen_at` as the records hold it."""
    sight = cluster.sight
    if last_seen_at is not None and sight in {Sight.CURRENT, Sight.MINORITY}:
        return Sight.UNKNOWN
    return sight


class NodeStatus(models.TextChoices):
    """The panel's word for a node: Proxmox's, the HA manager's and ours in one."""

    ONLINE = "online", _("online")
    OFFLINE = "offline", _("offline")
    MAINTENANCE = "maintenance", _("maintenance")
    FENCE = "fence", _("being fenced")
    UNKNOWN = "unknown", _("unknown")


class Node(models.Model):
    """One member of a cluster."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="nodes")
    name = models.CharField(max_length=63)
    node_id = models.PositiveSmallIntegerField(null=True)
    votes = models.PositiveSmallIntegerField(null=True)
    corosync_links = models.JSONField(default=list)  # its address on each of corosync's networks
    ip = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=16, choices=NodeStatus.choices, default=NodeStatus.UNKNOWN)
    maxcpu = models.PositiveIntegerField(null=True)
    maxmem = models.BigIntegerField(null=True)
    lrm_state = models.CharField(max_length=40, blank=True, default="")
    lrm_dead = models.BooleanField(default=False)
    volume_groups = models.JSONField(default=list)  # [{vg, size, free}] once read
    # {addresses, open_families}, see ports.node_addresses; null: never read
    interfaces = models.JSONField(null=True)
    interfaces_at = models.DateTimeField(null=True)  # when they were read last
    # Null while the last round saw it (then it was seen at cluster.observed_at).
    last_seen_at = models.DateTimeField(null=True)
    last_seen_by = models.CharField(max_length=63, blank=True, default="")  # the node that told
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["cluster", "name"]
        constraints = [models.UniqueConstraint(fields=["cluster", "name"], name="one_node_a_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("node", args=[self.cluster.name, self.name])

    @property
    def is_online(self) -> bool:
        """Whether it counts as there: for the votes, the verdict and every number of nodes.

        A node in maintenance votes like any other: it is asked to run nothing, not to be away. One
        that is being fenced is gone, or will be in a minute.
        """
        return self.status in {NodeStatus.ONLINE, NodeStatus.MAINTENANCE}

    @property
    def seen_at(self) -> datetime | None:
        """When the node was last seen alive by anybody who told us."""
        return self.last_seen_at or self.cluster.observed_at

    @property
    def seen_by(self) -> str:
        """The node that told of it when it was last seen."""
        return self.last_seen_by or self.cluster.seen_by

    @property
    def sight(self) -> Sight:
        return sight_of(self.cluster, self.last_seen_at)


class Storage(models.Model):
    """One storage on one node."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="storages")
    node = models.CharField(max_length=63)
    storage = models.CharField(max_length=100)
    type = models.CharField(max_length=32, blank=True, default="")
    status = models.CharField(max_length=16, default="unknown")  # available, unknown
    shared = models.BooleanField(default=False)
    content = models.CharField(max_length=200, blank=True, default="")
    vg = models.CharField(max_length=128, blank=True, default="")
    total = models.BigIntegerField(null=True)
    used = models.BigIntegerField(null=True)  # written when it moved by more than 1 %
    last_seen_at = models.DateTimeField(null=True)
    last_seen_by = models.CharField(max_length=63, blank=True, default="")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["cluster", "node", "storage"]
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "node", "storage"], name="one_storage_a_node_and_name"
            )
        ]

    def __str__(self) -> str:
        return f"{self.storage} on {self.node}"

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


class Event(models.Model):
    """Something that happened in a cluster, as observation saw it; the overview lists them."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now, db_index=True)
    # Facts in past tense: node_lost, node_returned, quorum_lost, guest_moved ...
    fact = models.CharField(max_length=40)
    severity = models.CharField(max_length=8, default="info")  # info, ok, warn, danger
    subject = models.CharField(max_length=100, blank=True, default="")
    params = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.fact} {self.subject}"
