"""DRBD resources over REST: each node's side as it is seen now, and what is to be said of it all.

A side that is not seen now is null with the reason, never its last good value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils.translation import gettext
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.drbd.findings import CODES, SEVERITIES, Code, Finding
from hapanel.drbd.join import Side
from hapanel.drbd.join import Sight as Seen
from hapanel.drbd.link import End, Link
from hapanel.drbd.snapshots import Snapshot, snapshots_of
from hapanel.ports.replication import DiskState
from hapanel.rest.filters import Filters
from hapanel.rest.rows import ReadRows, RowContext
from nodes.models import DrbdResource, Sight
from vms.replication import ClusterReplication, Resource, replication_of
from vms.replication_drawing import link_of, progress_of
from vms.replication_load import LoadShown, loads_shown
from vms.verify_api import VerifyReportSerializer, VerifyRows


class DrbdRows(RowContext[DrbdResource]):
    """The judged replication of the clusters of one page's rows."""

    def __init__(self, rows: Sequence[DrbdResource]) -> None:
        clusters = {row.cluster_id: row.cluster for row in rows}
        self._by_cluster = {pk: replication_of(cluster) for pk, cluster in clusters.items()}
        self.verifies = VerifyRows(clusters)

    def of(self, row: DrbdResource) -> Resource:
        """The resource of the record. Raises Http404 when it was removed in this moment."""
        found = self._by_cluster[row.cluster_id].resource(row.name)
        if found is None:
            raise Http404
        return found

    def seen(self, row: DrbdResource) -> ClusterReplication:
        """The whole replication of the record's cluster."""
        return self._by_cluster[row.cluster_id]


class FindingSerializer(serializers.Serializer[dict[str, Any]]):
    """One thing that is so; sentences in the language of Accept-Language."""

    code = serializers.ChoiceField(choices=CODES)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    because = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)
    nodes = serializers.ListField(child=serializers.CharField())
    evidence = serializers.ListField(child=serializers.DictField())


class DrbdLinkSerializer(serializers.Serializer[dict[str, Any]]):
    """A node's link to one peer. Sizes in bytes, rate in bytes a second."""

    peer = serializers.CharField()
    connection_state = serializers.CharField(allow_null=True, help_text="null: not known now")
    out_of_sync = serializers.IntegerField(allow_null=True)
    percent = serializers.FloatField(allow_null=True, help_text="of a sync or verify; null: none")
    rate = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)


class LoadSerializer(serializers.Serializer[LoadShown]):
    """How fast is written and sent, by DRBD's counters over `seconds`; bytes a second."""

    node = serializers.CharField()
    peer = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField(source="load.seconds", allow_null=True, default=None)
    write_rate = serializers.FloatField(
        source="load.write_rate", allow_null=True, default=None, help_text="of the node's guests"
    )
    sent_rate = serializers.FloatField(source="load.sent_rate", allow_null=True, default=None)
    link_rate = serializers.FloatField(
        source="load.link_rate",
        allow_null=True,
        default=None,
        help_text="what the link takes; null: it was not full, so nobody knows",
    )
    most_sent_rate = serializers.FloatField(source="most.rate", allow_null=True, default=None)
    most_sent_at = serializers.DateTimeField(source="most.at", allow_null=True, default=None)
    seen_at = serializers.DateTimeField(allow_null=True)


class DrbdNodeSerializer(DrbdLinkSerializer):
    """One node's side; its first link's figures, and all of them in `links`."""

    node = serializers.CharField()
    peer = serializers.CharField(allow_null=True)
    sight = serializers.ChoiceField(choices=Sight.values, help_text="current or unknown")
    seen_at = serializers.DateTimeField(allow_null=True)
    because = serializers.CharField(allow_null=True, help_text="why it is not seen now")
    role = serializers.CharField(allow_null=True, help_text="null: not seen, or not up there")
    disk_state = serializers.CharField(allow_null=True, help_text="the worst of its volumes")
    links = DrbdLinkSerializer(many=True)


