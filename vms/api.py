"""Guests over REST. What is stale is told as unknown or null."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.kernel.names import GuestType
from hapanel.operations.live_migratable import why_not_live
from hapanel.rest.filters import Filters, Vmid, YesNo
from hapanel.rest.freshness import UNKNOWN, has_status
from hapanel.rest.problem import refusal_record
from hapanel.rest.rows import ReadRows, RowContext
from hapanel.rest.schema import RefusalSerializer
from nodes.metrics import GuestMetrics
from nodes.models import Cluster, Sight
from vms.models import Guest, GuestDisk, HaResource, HaRule
from vms.selectors import measured_guests, tagged

NOT_MANAGED = ("", "ignored")


class GuestRows(RowContext[Guest]):
    """What the rows of one page of guests need beside the records."""

    def __init__(self, rows: Sequence[Guest]) -> None:
        clusters = {row.cluster_id: row.cluster for row in rows}
        vmids = defaultdict(list)
        for row in rows:
            vmids[row.cluster_id].append(row.vmid)
        self._figures = {
            pk: measured_guests(cluster, vmids[pk]) if not cluster.is_stale() else {}
            for pk, cluster in clusters.items()
        }
        sids = {row.sid for row in rows if row.is_under_ha}
        resources = HaResource.objects.filter(cluster__in=list(clusters), sid__in=sids)
        self._resources = {(each.cluster_id, each.sid): each for each in resources}
        self._rules = rules_by_sid(clusters)
        self.why_not = why_not_live(rows)

    def figures_of(self, guest: Guest) -> GuestMetrics | None:
        """What it measures; None while nobody sees it."""
        if guest.status == UNKNOWN:
            return None
        return self._figures[guest.cluster_id].get(guest.vmid)

    def resource_of(self, guest: Guest) -> HaResource | None:
        return self._resources.get((guest.cluster_id, guest.sid))

    def rules_of(self, guest: Guest) -> list[str]:
        return self._rules[guest.cluster_id, guest.sid]


def rules_by_sid(clusters: dict[int, Cluster]) -> dict[tuple[int, str], list[str]]:
    """The names of the enabled HA rules that each resource of these clusters stands in."""
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for rule in HaRule.objects.filter(cluster__in=list(clusters), disabled=False):
        for sid in rule.resources:
            found[rule.cluster_id, sid].append(rule.rule)
    return found


class GuestHaSerializer(serializers.Serializer[dict[str, Any]]):
    """What the HA manager knows of a guest."""

    state = serializers.CharField()
    request = serializers.CharField(allow_blank=True)
    group = serializers.CharField(allow_null=True)
    rules = serializers.ListField(child=serializers.CharField())


class DiskSerializer(serializers.Serializer[dict[str, Any]]):
    """A disk, mount point or CD of a guest; size in bytes."""

    key = serializers.CharField()
    volume = serializers.CharField()
    storage = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField(allow_null=True)
    cdrom = serializers.BooleanField()
    unused = serializers.BooleanField()


def _disk_record(disk: GuestDisk) -> dict[str, Any]:
    """What DiskSerializer describes; making a serializer for each guest would cost half a page."""
    return {
        "key": disk.key,
        "volume": disk.volume,
        "storage": disk.storage,
        "size": disk.size,
        "cdrom": disk.is_cdrom,
        "unused": disk.is_unused,
    }


class GuestSerializer(serializers.ModelSerializer[Guest]):
    """A guest with what it measures now. cpu: fraction of maxcpu; memory in bytes."""

    type = serializers.ChoiceField(choices=[each.value for each in GuestType])
    cluster = serializers.CharField(source="cluster.name")
    status = serializers.SerializerMethodField(
        help_text="Proxmox's word (running, stopped, paused), or unknown: not seen now"
    )
    ha = serializers.SerializerMethodField(help_text="null: not under HA")
    cpu = serializers.SerializerMethodField()
    mem = serializers.SerializerMethodField()
    uptime = serializers.SerializerMethodField(help_text="seconds")
    disks = serializers.SerializerMethodField(help_text="null: not read yet")
    tags = serializers.SerializerMethodField()
    live_migratable = serializers.SerializerMethodField()
    why_not = serializers.SerializerMethodField(help_text="null when it can move live now")
    observed_at = serializers.DateTimeField(source="cluster.observed_at", allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    seen_by = serializers.CharField(help_text="the node that told of it")
    sight = serializers.ChoiceField(choices=Sight.values)

    class Meta:
        model = Guest
        fields = (
            "vmid",
            "name",
            "type",
            "cluster",
            "node",
            "status",
            "ha",
            "cpu",
            "maxcpu",
            "mem",
            "maxmem",
            "maxdisk",
            "uptime",
            "disks",
            "tags",
            "lock",
            "template",
            "live_migratable",
            "why_not",
            "observed_at",
            "seen_at",
            "seen_by",
            "sight",
        )
        read_only_fields = fields

    def get_status(self, guest: Guest) -> str:
        return UNKNOWN if guest.cluster.is_stale() else guest.status

    @extend_schema_field(GuestHaSerializer(allow_null=True))
    def get_ha(self, guest: Guest) -> dict[str, Any] | None:
        if not guest.is_under_ha:
            return None
        resource = self.context["rows"].resource_of(guest)
        # /cluster/resources tells a state too when the HA manager's own, finer one is not told.
        is_told = resource is not None and not guest.cluster.is_ha_stale()
        state = resource.state if resource and is_told else guest.ha_state
        return {
            "state": UNKNOWN if guest.cluster.is_stale() else state,
            "request": resource.request_state if resource else "",
            "group": (resource.group or None) if resource else None,
            "rules": self.context["rows"].rules_of(guest),
        }

    def _figures(self, guest: Guest) -> GuestMetrics | None:
        figures: GuestMetrics | None = self.context["rows"].figures_of(guest)
        return figures

    def get_cpu(self, guest: Guest) -> float | None:
        figures = self._figures(guest)
        return figures.cpu if figures else None

    def get_mem(self, guest: Guest) -> int | None:
        figures = self._figures(guest)
        return figures.mem if figures else None

    def get_uptime(self, guest: Guest) -> int | None:
        figures = self._figures(guest)
        return figures.uptime if figures else None

    @extend_schema_field(DiskSerializer(many=True, allow_null=True))
    def get_disks(self, guest: Guest) -> list[dict[str, Any]] | None:
        if guest.config_read_at is None:
            return None
        return [_disk_record(disk) for disk in guest.disks.all()]

    def get_tags(self, guest: Guest) -> list[str]:
        return [tag for tag in guest.tags.split(";") if tag]

    def get_live_migratable(self, guest: Guest) -> bool:
        return self.context["rows"].why_not[guest.pk] is None

    @extend_schema_field(RefusalSerializer(allow_null=True))
    def get_why_not(self, guest: Guest) -> dict[str, Any] | None:
        refusal = self.context["rows"].why_not[guest.pk]
        return refusal_record(refusal) if refusal else None


class GuestFilter(Filters):
    """By cluster, node, kind, the status that is shown now, HA, tag and part of the name."""

    cluster = filters.CharFilter(field_name="cluster__name")
    node = filters.CharFilter()
    vmid = Vmid()
    type = filters.ChoiceFilter(choices=[(each.value, each.value) for each in GuestType])
    status = filters.CharFilter(method="with_status", max_length=24)
    ha = YesNo(method="with_ha")
    tag = filters.CharFilter(method="with_tag", max_length=100)
    name = filters.CharFilter(lookup_expr="icontains", max_length=100)

    def with_status(self, guests: QuerySet[Guest], _name: str, status: str) -> QuerySet[Guest]:
        return guests.filter(has_status(status))

    def with_ha(self, guests: QuerySet[Guest], _name: str, wanted: bool) -> QuerySet[Guest]:
        not_managed = Q(ha_state__in=NOT_MANAGED)
        return guests.filter(~not_managed if wanted else not_managed)

    def with_tag(self, guests: QuerySet[Guest], _name: str, tag: str) -> QuerySet[Guest]:
        return guests.filter(tagged(tag))


@extend_schema_view(
    list=extend_schema(operation_id="list_vms", summary="Guests of all clusters"),
    retrieve=extend_schema(operation_id="get_vm", summary="One guest"),
)
class GuestViewSet(ReadRows, GenericViewSet[Guest]):
    """Virtual machines and containers; read only."""

    see = Permission.SEE_CLUSTERS
    queryset = (
        Guest.objects.filter(gone_at=None)
        .select_related("cluster")
        .defer("cluster__ca_pem", "cluster__encrypted_secret")
        .prefetch_related("disks")
    )
    serializer_class = GuestSerializer
    filterset_class = GuestFilter
    row_context = GuestRows
    keys = {"cluster": "cluster__name", "vmid": "vmid"}
