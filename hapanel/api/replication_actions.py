"""Actions on DRBD resources over REST: ask for one, or try one out."""

from __future__ import annotations

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.api.operations import OperationSerializer, recorded
from hapanel.drbd.actions import Action
from hapanel.operations.drbd_action import (
    DrbdPlan,
    DrbdWish,
    plan_drbd_action,
    request_drbd_action,
)
from hapanel.operations.remove_snapshot import RemovalWish, plan_removal, request_removal
from hapanel.operations.split_brain import (
    SplitBrainWish,
    plan_split_brain,
    request_split_brain,
)
from hapanel.rest.problem import refusal_record
from hapanel.rest.schema import IDEMPOTENCY_KEY, RefusalSerializer
from hapanel.rest.strict import Choice, Moment, StrictSerializer, Text, YesNo
from nodes.models import Cluster

RESOLVE, REMOVE = "resolve-split-brain", "remove-snapshot"


class NewDrbdActionSerializer(StrictSerializer):
    """Do something to the resource on one of its nodes."""

    action = Choice(choices=[*(each.value for each in Action), RESOLVE, REMOVE])
    node = Text(max_length=63, required=False, help_text="where; not for resolve-split-brain")
    victim = Text(
        max_length=63, required=False, help_text="resolve-split-brain: whose changes are given up"
    )
    without_copy = YesNo(
        default=False, help_text="resolve-split-brain: go on where no snapshot can be taken"
    )
    copy_to = Text(
        max_length=100,
        required=False,
        allow_blank=True,
        default="",
        help_text="resolve-split-brain with guests on both sides: the storage that takes the copies"
        " of the victim's guests; without it the one with most room",
    )
    snapshot = Text(
        max_length=160,
        required=False,
        help_text="remove-snapshot: GROUP/NAME, one of the resource's snapshots",
    )
    confirm = Text(
        max_length=63,
        required=False,
        allow_blank=True,
        default="",
        help_text="the node's name, where data can be lost",
    )
    not_before = Moment(required=False, help_text="do not start before this time")
    dry_run = YesNo(default=False, help_text="answer with the plan, record nothing")


class DrbdPlanSerializer(serializers.Serializer[dict[str, Any]]):
    """What would be sent, judged from what was last seen. Possible only without refusals."""

    dry_run = serializers.BooleanField()
    possible = serializers.BooleanField()
    node = serializers.CharField()
    commands = serializers.ListField(child=serializers.CharField())
    refusals = RefusalSerializer(many=True)


ASK = OpenApiExample(
    "Compare both copies", value={"action": "verify", "node": "slave"}, request_only=True
)


class DrbdActionsView(APIView):
    """What is done to a DRBD resource."""

    see = Permission.SEE_CLUSTERS
    change = Permission.REPAIR_REPLICATION

    @extend_schema(
        operation_id="act_on_drbd_resource",
        summary="Act on a DRBD resource",
        parameters=[IDEMPOTENCY_KEY],
        request=NewDrbdActionSerializer,
        responses={
            202: OpenApiResponse(OperationSerializer, "Recorded; follow Location"),
            200: OpenApiResponse(DrbdPlanSerializer, "The plan of a dry run"),
        },
        examples=[ASK],
    )
    def post(self, request: Request, cluster: str, name: str) -> Response:
        """Record the wish for a worker, or with dry_run say what would become of it."""
        asked = NewDrbdActionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        found = known_cluster(cluster)
        if told["action"] == RESOLVE:
            return _resolve(request, found, name, told)
        if told["action"] == REMOVE:
            return _remove(request, found, name, told)
        return _act(request, found, name, told)


def _act(request: Request, cluster: Cluster, name: str, told: dict[str, Any]) -> Response:
    wish = DrbdWish(
        cluster=cluster,
        resource=name,
        node=told.get("node", ""),
        action=Action(told["action"]),
        confirm=told["confirm"],
        not_before=told.get("not_before"),
    )
    if told["dry_run"]:
        return Response(_plan_record(plan_drbd_action(wish)))
    return recorded(request, partial(request_drbd_action, wish))


def _resolve(request: Request, cluster: Cluster, name: str, told: dict[str, Any]) -> Response:
    victim = told.get("victim") or told.get("node", "")
    wish = SplitBrainWish(
        cluster, name, victim, told["confirm"], told["without_copy"], told["copy_to"]
    )
    if told["dry_run"]:
        way, refusals = plan_split_brain(wish)
        lines = tuple(step.line for step in way.steps if step.line) if way else ()
        return Response(_plan_record(DrbdPlan(victim, lines, refusals, needs_name=True)))
    return recorded(request, partial(request_split_brain, wish))


def _remove(request: Request, cluster: Cluster, name: str, told: dict[str, Any]) -> Response:
    wish = RemovalWish(
        cluster, name, told.get("node", ""), told.get("snapshot", ""), told["confirm"]
    )
    if told["dry_run"]:
        return Response(_plan_record(plan_removal(wish)))
    return recorded(request, partial(request_removal, wish))


def _plan_record(plan: DrbdPlan) -> dict[str, Any]:
    record = {
        "dry_run": True,
        "possible": not plan.refusals,
        "node": plan.node,
        "commands": list(plan.lines),
        "refusals": [refusal_record(each) for each in plan.refusals],
    }
    return dict(DrbdPlanSerializer(record).data)
