"""Clusters, nodes and storages over REST.

What is stale is told as unknown or null, never as its last good value; `observed_at` says when the
cluster gave its last good answer, `seen_at` when the record itself was last seen in one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.ha.readiness.condition import DECISIVE, Sentence
from hapanel.ha.readiness.judge import Headline
from hapanel.ha.verdict import Code, Level
from hapanel.operations.readiness import headline_of
from hapanel.rest.filters import Filters, YesNo
from hapanel.rest.freshness import UNKNOWN, has_status
from hapanel.rest.rows import ListRows, ReadRows, RowContext
from nodes.metrics import ClusterMetrics, NodeMetrics
from nodes.models import Cluster, Mode, Node, NodeStatus, Reach, Sight, Storage
from nodes.replication import known_of, resources_under_groups
from nodes.selectors import measured
from vms.models import Guest

SECRETS = ("ca_pem", "encrypted_secret")


class QdeviceSerializer(serializers.Serializer[dict[str, Any]]):
    """A vote from outside the cluster. `votes` is 0 where Proxmox does not tell the number."""

    configured = serializers.BooleanField()
    connected = serializers.BooleanField(allow_null=True)
    votes = serializers.IntegerField()
    text = serializers.CharField(allow_blank=True)
    algorithm = serializers.CharField(allow_null=True, required=False)
    host = serializers.CharField(allow_null=True, required=False)
    casts_vote = serializers.BooleanField(allow_null=True, required=False)


class VerdictSerializer(serializers.Serializer[dict[str, Any]]):
    """The sentence that the overview opens with, in the language of Accept-Language."""

    code = serializers.ChoiceField(choices=[*(code.value for code in Code), *sorted(DECISIVE)])
    sentence = serializers.CharField()
    detail = serializers.CharField()
    remedy = serializers.CharField(allow_null=True)


class OtherViewSerializer(serializers.Serializer[dict[str, Any]]):
    """What a node says that does not see the whole cluster; the rest of the record is not its."""

    node = serializers.CharField()
    quorate = serializers.BooleanField(allow_null=True)
    sees = serializers.ListField(child=serializers.CharField(), help_text="nodes it sees")
    at = serializers.DateTimeField()


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster as it was last seen."""

    quorate = serializers.SerializerMethodField(help_text="null: not known now")
    total_votes = serializers.SerializerMethodField(help_text="votes present; null: not known now")
    qdevice = serializers.SerializerMethodField(help_text="null: none, or not known now")
    nodes_online = serializers.SerializerMethodField(
        help_text="with those in maintenance; null: not known now"
    )
    nodes_total = serializers.SerializerMethodField()
    reachable = serializers.BooleanField(source="is_reachable", read_only=True)
    reach = serializers.ChoiceField(choices=Reach.values, read_only=True)
    mode = serializers.ChoiceField(choices=Mode.values, read_only=True)
    health = serializers.SerializerMethodField(
        help_text="the verdict's level, as every page marks the cluster"
    )
    verdict = serializers.SerializerMethodField(
        help_text="would the cluster survive the loss of a node, and what mends it"
    )
    missing_privileges = serializers.ListField(child=serializers.CharField(), read_only=True)
    sight = serializers.ChoiceField(
        choices=Sight.values,
        read_only=True,
        help_text="how well it is seen now; minority: only by nodes without quorum",
    )
    seen_by = serializers.CharField(read_only=True, help_text="the node that answered last")
    other_views = OtherViewSerializer(many=True, read_only=True)
    ha_seen_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="when the HA manager's state was last told"
    )
    clock_offset_seconds = serializers.FloatField(
        source="clock_offset", read_only=True, allow_null=True, help_text="its clock minus ours"
    )

    class Meta:
        model = Cluster
        fields = (
            "name",
            "pve_version",
            "pve_name",
            "health",
            "verdict",
            "quorate",
            "expected_votes",
            "total_votes",
            "quorum",
            "qdevice",
            "nodes_online",
            "nodes_total",
            "reachable",
            "reach",
            "reach_detail",
            "mode",
            "missing_privileges",
            "time_scale",
            "added_at",
            "observed_at",
            "ha_seen_at",
            "sight",
            "seen_by",
            "other_views",
            "clock_offset_seconds",
        )
        read_only_fields = fields

    def get_quorate(self, cluster: Cluster) -> bool | None:
        return None if cluster.is_stale() else cluster.quorate

    def get_total_votes(self, cluster: Cluster) -> int | None:
        return None if cluster.is_stale() else cluster.total_votes

    @extend_schema_field(QdeviceSerializer(allow_null=True))
    def get_qdevice(self, cluster: Cluster) -> dict[str, Any] | None:
        return None if cluster.is_stale() else cluster.qdevice

    def get_nodes_online(self, cluster: Cluster) -> int | None:
        return None if cluster.is_stale() else _online(cluster)

    def get_nodes_total(self, cluster: Cluster) -> int:
        return len(cluster.nodes.all())

    @extend_schema_field(serializers.ChoiceField(choices=[level.value for level in Level]))
    def get_health(self, cluster: Cluster) -> str:
        return _headline(cluster).level.value

    @extend_schema_field(VerdictSerializer)
    def get_verdict(self, cluster: Cluster) -> dict[str, str | None]:
        told = _headline(cluster)
        remedy = [gettext(told.cure.title)] if told.cure else _said(told.remedy)
        return {
            "code": told.code,
            "sentence": told.title.sentence(gettext),
            "detail": " ".join(_said(told.text)),
            "remedy": " ".join(remedy) or None,
        }


