"""Migrations over REST: ask for one, try one out, follow it, cancel it."""

from __future__ import annotations

from functools import partial
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.api.asker import asker_of
from hapanel.api.known import known_cluster
from hapanel.api.operations import (
    NewestFirst,
    OperationFilter,
    OperationSerializer,
    accepted,
    recorded,
)
from hapanel.kernel.names import MAX_VMID, MIN_VMID
from hapanel.operations.cancel import request_cancel
from hapanel.operations.migrate import plan_migration, request_migration
from hapanel.operations.models import Kind, Operation
from hapanel.operations.resolve import resolve
from hapanel.operations.wishes import (
    MigrationMode,
    MigrationPlan,
    MigrationWish,
    Resolution,
)
from hapanel.rest.problem import refusal_record
from hapanel.rest.rows import ReadRows
from hapanel.rest.schema import IDEMPOTENCY_KEY, RefusalSerializer
from hapanel.rest.strict import Choice, Moment, StrictSerializer, Text, WholeNumber, YesNo


class NewMigrationSerializer(StrictSerializer):
    """Move a guest. Without `mode` the one that fits it is taken."""

    cluster = Text(max_length=63)
    vmid = WholeNumber(min_value=MIN_VMID, max_value=MAX_VMID)
    target = Text(max_length=63, help_text="name of the node")
    mode = Choice(choices=[each.value for each in MigrationMode], required=False)
    with_local_disks = YesNo(default=False)
    target_storage = Text(max_length=100, required=False, allow_blank=True, default="")
    bandwidth_limit = WholeNumber(
        min_value=0, max_value=2**31 - 1, required=False, help_text="KiB/s; 0: no limit"
    )
    not_before = Moment(required=False, help_text="do not start before this time")
    dry_run = YesNo(default=False, help_text="answer with the plan, record nothing")


class SettleSerializer(StrictSerializer):
    """What really happened to a migration that needs attention; `follow` names the task's id."""

    decision = Choice(choices=[each.value for each in Resolution])
    upid = Text(max_length=200, required=False, allow_blank=True, default="")


class MigrationSerializer(OperationSerializer):
    """A migration: bytes, bytes per second, seconds, milliseconds; null while not known."""

    name = serializers.SerializerMethodField()
    type = serializers.CharField(source="guest_type")
    mode = serializers.SerializerMethodField(help_text="null: what fits, until it began")
    with_local_disks = serializers.SerializerMethodField()
    target_storage = serializers.SerializerMethodField()
    bandwidth_limit = serializers.SerializerMethodField(help_text="KiB/s")
    log = serializers.SerializerMethodField(help_text="the Proxmox task's log, line by line")

    class Meta(OperationSerializer.Meta):
        fields = (
            *OperationSerializer.Meta.fields,
            "name",
            "type",
            "mode",
            "with_local_disks",
            "target_storage",
            "bandwidth_limit",
            "transferred_bytes",
            "total_bytes",
            "rate",
            "dirty_rate",
            "downtime_ms",
            "client_downtime_ms",
            "forecast_seconds",
            "upid",
            "log",
        )
        read_only_fields = fields

    def get_name(self, operation: Operation) -> str:
        return operation.subject.partition(" ")[2]

    def get_mode(self, operation: Operation) -> str | None:
        mode: str | None = operation.params.get("mode") or operation.memo.get("mode")
        return mode

    def get_with_local_disks(self, operation: Operation) -> bool:
        return bool(operation.params.get("with_local_disks"))

    def get_target_storage(self, operation: Operation) -> str:
        return str(operation.params.get("target_storage") or "")

    def get_bandwidth_limit(self, operation: Operation) -> int | None:
        limit: int | None = operation.params.get("bandwidth_limit")
        return limit

    def get_log(self, operation: Operation) -> list[str]:
        return [line.text for line in operation.log_lines.all()]


