"""HA resources over REST. What is stale is told as unknown or null."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.rest.filters import Filters
from hapanel.rest.freshness import UNKNOWN, is_fresh
from hapanel.rest.rows import ReadRows, RowContext
from vms.api import rules_by_sid
from vms.models import HaResource


class HaRows(RowContext[HaResource]):
    """The rules that the resources of one page stand in."""

    def __init__(self, rows: Sequence[HaResource]) -> None:
        self.rules = rules_by_sid({row.cluster_id: row.cluster for row in rows})


class HaResourceSerializer(serializers.ModelSerializer[HaResource]):
    """An HA resource as the HA manager reports it."""

    cluster = serializers.CharField(source="cluster.name")
    state = serializers.SerializerMethodField(help_text="unknown: not seen now")
    rules = serializers.SerializerMethodField()
    group = serializers.SerializerMethodField(help_text="before Proxmox VE 9; null: none")
    observed_at = serializers.DateTimeField(source="cluster.observed_at", allow_null=True)
    # The manager lists all of its resources in each answer, and one that is missing is removed.
    seen_at = serializers.DateTimeField(source="cluster.ha_seen_at", allow_null=True)
    seen_by = serializers.CharField(source="cluster.seen_by")

    class Meta:
        model = HaResource
        fields = (
            "sid",
            "cluster",
            "state",
            "request_state",
            "node",
            "max_restart",
            "max_relocate",
            "failback",
            "group",
            "rules",
            "comment",
            "observed_at",
            "seen_at",
            "seen_by",
        )
        read_only_fields = fields

    def get_state(self, resource: HaResource) -> str:
        return UNKNOWN if resource.cluster.is_ha_stale() else resource.state

    def get_rules(self, resource: HaResource) -> list[str]:
        rules: list[str] = self.context["rows"].rules[resource.cluster_id, resource.sid]
        return rules

    def get_group(self, resource: HaResource) -> str | None:
        return resource.group or None


class HaResourceFilter(Filters):
    """By cluster, node and the state that is shown now."""

    cluster = filters.CharFilter(field_name="cluster__name")
    node = filters.CharFilter()
    state = filters.CharFilter(method="with_state", max_length=32)

    def with_state(
        self, resources: QuerySet[HaResource], _name: str, state: str
    ) -> QuerySet[HaResource]:
        fresh = is_fresh() & is_fresh(seen="ha_seen_at")
        return resources.filter(~fresh if state == UNKNOWN else fresh & Q(state=state))


@extend_schema_view(
    list=extend_schema(operation_id="list_ha_resources", summary="HA resources of all clusters"),
    retrieve=extend_schema(operation_id="get_ha_resource", summary="One HA resource"),
)
class HaResourceViewSet(ReadRows, GenericViewSet[HaResource]):
    """What the HA manager keeps running. Changes are the API's own room's (hapanel.api)."""

    see = Permission.SEE_CLUSTERS
    queryset = HaResource.objects.select_related("cluster").defer(
        "cluster__ca_pem", "cluster__encrypted_secret"
    )
    serializer_class = HaResourceSerializer
    filterset_class = HaResourceFilter
    row_context = HaRows
    keys = {"cluster": "cluster__name", "sid": "sid"}