class SnapshotSerializer(serializers.Serializer[Snapshot]):
    """A snapshot that the split-brain assistant took. Size in bytes, `filled` in percent."""

    node = serializers.CharField()
    snapshot = serializers.CharField(source="path", help_text="GROUP/NAME")
    origin = serializers.CharField(help_text="the volume that it was taken of")
    size = serializers.IntegerField()
    filled = serializers.FloatField(allow_null=True, help_text="100: full, and lost")
    taken_at = serializers.DateTimeField(allow_null=True)


class DrbdResourceSerializer(serializers.ModelSerializer[DrbdResource]):
    """A DRBD resource, joined from all of its nodes."""

    cluster = serializers.CharField(source="cluster.name")
    protocol = serializers.SerializerMethodField(help_text="A, B or C; null: not told")
    version = serializers.SerializerMethodField(help_text="of DRBD; null: not told")
    health = serializers.SerializerMethodField()
    severity = serializers.SerializerMethodField()
    split_brain = serializers.SerializerMethodField()
    findings = serializers.SerializerMethodField()
    nodes = serializers.SerializerMethodField()
    volume_groups = serializers.SerializerMethodField()
    snapshots = serializers.SerializerMethodField()
    load = serializers.SerializerMethodField()
    guests = serializers.SerializerMethodField(help_text="vmids; null: not known")
    last_verify = serializers.SerializerMethodField(help_text="null: none that the panel followed")
    next_verify_at = serializers.SerializerMethodField(help_text="null: it is not repeated")

    class Meta:
        model = DrbdResource
        fields = (
            "name",
            "cluster",
            "protocol",
            "version",
            "health",
            "severity",
            "split_brain",
            "since",
            "findings",
            "nodes",
            "volume_groups",
            "snapshots",
            "load",
            "guests",
            "last_verify",
            "next_verify_at",
        )
        read_only_fields = fields

    def _of(self, row: DrbdResource) -> Resource:
        rows: DrbdRows = self.context["rows"]
        return rows.of(row)

    def get_protocol(self, row: DrbdResource) -> str | None:
        links = self._of(row).replication.links
        return next((e.peer.protocol for one in links for e in one.ends if e.peer.protocol), None)

    def get_version(self, row: DrbdResource) -> str | None:
        words = self.context["rows"].seen(row).known.words
        return next((w.row.drbd_version for w in words if w.row and w.row.drbd_version), None)

    @extend_schema_field(serializers.ChoiceField(choices=CODES))
    def get_health(self, row: DrbdResource) -> str:
        return self._of(row).judgement.health.value

    @extend_schema_field(serializers.ChoiceField(choices=SEVERITIES))
    def get_severity(self, row: DrbdResource) -> str:
        return self._of(row).judgement.severity.value

    def get_split_brain(self, row: DrbdResource) -> bool:
        return self._of(row).judgement.has(Code.SPLIT_BRAIN)

    @extend_schema_field(FindingSerializer(many=True))
    def get_findings(self, row: DrbdResource) -> list[dict[str, Any]]:
        return [_finding(finding) for finding in self._of(row).judgement.findings]

    @extend_schema_field(DrbdNodeSerializer(many=True))
    def get_nodes(self, row: DrbdResource) -> list[dict[str, Any]]:
        resource, seen = self._of(row), self.context["rows"].seen(row)
        return [_node(side, resource, seen) for side in resource.replication.sides]

    def get_volume_groups(self, row: DrbdResource) -> list[str]:
        return list(self._of(row).groups)

    @extend_schema_field(LoadSerializer(many=True))
    def get_load(self, row: DrbdResource) -> list[dict[str, Any]]:
        shown = loads_shown(self._of(row), self.context["rows"].seen(row).known)
        return [dict(LoadSerializer(one).data) for one in shown]

    @extend_schema_field(SnapshotSerializer(many=True))
    def get_snapshots(self, row: DrbdResource) -> list[dict[str, Any]]:
        words = self.context["rows"].seen(row).known.words
        found = [one for word in words for one in snapshots_of(row.name, word.node, word.lvm)]
        return [dict(SnapshotSerializer(one).data) for one in found]

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField(), allow_null=True))
    def get_guests(self, row: DrbdResource) -> list[int] | None:
        guests = self._of(row).guests
        return None if guests is None else [guest.vmid for guest in guests]

    @extend_schema_field(VerifyReportSerializer(allow_null=True))
    def get_last_verify(self, row: DrbdResource) -> dict[str, Any] | None:
        rows: DrbdRows = self.context["rows"]
        return rows.verifies.report(row)

    def get_next_verify_at(self, row: DrbdResource) -> datetime | None:
        rows: DrbdRows = self.context["rows"]
        schedule = rows.verifies.schedule(row)
        return schedule.next_due if schedule else None


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "because": finding.because(gettext),
        "remedy": finding.remedy(gettext),
        "nodes": list(finding.nodes),
        "evidence": [evidence.as_record() for evidence in finding.evidence],
    }


