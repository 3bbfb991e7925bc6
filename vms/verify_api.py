"""What the verifies of DRBD resources found and when the next one is due, as part of a resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Max
from rest_framework import serializers

from hapanel.operations.models import VerifyReport, VerifySchedule
from nodes.models import DrbdResource


class VerifyReportSerializer(serializers.ModelSerializer[VerifyReport]):
    """The last verify that reached its end, whoever asked for it. Sizes in bytes."""

    operation = serializers.IntegerField(source="operation_id")
    seconds = serializers.FloatField(help_text="how long it took")
    compared = serializers.IntegerField(allow_null=True, help_text="each copy's size")
    out_of_sync = serializers.IntegerField(source="differing", help_text="what differed at its end")

    class Meta:
        model = VerifyReport
        fields = (
            "operation",
            "node",
            "began_at",
            "ended_at",
            "seconds",
            "compared",
            "out_of_sync",
        )
        read_only_fields = fields


class VerifyRows:
    """The last report and the schedule of every resource of some clusters, in three queries."""

    def __init__(self, cluster_ids: Iterable[int]) -> None:
        clusters = list(cluster_ids)
        reports = VerifyReport.objects.filter(cluster__in=clusters).order_by()
        newest = reports.values("cluster", "resource").annotate(newest=Max("pk"))
        found = VerifyReport.objects.in_bulk([row["newest"] for row in newest])
        self._reports = {(one.cluster_id, one.resource): one for one in found.values()}
        schedules = VerifySchedule.objects.filter(cluster__in=clusters)
        self._schedules = {(one.cluster_id, one.resource): one for one in schedules}

    def report(self, row: DrbdResource) -> dict[str, Any] | None:
        """The last report of a resource."""
        found = self._reports.get((row.cluster_id, row.name))
        return dict(VerifyReportSerializer(found).data) if found else None

    def schedule(self, row: DrbdResource) -> VerifySchedule | None:
        """The schedule of a resource."""
        return self._schedules.get((row.cluster_id, row.name))
