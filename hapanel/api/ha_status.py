"""A cluster's HA as a whole over REST: whether it is armed, disarming and arming it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.ha_plans import ANSWERS, carry_out
from hapanel.api.known import known_cluster
from hapanel.ha.change.wish import HaChange, ResourceMode, Verb
from hapanel.rest.freshness import UNKNOWN
from hapanel.rest.schema import IDEMPOTENCY_KEY
from hapanel.rest.strict import Choice, StrictSerializer, YesNo
from nodes.models import Cluster


class HaStatusSerializer(serializers.Serializer[dict[str, Any]]):
    """The HA manager as it was last seen."""

    cluster = serializers.CharField()
    armed_state = serializers.CharField(
        allow_null=True, help_text="armed, standby, disarming, disarmed; null before PVE 9.2"
    )
    manager_node = serializers.CharField(allow_null=True)
    manager_state = serializers.CharField(allow_null=True)
    quorate = serializers.BooleanField(allow_null=True)
    observed_at = serializers.DateTimeField(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)


class ArmingSerializer(StrictSerializer):
    """Arm HA, or disarm it."""

    armed = YesNo()
    resource_mode = Choice(
        choices=[each.value for each in ResourceMode],
        default=ResourceMode.FREEZE.value,
        help_text="while disarmed: hold guests under HA where they are, or let them be handled",
    )
    dry_run = YesNo(default=False, help_text="answer with the plan, record nothing")


@extend_schema(tags=["ha-status"])
class HaStatusView(APIView):
    """A cluster's HA as a whole."""

    see = Permission.SEE_CLUSTERS
    change = Permission.DISARM_HA

    @extend_schema(
        operation_id="get_ha_status",
        summary="The HA manager and whether HA is armed",
        responses={200: HaStatusSerializer},
    )
    def get(self, _request: Request, cluster: str) -> Response:
        """As last seen."""
        return Response(_record(known_cluster(cluster)))

    @extend_schema(
        operation_id="arm_ha",
        summary="Disarm HA, or arm it again",
        parameters=[IDEMPOTENCY_KEY],
        request=ArmingSerializer,
        responses=ANSWERS,
        examples=[
            OpenApiExample(
                "Disarm", value={"armed": False, "resource_mode": "freeze"}, request_only=True
            )
        ],
    )
    def patch(self, request: Request, cluster: str) -> Response:
        """Only queued for the HA manager; the operation ends when it has obeyed."""
        asked = ArmingSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        disarm = HaChange(verb=Verb.DISARM, mode=told["resource_mode"])
        change = HaChange(verb=Verb.ARM) if told["armed"] else disarm
        return carry_out(request, known_cluster(cluster), change, dry_run=told["dry_run"])


def _record(cluster: Cluster) -> dict[str, Any]:
    is_stale = cluster.is_ha_stale()
    record = {
        "cluster": cluster.name,
        "armed_state": UNKNOWN if is_stale else (cluster.ha_armed_state or None),
        "manager_node": cluster.ha_manager_node or None,
        "manager_state": UNKNOWN if is_stale else (cluster.ha_manager_state or None),
        "quorate": None if cluster.is_stale() else cluster.quorate,
        "observed_at": cluster.observed_at,
        "seen_at": cluster.ha_seen_at,
    }
    return dict(HaStatusSerializer(record).data)