def _online(cluster: Cluster) -> int:
    return sum(node.is_online for node in cluster.nodes.all())


def _headline(cluster: Cluster) -> Headline:
    return headline_of(cluster, list(cluster.nodes.all()))


def _said(sentences: Iterable[Sentence]) -> list[str]:
    return [each.sentence(gettext) for each in sentences]


def clusters() -> QuerySet[Cluster]:
    """All clusters with what their rows need; their secrets stay in the database."""
    return Cluster.objects.defer(*SECRETS).prefetch_related("nodes")


class NodeRows(RowContext[Node]):
    """What the rows of one page of nodes need beside the records."""

    def __init__(self, rows: Sequence[Node]) -> None:
        by_id = {row.cluster_id: row.cluster for row in rows}
        self.figures = {pk: measured_now(cluster) for pk, cluster in by_id.items()}
        counted = (
            Guest.objects.filter(cluster__in=list(by_id), gone_at=None)
            .values_list("cluster_id", "node")
            .annotate(n=Count("id"))
            .order_by()
        )
        self.guests = Counter({(pk, node): n for pk, node, n in counted})


def measured_now(cluster: Cluster) -> ClusterMetrics | None:
    """The cluster's figures; None while it is stale, for old figures look like new ones."""
    return None if cluster.is_stale() else measured(cluster)


class NodeSerializer(serializers.ModelSerializer[Node]):
    """A node with what it measures now. cpu: fraction of maxcpu; memory in bytes."""

    cluster = serializers.CharField(source="cluster.name", read_only=True)
    status = serializers.SerializerMethodField(help_text="unknown: not seen now")
    lrm_state = serializers.SerializerMethodField(help_text="null: not known now")
    cpu = serializers.SerializerMethodField()
    mem = serializers.SerializerMethodField()
    uptime = serializers.SerializerMethodField(help_text="seconds")
    guests = serializers.SerializerMethodField(help_text="how many guests are configured on it")
    observed_at = serializers.DateTimeField(source="cluster.observed_at", read_only=True)
    seen_at = serializers.DateTimeField(read_only=True, allow_null=True)
    seen_by = serializers.CharField(read_only=True, help_text="the node that told of it")
    sight = serializers.ChoiceField(choices=Sight.values, read_only=True)

    class Meta:
        model = Node
        fields = (
            "name",
            "cluster",
            "node_id",
            "votes",
            "ip",
            "status",
            "cpu",
            "maxcpu",
            "mem",
            "maxmem",
            "uptime",
            "lrm_state",
            "guests",
            "observed_at",
            "seen_at",
            "seen_by",
            "sight",
        )
        read_only_fields = fields

    def _figures(self, node: Node) -> NodeMetrics | None:
        figures = self.context["rows"].figures.get(node.cluster_id)
        return figures.nodes.get(node.name) if figures and node.status != UNKNOWN else None

    @extend_schema_field(serializers.ChoiceField(choices=NodeStatus.values))
    def get_status(self, node: Node) -> str:
        return UNKNOWN if node.cluster.is_stale() else node.status

    def get_lrm_state(self, node: Node) -> str | None:
        return None if node.cluster.is_stale() else node.lrm_state

    def get_cpu(self, node: Node) -> float | None:
        figures = self._figures(node)
        return figures.cpu if figures else None

    def get_mem(self, node: Node) -> int | None:
        figures = self._figures(node)
        return figures.mem if figures else None

    def get_uptime(self, node: Node) -> int | None:
        figures = self._figures(node)
        return figures.uptime if figures else None

    def get_guests(self, node: Node) -> int:
        count: int = self.context["rows"].guests[node.cluster_id, node.name]
        return count