class MigrationPlanSerializer(serializers.Serializer[dict[str, Any]]):
    """What would happen, judged from what was last seen. Possible only without refusals."""

    dry_run = serializers.BooleanField()
    possible = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=[each.value for each in MigrationMode])
    source = serializers.CharField()  # type: ignore[assignment]
    target = serializers.CharField()
    refusals = RefusalSerializer(many=True)
    warnings = RefusalSerializer(many=True)
    passed = serializers.ListField(child=serializers.CharField())
    forecast_seconds = serializers.FloatField(allow_null=True)
    expected_downtime_ms = serializers.IntegerField(allow_null=True)
    judged_from = serializers.DateTimeField(allow_null=True)


ASK = OpenApiExample(
    "Move guest 100 to slave",
    value={"cluster": "clusterubd", "vmid": 100, "target": "slave"},
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(operation_id="list_migrations", summary="Migrations, newest first"),
    retrieve=extend_schema(operation_id="get_migration", summary="One migration and its log"),
)
class MigrationViewSet(ReadRows, GenericViewSet[Operation]):
    """Migrations of guests between the nodes of a cluster."""

    see = Permission.SEE_OPERATIONS
    change = Permission.MIGRATE_GUESTS
    queryset = (
        Operation.objects.filter(kind=Kind.MIGRATE)
        .select_related("cluster")
        .defer("cluster__ca_pem", "cluster__encrypted_secret")
        .prefetch_related("timeline", "log_lines")
    )
    serializer_class = MigrationSerializer
    filterset_class = OperationFilter
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="migrate",
        summary="Move a guest to another node",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMigrationSerializer,
        responses={
            202: OpenApiResponse(MigrationSerializer, "Recorded; follow Location"),
            200: OpenApiResponse(MigrationPlanSerializer, "The plan of a dry run"),
        },
        examples=[ASK],
    )
    def create(self, request: Request) -> Response:
        """Record the wish for a worker, or with dry_run say what would become of it."""
        asked = NewMigrationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wish = _wish(asked.validated_data)
        if asked.validated_data["dry_run"]:
            return Response(_plan_record(plan_migration(wish)))
        ask = partial(request_migration, wish)
        return recorded(request, ask, MigrationSerializer, "api-migration")

    @extend_schema(
        operation_id="cancel_migration",
        summary="Cancel a migration",
        request=None,
        responses={202: OpenApiResponse(MigrationSerializer, "Cancelled, or asked to stop")},
    )
    def cancel(self, request: Request, **_kwargs: Any) -> Response:
        """At once while nothing runs; else a worker asks Proxmox to stop the task."""
        operation = request_cancel(self.get_object(), asker_of(request))
        return accepted(request, operation, MigrationSerializer, "api-migration")

    @extend_schema(
        operation_id="resolve_migration",
        summary="Settle a migration that needs attention",
        request=SettleSerializer,
        responses={202: OpenApiResponse(MigrationSerializer, "Followed, or closed as failed")},
    )
    def resolve(self, request: Request, **_kwargs: Any) -> Response:
        """A person looked: the named task is followed, or nothing happened."""
        told = SettleSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        decision, upid = Resolution(told.validated_data["decision"]), told.validated_data["upid"]
        operation = resolve(self.get_object(), decision, asker_of(request), upid=upid)
        return accepted(request, operation, MigrationSerializer, "api-migration")


def _wish(asked: dict[str, Any]) -> MigrationWish:
    cluster = known_cluster(asked["cluster"])
    mode = asked.get("mode")
    return MigrationWish(
        cluster=cluster,
        vmid=asked["vmid"],
        target=asked["target"],
        mode=MigrationMode(mode) if mode else None,
        with_local_disks=asked["with_local_disks"],
        target_storage=asked["target_storage"],
        bandwidth_limit=asked.get("bandwidth_limit"),
        not_before=asked.get("not_before"),
    )


def _plan_record(plan: MigrationPlan) -> dict[str, Any]:
    record = {
        "dry_run": True,
        "possible": plan.is_possible,
        "mode": plan.mode.value,
        "source": plan.source,
        "target": plan.target,
        "refusals": [refusal_record(each) for each in plan.refusals],
        "warnings": [refusal_record(each) for each in plan.warnings],
        "passed": plan.passed,
        "forecast_seconds": plan.forecast_seconds,
        "expected_downtime_ms": plan.expected_downtime_ms,
        "judged_from": plan.judged_from,
    }
    return dict(MigrationPlanSerializer(record).data)