def _node(side: Side, resource: Resource, seen: ClusterReplication) -> dict[str, Any]:
    word, now = seen.known.word(side.node), side.now
    links = [_link(link, side.node) for link in resource.replication.links if _joins(link, side)]
    first = links[0] if links else _no_link()
    because = word.fault.because(gettext) if word.fault else side.unseen_because
    is_seen = side.sight is Seen.CURRENT
    return first | {
        "node": side.node,
        "sight": Sight.CURRENT.value if is_seen else Sight.UNKNOWN.value,
        "seen_at": word.seen_at,
        "because": None if is_seen else because,
        "role": now.role.value if now else None,
        "disk_state": _worst_disk(side),
        "links": links,
    }


def _joins(link: Link, side: Side) -> bool:
    return side.node in (link.first, link.second)


def _link(link: Link, node: str) -> dict[str, Any]:
    peer = link.second if link.first == node else link.first
    end = next((end for end in link.ends if end.node == node), None)
    if end is None:
        return _no_link() | {"peer": peer}
    progress = progress_of(Link(link.first, link.second, (end,)))
    return {
        "peer": peer,
        "connection_state": link_of(end.peer).word,
        "out_of_sync": _out_of_sync(end),
        "percent": progress.percent if progress else None,
        "rate": progress.rate if progress else None,
        "eta_seconds": progress.eta_seconds if progress else None,
    }


def _no_link() -> dict[str, Any]:
    names = ("peer", "connection_state", "out_of_sync", "percent", "rate", "eta_seconds")
    return dict.fromkeys(names)


def _out_of_sync(end: End) -> int | None:
    told = [v.out_of_sync for v in end.peer.volumes if v.out_of_sync is not None]
    return sum(told) if told else None


def _worst_disk(side: Side) -> str | None:
    if side.now is None or not side.now.volumes:
        return None
    # What is not known comes before UpToDate: several volumes are no better than the one unknown.
    order = sorted(DiskState, key=lambda one: one is DiskState.UP_TO_DATE)
    return min((one.disk_state for one in side.now.volumes), key=order.index).value


class DrbdFilter(Filters):
    """By cluster and name."""

    cluster = filters.CharFilter(field_name="cluster__name")
    name = filters.CharFilter()


@extend_schema_view(
    list=extend_schema(operation_id="list_drbd_resources", summary="DRBD resources"),
    retrieve=extend_schema(operation_id="get_drbd_resource", summary="One DRBD resource"),
)
class DrbdResourceViewSet(ReadRows, GenericViewSet[DrbdResource]):
    """DRBD resources as the nodes tell of them over ssh; read only."""

    see = Permission.SEE_CLUSTERS
    queryset = DrbdResource.objects.select_related("cluster").defer(
        "cluster__ca_pem", "cluster__encrypted_secret"
    )
    serializer_class = DrbdResourceSerializer
    filterset_class = DrbdFilter
    row_context = DrbdRows
    keys = {"cluster": "cluster__name", "name": "name"}
