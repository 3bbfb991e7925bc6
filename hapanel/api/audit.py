"""The audit log over REST: who did what, when, from where, and how it ended."""

from __future__ import annotations

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.audit.models import Entry
from hapanel.rest.filters import Filters
from hapanel.rest.pagination import CursorPage
from hapanel.rest.rows import ListRows


class EntrySerializer(serializers.ModelSerializer[Entry]):
    """One line of the audit log."""

    detail = serializers.DictField()

    class Meta:
        model = Entry
        fields = (
            "id",
            "at",
            "actor",
            "action",
            "cluster",
            "subject",
            "address",
            "via",
            "operation_id",
            "outcome",
            "detail",
        )
        read_only_fields = fields


class EntryFilter(Filters):
    """By person, act, cluster, operation and time (ISO 8601)."""

    actor = filters.CharFilter()
    action = filters.CharFilter()
    cluster = filters.CharFilter()
    operation_id = filters.NumberFilter(min_value=1, max_value=2**53)
    outcome = filters.CharFilter()
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class NewestEntriesFirst(CursorPage):
    """The newest first."""

    ordering = "-pk"


@extend_schema_view(
    list=extend_schema(operation_id="list_audit_entries", summary="The audit log, newest first"),
)
class AuditViewSet(ListRows, GenericViewSet[Entry]):
    """Who did what; for administrators."""

    see = Permission.SEE_AUDIT
    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    filterset_class = EntryFilter
    pagination_class = NewestEntriesFirst
