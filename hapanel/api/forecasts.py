"""Forecasts over REST: what happens if these nodes die now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.ha.forecast.doubts import PROVEN
from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome, Stage
from hapanel.ha.forecast.reasons import Reason
from hapanel.ha.forecast.timing import Window
from hapanel.kernel.refusal import Refused
from hapanel.operations.forecasts import CLOCK_SLACK, FORECAST_OF_THE_PAST, forecast
from hapanel.rest.strict import Moment, StrictSerializer, Text

Values = dict[str, Any]


class NewForecastSerializer(StrictSerializer):
    """Which nodes die, all at the same moment."""

    cluster = Text(max_length=63)
    fail = serializers.ListField(  # type: ignore[assignment]
        child=Text(max_length=63), max_length=64, help_text="names of nodes"
    )
    at = Moment(required=False, help_text="when; now, as seen last, when left out")


class SecondsSerializer(serializers.Serializer[Values]):
    """Seconds of the clock on the wall."""

    min = serializers.FloatField()
    typical = serializers.FloatField()
    max = serializers.FloatField()


class ReasonSerializer(serializers.Serializer[Values]):
    """One sentence in the language of Accept-Language; programs compare the code."""

    code = serializers.CharField()
    because = serializers.CharField()


class PassedSerializer(serializers.Serializer[Values]):
    """A node that is not taken, and why."""

    node = serializers.CharField()
    because = serializers.CharField()


class GuestForecastSerializer(serializers.Serializer[Values]):
    """What becomes of a guest."""

    vmid = serializers.IntegerField()
    sid = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    home = serializers.CharField(help_text="the node it is on now")
    outcome = serializers.ChoiceField(choices=[each.value for each in Outcome])
    node = serializers.CharField(allow_null=True, help_text="where the HA manager starts it")
    seconds = SecondsSerializer(allow_null=True, help_text="without service, boot as far as known")
    after_return = SecondsSerializer(
        allow_null=True, help_text="from when the dead nodes are switched on until it starts"
    )
    because = serializers.CharField(allow_blank=True)
    reasons = ReasonSerializer(many=True)
    unknowns = ReasonSerializer(many=True)
    passed = PassedSerializer(many=True)


class ResetSerializer(serializers.Serializer[Values]):
    """A node that survives, loses the quorum and is reset by its watchdog."""

    node = serializers.CharField()
    seconds = SecondsSerializer()


class StageSerializer(serializers.Serializer[Values]):
    """A moment that all guests of the dead nodes share; typical seconds."""

    stage = serializers.ChoiceField(choices=[each.value for each in Stage])
    seconds = serializers.FloatField()
    node = serializers.CharField()
    because = serializers.CharField()


class ForecastSerializer(serializers.Serializer[Values]):
    """What happens if the nodes die. Durations are divided by the cluster's time_scale."""

    cluster = serializers.CharField()
    fail = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    at = serializers.DateTimeField()
    observed_at = serializers.DateTimeField()
    quorate = serializers.BooleanField(allow_null=True, help_text="null: not known")
    votes_left = serializers.IntegerField()
    votes_expected = serializers.IntegerField()
    votes_needed = serializers.IntegerField()
    manager = serializers.CharField(allow_null=True, help_text="where the HA manager's seat is")
    manager_after = serializers.CharField(allow_null=True, help_text="null: nowhere or not known")
    verified = serializers.BooleanField(help_text="proven for this version of the HA manager")
    proven_for = serializers.CharField(help_text="version of the HA manager")
    time_scale = serializers.FloatField()
    counts = serializers.DictField(child=serializers.IntegerField())
    resets = ResetSerializer(many=True)
    story = StageSerializer(many=True)
    unknowns = ReasonSerializer(many=True)
    guests = GuestForecastSerializer(many=True)


@extend_schema(tags=["forecasts"])
class ForecastView(APIView):
    """What happens if nodes die."""

    see = Permission.SEE_CLUSTERS
    change = Permission.SEE_CLUSTERS  # it changes nothing

    @extend_schema(
        operation_id="make_forecast",
        summary="What happens if these nodes die now",
        request=NewForecastSerializer,
        responses={200: ForecastSerializer},
        examples=[
            OpenApiExample(
                "Master dies",
                value={"cluster": "clusterubd", "fail": ["master"]},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Judged from the records; nothing is asked of the cluster and nothing is recorded."""
        asked = NewForecastSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        cluster = known_cluster(wanted["cluster"])
        now = timezone.now()
        at = wanted.get("at", now)
        if at < now - CLOCK_SLACK:
            raise Refused(FORECAST_OF_THE_PAST())
        told = forecast(cluster, wanted["fail"])
        return Response(forecast_values(told, at, cluster.observed_at))


def forecast_values(told: Forecast, at: datetime, observed_at: datetime | None) -> Values:
    """A forecast as plain values, in the reader's language."""
    return {
        "cluster": told.cluster,
        "fail": list(told.fail),
        "at": at,
        "observed_at": observed_at,
        "quorate": told.quorate,
        "votes_left": told.votes_left,
        "votes_expected": told.votes_expected,
        "votes_needed": told.votes_needed,
        "manager": told.manager,
        "manager_after": told.manager_after,
        "verified": told.is_verified,
        "proven_for": PROVEN,
        "time_scale": told.time_scale,
        "counts": {outcome.value: count for outcome, count in told.counts().items()},
        "resets": [
            {"node": node, "seconds": _seconds(window)} for node, window in told.resets.items()
        ],
        "story": [
            {
                "stage": beat.stage.value,
                "seconds": round(beat.at, 1),
                "node": beat.node,
                "because": beat.sentence(gettext),
            }
            for beat in told.beats
        ],
        "unknowns": _reasons(told.unknowns),
        "guests": [_guest(guest) for guest in told.guests],
    }


def _guest(guest: GuestForecast) -> Values:
    return {
        "vmid": guest.vmid,
        "sid": guest.sid,
        "name": guest.name,
        "home": guest.home,
        "outcome": guest.outcome.value,
        "node": guest.node,
        "seconds": _seconds(guest.seconds),
        "after_return": _seconds(guest.after_return),
        "because": " ".join(each.sentence(gettext) for each in guest.reasons or guest.unknowns),
        "reasons": _reasons(guest.reasons),
        "unknowns": _reasons(guest.unknowns),
        "passed": [{"node": each.node, "because": each.sentence(gettext)} for each in guest.passed],
    }


def _reasons(reasons: Iterable[Reason]) -> list[Values]:
    return [{"code": each.code.value, "because": each.sentence(gettext)} for each in reasons]


def _seconds(window: Window | None) -> Values | None:
    if window is None:
        return None
    least, typical, most = (round(s, 1) for s in (window.least, window.typical, window.most))
    return {"min": least, "typical": typical, "max": most}
