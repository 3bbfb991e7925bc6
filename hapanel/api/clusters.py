"""Clusters over REST: what nodes.api tells of them, and adding and removing one."""

from __future__ import annotations

from functools import partial

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.api.operations import OperationSerializer, recorded
from hapanel.audit.actor import actor_of
from hapanel.operations.add_cluster import request_add_cluster
from hapanel.operations.change_cluster import request_change_cluster
from hapanel.operations.remove_cluster import remove_cluster
from hapanel.operations.wishes import ClusterChange, NewCluster
from hapanel.rest.rows import ReadRows
from hapanel.rest.schema import IDEMPOTENCY_KEY
from hapanel.rest.strict import StrictSerializer, Text
from nodes.api import ClusterSerializer, clusters
from nodes.models import Cluster


class NewClusterSerializer(StrictSerializer):
    """One URL and one token. Trust comes from ca_pem or from the fingerprint you have compared."""

    name = Text(max_length=63, help_text="how the panel shall call it")
    addresses = serializers.ListField(
        child=Text(max_length=200), min_length=1, max_length=32, help_text="https://HOST:8006"
    )
    token_id = Text(max_length=200, help_text="USER@REALM!NAME")
    token_secret = Text(max_length=200, write_only=True)
    ca_pem = Text(max_length=20_000, required=False, allow_blank=True, default="")
    fingerprint = Text(
        max_length=110,
        required=False,
        allow_blank=True,
        default="",
        help_text="SHA-256 of the certificate; without one the operation names what it saw",
    )


class ClusterChangeSerializer(StrictSerializer):
    """Another way to reach the cluster; what is left out stays as it is."""

    addresses = serializers.ListField(
        child=Text(max_length=200), min_length=1, max_length=32, required=False
    )
    token_id = Text(max_length=200, required=False)
    token_secret = Text(max_length=200, write_only=True, required=False)
    ca_pem = Text(max_length=20_000, required=False, help_text="replaces CA and fingerprints")
    fingerprint = Text(max_length=110, required=False, help_text="replaces CA and fingerprints")


ROTATE = OpenApiExample(
    "Another token",
    value={
        "token_id": "panel@pve!second",
        "token_secret": "77c0a1de-0000-0000-0000-000000000000",
    },
    request_only=True,
)
ADD = OpenApiExample(
    "One node's URL and a token",
    value={
        "name": "clusterubd",
        "addresses": ["https://pve1.example.org:8006"],
        "token_id": "panel@pve!hapanel",
        "token_secret": "4a1f8c52-0000-0000-0000-000000000000",
        "fingerprint": ":".join(["5E"] * 32),
    },
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(operation_id="list_clusters", summary="The clusters that the panel watches"),
    retrieve=extend_schema(operation_id="get_cluster", summary="One cluster"),
)
class ClusterViewSet(ReadRows, GenericViewSet[Cluster]):
    """Proxmox VE clusters."""

    see = Permission.SEE_CLUSTERS
    change = Permission.CHANGE_CLUSTERS
    queryset = Cluster.objects.none()
    serializer_class = ClusterSerializer
    keys = {"cluster": "name"}

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return clusters()

    @extend_schema(
        operation_id="add_cluster",
        summary="Try a cluster and add it",
        parameters=[IDEMPOTENCY_KEY],
        request=NewClusterSerializer,
        responses={202: OpenApiResponse(OperationSerializer, "Recorded; follow Location")},
        examples=[ADD],
    )
    def create(self, request: Request) -> Response:
        """A worker tries address, certificate, token and privileges; the record comes last."""
        asked = NewClusterSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        new = NewCluster(addresses=tuple(values.pop("addresses")), **values)
        return recorded(request, partial(request_add_cluster, new))

    @extend_schema(
        operation_id="change_cluster",
        summary="Reach a cluster in another way",
        parameters=[IDEMPOTENCY_KEY],
        request=ClusterChangeSerializer,
        responses={202: OpenApiResponse(OperationSerializer, "Recorded; follow Location")},
        examples=[ROTATE],
    )
    def partial_update(self, request: Request, **_kwargs: str) -> Response:
        """A worker tries it first; the record changes once everything held."""
        cluster = self.get_object()
        asked = ClusterChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        change = ClusterChange(addresses=tuple(values.pop("addresses", ())), **values)
        return recorded(request, partial(request_change_cluster, cluster, change))

    @extend_schema(operation_id="remove_cluster", summary="Stop watching a cluster")
    def destroy(self, request: Request, **_kwargs: str) -> Response:
        """Forget the record; nothing is sent to the cluster. Refused while an operation is open."""
        remove_cluster(self.get_object(), actor_of(request._request, "api"))
        return Response(status=status.HTTP_204_NO_CONTENT)
