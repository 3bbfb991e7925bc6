"""Repeating the verify of a DRBD resource over REST."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.audit.actor import actor_of
from hapanel.drbd.verify_times import Every, Weekday
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.models import Fate, VerifySchedule
from hapanel.operations.verify_schedule import (
    NO_SCHEDULE,
    ScheduleWish,
    remove_schedule,
    schedule_of,
    set_schedule,
)
from hapanel.rest.problem import refusal_record
from hapanel.rest.schema import RefusalSerializer
from hapanel.rest.strict import Choice, StrictSerializer, Text
from nodes.models import Cluster
from vms.verify_words import rhythm_sentence

HOUR = RegexValidator(r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", _("An hour such as 03:00 is expected."))
EXAMPLE = OpenApiExample(
    "Each Sunday at three",
    value={"every": "week", "weekday": "sun", "at": "03:00"},
    request_only=True,
)


class NewVerifyScheduleSerializer(StrictSerializer):
    """When the copies are compared, by the panel's time zone."""

    every = Choice(
        choices=[one.value for one in Every], help_text="month: the first such day of each month"
    )
    weekday = Choice(choices=[one.value for one in Weekday])
    at = Text(max_length=5, validators=[HOUR], help_text="HH:MM")


class VerifyScheduleSerializer(serializers.Serializer[dict[str, Any]]):
    """A verify that is repeated, and what became of it last."""

    cluster = serializers.CharField()
    resource = serializers.CharField()
    every = serializers.ChoiceField(choices=[one.value for one in Every])
    weekday = serializers.ChoiceField(choices=[one.value for one in Weekday])
    at = serializers.CharField(help_text="HH:MM in time_zone")
    time_zone = serializers.CharField(help_text="the panel's")
    sentence = serializers.CharField(help_text="in the language of Accept-Language")
    next_at = serializers.DateTimeField(help_text="past while a due verify waits")
    waits_because = RefusalSerializer(
        allow_null=True, help_text="why what is due has not begun; it is tried again"
    )
    last_at = serializers.DateTimeField(allow_null=True, help_text="the due time before")
    last_outcome = serializers.ChoiceField(
        choices=[one for one in Fate.values if one], allow_null=True
    )
    last_because = RefusalSerializer(allow_null=True, help_text="why it was refused or missed")
    operation = serializers.IntegerField(allow_null=True, help_text="what was started last")
    changed_by = serializers.CharField()
    changed_at = serializers.DateTimeField()


@extend_schema(tags=["drbd-resources"])
class VerifyScheduleView(APIView):
    """When the verify of a resource is repeated."""

    see = Permission.SEE_CLUSTERS
    change = Permission.REPAIR_REPLICATION

    @extend_schema(
        operation_id="get_verify_schedule",
        summary="When a resource is verified",
        responses={200: VerifyScheduleSerializer},
    )
    def get(self, _request: Request, cluster: str, name: str) -> Response:
        """404 with verify-schedule-unknown while it is not repeated."""
        return Response(_record(_known(known_cluster(cluster), name)))

    @extend_schema(
        operation_id="set_verify_schedule",
        summary="Repeat the verify of a resource",
        request=NewVerifyScheduleSerializer,
        responses={
            200: OpenApiResponse(VerifyScheduleSerializer, "Changed"),
            201: OpenApiResponse(VerifyScheduleSerializer, "Repeated from now on"),
        },
        examples=[EXAMPLE],
    )
    def put(self, request: Request, cluster: str, name: str) -> Response:
        """Set it, in place of an earlier one."""
        asked = NewVerifyScheduleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        wish = ScheduleWish(
            known_cluster(cluster),
            name,
            Every(told["every"]),
            Weekday(told["weekday"]),
            time.fromisoformat(told["at"]),
        )
        schedule, is_new = set_schedule(wish, actor_of(request._request, "api"))
        found = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(_record(schedule), status=found)

    @extend_schema(
        operation_id="remove_verify_schedule",
        summary="Repeat the verify no more",
        responses={204: None},
    )
    def delete(self, request: Request, cluster: str, name: str) -> Response:
        """A verify that runs already goes on."""
        schedule = _known(known_cluster(cluster), name)
        remove_schedule(schedule, actor_of(request._request, "api"))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _known(cluster: Cluster, name: str) -> VerifySchedule:
    found = schedule_of(cluster, name)
    if found is None:
        raise Refused(NO_SCHEDULE(resource=name))
    return found


def _record(schedule: VerifySchedule) -> dict[str, Any]:
    record = {
        "cluster": schedule.cluster.name,
        "resource": schedule.resource,
        "every": schedule.every,
        "weekday": schedule.weekday,
        "at": f"{schedule.at:%H:%M}",
        "time_zone": settings.TIME_ZONE,
        "sentence": rhythm_sentence(schedule.rhythm),
        "next_at": schedule.next_due,
        "waits_because": _refusal(schedule.waits_because),
        "last_at": schedule.last_due,
        "last_outcome": schedule.last_fate or None,
        "last_because": _refusal(schedule.last_because),
        "operation": schedule.operation_id,
        "changed_by": schedule.changed_by,
        "changed_at": schedule.changed_at,
    }
    return dict(VerifyScheduleSerializer(record).data)


def _refusal(record: dict[str, Any] | None) -> dict[str, Any] | None:
    return refusal_record(Refusal.from_record(record)) if record else None
