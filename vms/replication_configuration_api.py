"""What lint says of a DRBD resource's configuration over REST, and what it was compared with."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.drbd.configuration.findings import Finding, Severity
from nodes.models import Cluster
from nodes.node_interfaces import Interfaces, interfaces_of
from nodes.replication_files import findings_of
from vms.replication import first_two, replication_of


class LintFindingSerializer(serializers.Serializer[dict[str, Any]]):
    """One thing to mend, at a line of a node's file; docs/drbd-lint.md explains each code."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=[each.value for each in Severity])
    node = serializers.CharField()
    file = serializers.CharField()
    line = serializers.IntegerField()
    because = serializers.CharField()
    remedy = serializers.CharField()


class InterfacesSerializer(serializers.Serializer[Interfaces]):
    """A node's addresses that those in the files are compared with."""

    node = serializers.CharField()
    is_known = serializers.BooleanField(help_text="false: no address of the node is judged")
    addresses = serializers.ListField(child=serializers.CharField())
    open_families = serializers.ListField(
        child=serializers.CharField(), help_text="inet, inet6: the node may have more of these"
    )
    read_at = serializers.DateTimeField(allow_null=True)


class DrbdConfigurationSerializer(serializers.Serializer[dict[str, Any]]):
    """The files of the resource's first two nodes, judged and compared; no secret is in it."""

    nodes = serializers.ListField(
        child=serializers.CharField(), help_text="those whose files were read"
    )
    findings = LintFindingSerializer(many=True)
    interfaces = InterfacesSerializer(many=True)


class DrbdConfigurationView(APIView):
    """The configuration of a DRBD resource."""

    see = Permission.SEE_CLUSTERS

    @extend_schema(
        operation_id="get_drbd_configuration",
        summary="What lint says of a DRBD resource's configuration",
        responses=DrbdConfigurationSerializer,
    )
    def get(self, _request: Request, cluster: str, name: str) -> Response:
        """The findings as of the files' last reading."""
        found = get_object_or_404(Cluster, name=cluster)
        seen = replication_of(found)
        resource = seen.resource(name)
        if resource is None:
            raise Http404
        two = first_two(resource, {word.node: word for word in seen.known.words})
        words = list(dict.fromkeys(word.node for word in two or () if word.row and word.row.files))
        findings = {_key(one): _record(one) for one in (findings_of(*two) if two else ())}
        interfaces = interfaces_of(found.nodes.order_by("name"), timezone.now())
        record = {"nodes": words, "findings": list(findings.values()), "interfaces": interfaces}
        return Response(DrbdConfigurationSerializer(record).data)


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.code, str(finding.place), finding.because()


def _record(finding: Finding) -> dict[str, Any]:
    node, _, file = finding.place.file.partition(":")
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "node": node,
        "file": file,
        "line": finding.place.line,
        "because": finding.because(gettext),
        "remedy": finding.remedy(gettext),
    }
