"""Services over REST: what callers use, how it is now, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.audit.actor import actor_of
from hapanel.helpdesk.catalogue import (
    MOST_GUESTS,
    ServiceWish,
    change_service,
    create_service,
    remove_service,
)
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.selectors import ServiceNow, services_now
from hapanel.helpdesk.words import sentence
from hapanel.kernel.names import MAX_VMID, MIN_VMID
from hapanel.rest.filters import Filters, Vmid, YesNo
from hapanel.rest.rows import ReadRows
from hapanel.rest.strict import StrictSerializer, Text, WholeNumber
from hapanel.rest.strict import YesNo as YesNoField
from nodes.models import Cluster


class ServiceSerializer(serializers.Serializer[Any]):
    """A service as it is now. `sentence` says it in the language of Accept-Language."""

    id = serializers.IntegerField(source="pk")
    cluster = serializers.CharField(source="service.cluster.name")
    name = serializers.CharField(source="service.name")
    name_id = serializers.CharField(source="service.name_id", allow_blank=True)
    vmid = serializers.SerializerMethodField(help_text="the first of its guests")
    vmids = serializers.ListField(child=serializers.IntegerField(), source="service.vmids")
    url = serializers.CharField(source="service.url", help_text="what the probe asks")
    verify_tls = serializers.BooleanField(source="service.verify_tls")
    public = serializers.BooleanField(source="service.public")
    state = serializers.ChoiceField(choices=ServiceState.values)
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    sentence = serializers.SerializerMethodField()
    probed_at = serializers.DateTimeField(allow_null=True)
    answer_ms = serializers.FloatField(allow_null=True)
    operation = serializers.SerializerMethodField(help_text="the operation that moves a guest")

    def get_vmid(self, now: ServiceNow) -> int | None:
        return next(iter(now.service.vmids), None)

    def get_sentence(self, now: ServiceNow) -> str:
        return sentence(now)

    def get_operation(self, now: ServiceNow) -> int | None:
        return now.operation.pk if now.operation else None


class ServiceChangeSerializer(StrictSerializer):
    """What can be changed of a service."""

    name = Text(max_length=100)
    name_id = Text(max_length=100, allow_blank=True, default="", help_text="in Bahasa Indonesia")
    vmids = serializers.ListField(
        child=WholeNumber(min_value=MIN_VMID, max_value=MAX_VMID),
        max_length=MOST_GUESTS,
        default=list,
    )
    url = Text(max_length=300, help_text="http://, https:// or tcp://HOST:PORT")
    verify_tls = YesNoField(default=True)
    public = YesNoField(default=True, help_text="shown on the status page to everybody")


class NewServiceSerializer(ServiceChangeSerializer):
    """A service to be watched."""

    cluster = Text(max_length=63)


class ServiceFilter(Filters):
    """By cluster, guest, recorded state and whether everybody may see it."""

    cluster = filters.CharFilter(field_name="cluster__name")
    state = filters.ChoiceFilter(choices=ServiceState.choices)
    public = YesNo()
    vmid = Vmid(method="with_vmid")

    def with_vmid(self, services: QuerySet[Service], _name: str, vmid: int) -> QuerySet[Service]:
        """A JSON list cannot be searched alike in every database; services are few."""
        found = [pk for pk, vmids in services.values_list("pk", "vmids") if int(vmid) in vmids]
        return services.filter(pk__in=found)


ADD = OpenApiExample(
    "The academic information system",
    value={
        "cluster": "clusterubd",
        "name": "Academic information system",
        "name_id": "Sistem informasi akademik",
        "vmids": [100],
        "url": "https://siakad.example.ac.id/",
    },
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(operation_id="list_services", summary="The services that callers use"),
    retrieve=extend_schema(operation_id="get_service", summary="One service"),
)
class ServiceViewSet(ReadRows, GenericViewSet[Service]):
    """What people use, the guests behind it and the address that is probed."""

    see = Permission.SEE_SERVICES
    change = Permission.CHANGE_SERVICES
    queryset = (
        Service.objects.select_related("cluster")
        .defer("cluster__ca_pem", "cluster__encrypted_secret")
        .order_by("pk")
    )
    serializer_class = ServiceSerializer
    filterset_class = ServiceFilter

    def represent(self, rows: Sequence[Service], *, many: bool) -> Any:
        """The rows with what the probes say of them, in the order of the page.

        Raises Http404 for the only one when it was removed meanwhile; a list goes on without it.
        """
        wanted = [row.pk for row in rows]
        by_pk = {now.pk: now for now in services_now(Service.objects.filter(pk__in=wanted))}
        found = [by_pk[pk] for pk in wanted if pk in by_pk]
        if not many and not found:
            raise Http404
        return ServiceSerializer(found if many else found[0], many=many).data

    @extend_schema(
        operation_id="add_service",
        summary="Watch a service",
        request=NewServiceSerializer,
        responses={201: ServiceSerializer},
        examples=[ADD],
    )
    def create(self, request: Request) -> Response:
        """Record it; the first probe comes within a second."""
        asked = NewServiceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        name = values.pop("cluster")
        cluster = known_cluster(name)
        service = create_service(_wish(cluster, values), actor_of(request._request, "api"))
        return Response(self.represent([service], many=False), status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="change_service",
        summary="Change a service",
        request=ServiceChangeSerializer(partial=True),
        responses={200: ServiceSerializer},
    )
    def partial_update(self, request: Request, **_kwargs: Any) -> Response:
        """Change the given fields; one that is probed elsewhere starts as unknown."""
        service = self.get_object()
        asked = ServiceChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        present = {
            str(name): getattr(service, str(name)) for name in ServiceChangeSerializer().fields
        }
        wish = _wish(service.cluster, {**present, **asked.validated_data})
        changed = change_service(service, wish, actor_of(request._request, "api"))
        return Response(self.represent([changed], many=False))

    @extend_schema(operation_id="remove_service", summary="Stop watching a service")
    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        """Remove it and its history."""
        remove_service(self.get_object(), actor_of(request._request, "api"))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _wish(cluster: Cluster, values: dict[str, Any]) -> ServiceWish:
    return ServiceWish(cluster=cluster, **{**values, "vmids": tuple(values["vmids"])})
