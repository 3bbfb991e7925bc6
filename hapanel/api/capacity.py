"""Capacity over REST: what must fit where when a node dies, and whether a planned guest fits."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.ha.capacity.loss import CROWDED, Arrival, Fit, Loss, Room
from hapanel.ha.capacity.planned import Plan, Planned
from hapanel.kernel.refusal import Refused
from hapanel.operations.readiness import capacity_of, planned_on
from hapanel.rest.refusals import UNKNOWN_PARAMETER

Values = dict[str, Any]
FITS = [each.value for each in Fit]
# Larger than any machine, and within what a database and a decoder take.
MOST_BYTES = 2**50
MOST_CORES = 4096


class PlannedSerializer(serializers.Serializer[Values]):
    """A guest that is only planned, as query parameters."""

    cores = serializers.IntegerField(min_value=1, max_value=MOST_CORES)
    memory = serializers.IntegerField(min_value=1, max_value=MOST_BYTES)
    disk = serializers.IntegerField(min_value=0, max_value=MOST_BYTES, required=False, default=0)
    storage = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class ArrivalSerializer(serializers.Serializer[Values]):
    """A guest that has to be started elsewhere."""

    vmid = serializers.IntegerField()
    sid = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    node = serializers.CharField(allow_null=True, help_text="where the HA manager starts it")
    memory = serializers.IntegerField(allow_null=True)
    cores = serializers.FloatField()
    fit = serializers.ChoiceField(choices=FITS)
    because = serializers.CharField(allow_null=True, help_text="why it does not run there")


class RoomSerializer(serializers.Serializer[Values]):
    """A node that is left. Bytes; cores_each: assigned cores for each of its own."""

    node = serializers.CharField()
    maxmem = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField(allow_null=True)
    arriving = serializers.IntegerField()
    free_after = serializers.IntegerField(allow_null=True)
    cores_each = serializers.FloatField(allow_null=True)
    crowded = serializers.BooleanField()


class LossSerializer(serializers.Serializer[Values]):
    """The death of one node."""

    node = serializers.CharField()
    fit = serializers.ChoiceField(choices=FITS)
    needs = serializers.IntegerField(help_text="bytes of memory of all that arrive")
    guests = ArrivalSerializer(many=True)
    nodes = RoomSerializer(many=True)


class NodeFitSerializer(serializers.Serializer[Values]):
    """Whether a node can take the planned guest now."""

    node = serializers.CharField()
    fit = serializers.ChoiceField(choices=FITS)
    storage = serializers.CharField(allow_blank=True)
    free_memory = serializers.IntegerField(allow_null=True)
    because = serializers.CharField(allow_null=True)


class PlanSerializer(serializers.Serializer[Values]):
    """The answer about a planned guest; null where something is not known."""

    cores = serializers.FloatField()
    memory = serializers.IntegerField()
    disk = serializers.IntegerField()
    fits = serializers.BooleanField(allow_null=True)
    fits_after_a_loss = serializers.BooleanField(allow_null=True)
    node = serializers.CharField(allow_null=True, help_text="where it should go")
    storage = serializers.CharField(allow_blank=True)
    nodes = NodeFitSerializer(many=True)
    pushed_out = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="by the node that dies: who has no room only because of it; vm:0 is itself",
    )


class CapacitySerializer(serializers.Serializer[Values]):
    """What must fit where when any one node dies, and whether it does."""

    cluster = serializers.CharField()
    observed_at = serializers.DateTimeField()
    fit = serializers.ChoiceField(choices=FITS, help_text="the worst of the losses")
    crowded_from = serializers.FloatField(help_text="assigned cores each, from which on it warns")
    losses = LossSerializer(many=True)
    planned = PlanSerializer(allow_null=True)


@extend_schema(tags=["readiness"])
class CapacityView(APIView):
    """Whether there is room with one node less."""

    see = Permission.SEE_CLUSTERS
    change = Permission.SEE_CLUSTERS

    @extend_schema(
        operation_id="get_capacity",
        summary="What must fit where when a node dies, and whether it does",
        parameters=[
            OpenApiParameter("cores", int, description="of a planned guest; with memory"),
            OpenApiParameter("memory", int, description="its memory in bytes"),
            OpenApiParameter("disk", int, description="its disk in bytes"),
            OpenApiParameter("storage", str, description="where its disk shall be"),
        ],
        responses={200: CapacitySerializer},
    )
    def get(self, request: Request, cluster: str) -> Response:
        """Room alone: quorum and HA are taken to be well. Memory is hard, CPU is soft."""
        found = known_cluster(cluster)
        wanted = _wanted(request)
        losses = capacity_of(found)
        plan = planned_on(found, wanted) if wanted else None
        return Response(
            {
                "cluster": found.name,
                "observed_at": found.observed_at,
                "fit": _worst(losses).value,
                "crowded_from": CROWDED,
                "losses": [_loss(each) for each in losses],
                "planned": _plan(plan) if plan else None,
            }
        )


def _wanted(request: Request) -> Planned | None:
    """The planned guest in the query. Raises Refused and ValidationError."""
    known = PlannedSerializer().fields
    asked = [name for name in request.query_params if name != "format"]
    unknown = [name[:60] for name in asked if name not in known]
    if unknown:
        listed = ", ".join(known)
        raise Refused(*(UNKNOWN_PARAMETER.about(n, name=n, known=listed) for n in unknown))
    if not asked:
        return None
    read = PlannedSerializer(data=request.query_params)
    read.is_valid(raise_exception=True)
    return Planned(**read.validated_data)


def _worst(losses: tuple[Loss, ...]) -> Fit:
    fits = {loss.fit for loss in losses}
    return next((fit for fit in (Fit.NO, Fit.UNKNOWN, Fit.TIGHT) if fit in fits), Fit.FITS)


def _loss(told: Loss) -> Values:
    return {
        "node": told.node,
        "fit": told.fit.value,
        "needs": told.needs,
        "guests": [_arrival(each) for each in told.arrivals],
        "nodes": [_room(each) for each in told.rooms],
    }


def _arrival(told: Arrival) -> Values:
    return {
        "vmid": told.vmid,
        "sid": told.sid,
        "name": told.name,
        "node": told.node,
        "memory": told.memory,
        "cores": told.cores,
        "fit": told.fit.value,
        "because": told.reason.sentence(gettext) if told.reason else None,
    }


def _room(told: Room) -> Values:
    return {
        "node": told.node,
        "maxmem": told.maxmem,
        "used": told.used,
        "arriving": told.arriving,
        "free_after": told.free_after,
        "cores_each": None if told.cores_each is None else round(told.cores_each, 2),
        "crowded": told.is_crowded,
    }


def _plan(told: Plan) -> Values:
    return {
        "cores": told.wanted.cores,
        "memory": told.wanted.memory,
        "disk": told.wanted.disk,
        "fits": told.fits_now,
        "fits_after_a_loss": told.fits_after_a_loss,
        "node": told.node,
        "storage": told.storage,
        "nodes": [
            {
                "node": each.node,
                "fit": each.fit.value,
                "storage": each.storage,
                "free_memory": each.free_memory,
                "because": each.reason.sentence(gettext) if each.reason else None,
            }
            for each in told.nodes
        ],
        "pushed_out": {node: list(sids) for node, sids in told.pushed_out.items()},
    }