class NodeFilter(Filters):
    """By cluster, name and the status that is shown now."""

    cluster = filters.CharFilter(field_name="cluster__name")
    name = filters.CharFilter()
    status = filters.ChoiceFilter(choices=NodeStatus.choices, method="with_status")

    def with_status(self, nodes: QuerySet[Node], _name: str, status: str) -> QuerySet[Node]:
        return nodes.filter(has_status(status))


@extend_schema_view(
    list=extend_schema(operation_id="list_nodes", summary="Nodes of all clusters"),
    retrieve=extend_schema(operation_id="get_node", summary="One node"),
)
class NodeViewSet(ReadRows, GenericViewSet[Node]):
    """Nodes; read only."""

    see = Permission.SEE_CLUSTERS
    queryset = Node.objects.select_related("cluster").defer(*(f"cluster__{s}" for s in SECRETS))
    serializer_class = NodeSerializer
    filterset_class = NodeFilter
    row_context = NodeRows
    keys = {"cluster": "cluster__name", "node": "name"}


class StorageRows(RowContext[Storage]):
    """The DRBD resources that volume groups lie on, as far as nodes are seen over ssh."""

    def __init__(self, rows: Sequence[Storage]) -> None:
        now = timezone.now()
        clusters = {row.cluster_id: row.cluster for row in rows}
        self.under = {
            (pk, node, group): resource
            for pk, cluster in clusters.items()
            for (node, group), resource in resources_under_groups(known_of(cluster, now)).items()
        }


class StorageSerializer(serializers.ModelSerializer[Storage]):
    """A storage on a node; sizes in bytes, null while they are not known."""

    cluster = serializers.CharField(source="cluster.name", read_only=True)
    content = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField(help_text="available or unknown")
    used = serializers.SerializerMethodField()
    drbd_resource = serializers.SerializerMethodField(
        help_text="the DRBD resource that its volume group lies on; null: none, or not seen"
    )
    observed_at = serializers.DateTimeField(source="cluster.observed_at", read_only=True)
    seen_at = serializers.DateTimeField(read_only=True, allow_null=True)
    seen_by = serializers.CharField(read_only=True, help_text="the node that told of it")
    sight = serializers.ChoiceField(choices=Sight.values, read_only=True)

    class Meta:
        model = Storage
        fields = (
            "cluster",
            "node",
            "storage",
            "type",
            "shared",
            "content",
            "status",
            "used",
            "total",
            "vg",
            "drbd_resource",
            "observed_at",
            "seen_at",
            "seen_by",
            "sight",
        )
        read_only_fields = fields

    def get_drbd_resource(self, storage: Storage) -> str | None:
        under: dict[tuple[int, str, str], str] = self.context["rows"].under
        return under.get((storage.cluster_id, storage.node, storage.vg))

    def get_content(self, storage: Storage) -> list[str]:
        return [word for word in storage.content.split(",") if word]

    def get_status(self, storage: Storage) -> str:
        return UNKNOWN if storage.cluster.is_stale() else storage.status

    def get_used(self, storage: Storage) -> int | None:
        return None if self.get_status(storage) == UNKNOWN else storage.used


class StorageFilter(Filters):
    """By cluster, node, name, type and whether the nodes share it."""

    cluster = filters.CharFilter(field_name="cluster__name")
    node = filters.CharFilter()
    storage = filters.CharFilter()
    type = filters.CharFilter()
    shared = YesNo()


@extend_schema_view(
    list=extend_schema(operation_id="list_storages", summary="Storages of all nodes"),
)
class StorageViewSet(ListRows, GenericViewSet[Storage]):
    """Storages; read only."""

    see = Permission.SEE_CLUSTERS
    queryset = Storage.objects.select_related("cluster").defer(*(f"cluster__{s}" for s in SECRETS))
    serializer_class = StorageSerializer
    filterset_class = StorageFilter
    row_context = StorageRows
