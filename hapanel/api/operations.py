"""Operations over REST: every change to a cluster, whoever asked for it and how it went."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.api.asker import asker_of
from hapanel.kernel.refusal import Refusal
from hapanel.operations.models import Kind, Operation, State, Step, TimelineEntry
from hapanel.operations.wishes import Asker
from hapanel.operations.words import timeline_text
from hapanel.rest.filters import Filters, Vmid
from hapanel.rest.idempotency import idempotency_of
from hapanel.rest.pagination import ShortCursorPage
from hapanel.rest.problem import refusal_record
from hapanel.rest.rows import ReadRows

_SPEEDS = ("rate", "dirty_rate", "eta_seconds")


class TimelineSerializer(serializers.ModelSerializer[TimelineEntry]):
    """One fact on the way; `text` says it in the language of Accept-Language."""

    text = serializers.SerializerMethodField()

    class Meta:
        model = TimelineEntry
        fields = ("at", "code", "params", "text")
        read_only_fields = fields

    def get_text(self, entry: TimelineEntry) -> str:
        return timeline_text(entry.code, entry.params)


class OperationSerializer(serializers.ModelSerializer[Operation]):
    """An operation. because and remedy are null unless it went wrong or waits for a person."""

    kind = serializers.ChoiceField(choices=Kind.values)
    state = serializers.ChoiceField(choices=State.values)
    step = serializers.ChoiceField(choices=[*Step.values], allow_blank=True)
    cluster = serializers.CharField(source="cluster.name", allow_null=True, default=None)
    requested_by = serializers.CharField(source="actor")
    code = serializers.SerializerMethodField()
    because = serializers.SerializerMethodField()
    remedy = serializers.SerializerMethodField()
    timeline = TimelineSerializer(many=True)
    blind_since = serializers.DateTimeField(
        source="not_seen_since", allow_null=True, help_text="null: it is seen, or has ended"
    )

    class Meta:
        model = Operation
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "kind",
            "state",
            "step",
            "cluster",
            "subject",
            "vmid",
            "resource",
            "source",
            "target",
            "percent",
            "eta_seconds",
            "requested_by",
            "via",
            "created_at",
            "not_before",
            "started_at",
            "ended_at",
            "blind_since",
            "code",
            "because",
            "remedy",
            "timeline",
        )
        read_only_fields = fields

    def to_representation(self, instance: Operation) -> dict[str, Any]:
        """While nobody sees it, nobody knows how fast it goes."""
        told = super().to_representation(instance)
        if told["blind_since"] is not None:
            told |= {name: None for name in _SPEEDS if name in told}
        return told

    def _outcome(self, operation: Operation) -> dict[str, Any] | None:
        if not operation.outcome:
            return None
        return refusal_record(Refusal.from_record(operation.outcome))

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_code(self, operation: Operation) -> str | None:
        return (self._outcome(operation) or {}).get("code")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_because(self, operation: Operation) -> str | None:
        return (self._outcome(operation) or {}).get("because")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_remedy(self, operation: Operation) -> str | None:
        return (self._outcome(operation) or {}).get("remedy")


class OperationFilter(Filters):
    """By kind, state, cluster, guest and who asked."""

    kind = filters.ChoiceFilter(choices=Kind.choices)
    state = filters.ChoiceFilter(choices=State.choices)
    cluster = filters.CharFilter(field_name="cluster__name")
    vmid = Vmid()
    requested_by = filters.CharFilter(field_name="actor")


class NewestFirst(ShortCursorPage):
    """The newest first."""

    ordering = "-pk"


@extend_schema_view(
    list=extend_schema(operation_id="list_operations", summary="All operations, newest first"),
    retrieve=extend_schema(operation_id="get_operation", summary="One operation"),
)
class OperationViewSet(ReadRows, GenericViewSet[Operation]):
    """Everything that was asked for; read only."""

    see = Permission.SEE_OPERATIONS
    queryset = (
        Operation.objects.select_related("cluster")
        .defer("cluster__ca_pem", "cluster__encrypted_secret")
        .prefetch_related("timeline")
    )
    serializer_class = OperationSerializer
    filterset_class = OperationFilter
    pagination_class = NewestFirst


def accepted(
    request: Request, operation: Operation, serializer: type[OperationSerializer], url_name: str
) -> Response:
    """202: recorded, a worker carries it out; Location says where to look."""
    body = serializer(operation, context={"request": request}).data
    where = request.build_absolute_uri(reverse(url_name, args=[operation.pk]))
    return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": where})


class Ask(Protocol):
    """Records a wish under a key: a function of `hapanel.operations` that has its wish already."""

    def __call__(
        self, asker: Asker, /, *, idempotency_key: str | None, body_digest: str
    ) -> Operation: ...


def recorded(
    request: Request,
    ask: Ask,
    serializer: type[OperationSerializer] = OperationSerializer,
    url_name: str = "api-operation",
) -> Response:
    """Record the wish for a worker under the caller's key: 202. Raises Refused."""
    key = idempotency_of(request)
    operation = ask(asker_of(request), idempotency_key=key.key, body_digest=key.body_digest)
    return accepted(request, operation, serializer, url_name)
