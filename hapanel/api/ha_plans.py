"""What all changes of HA over REST have in common: the plan of a dry run, and the operation."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hapanel.api.forecasts import ReasonSerializer
from hapanel.api.operations import OperationSerializer, recorded
from hapanel.ha.change.effect import Change, Difference
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.kernel.refusal import Refused
from hapanel.operations.ha_change import HaPlan, plan_ha_change, request_ha_change
from hapanel.rest.problem import refusal_record
from hapanel.rest.refusals import MALFORMED, UNKNOWN_PARAMETER
from hapanel.rest.schema import RefusalSerializer
from nodes.models import Cluster

Values = dict[str, Any]
DRY_RUN = OpenApiParameter(
    "dry_run", bool, OpenApiParameter.QUERY, description="answer with the plan, record nothing"
)
SEVERITIES = ("ok", "warn", "danger", "unknown", "off")


class EffectSerializer(serializers.Serializer[Values]):
    """How the loss of one node ends otherwise than before; a sentence and its parts."""

    failed = serializers.CharField(help_text="the node that dies")
    change = serializers.ChoiceField(choices=[each.value for each in Change])
    severity = serializers.ChoiceField(choices=SEVERITIES)
    guests = serializers.ListField(child=serializers.CharField())
    node = serializers.CharField(allow_blank=True, help_text="where HA starts them, or who resets")
    seconds = serializers.FloatField(allow_null=True, help_text="typical, without service")
    because = serializers.CharField(help_text="in the language of Accept-Language")


class HaPlanSerializer(serializers.Serializer[Values]):
    """What the change would do, judged from what was last seen. Possible only without refusals."""

    dry_run = serializers.BooleanField()
    possible = serializers.BooleanField()
    verb = serializers.ChoiceField(choices=[each.value for each in Verb])
    subject = serializers.CharField()
    refusals = RefusalSerializer(many=True)
    warnings = RefusalSerializer(many=True)
    effects = EffectSerializer(many=True)
    compared = serializers.ListField(
        child=serializers.CharField(), help_text="the nodes whose loss was thought through"
    )
    members = serializers.IntegerField(help_text="of so many that there are")
    unknowns = ReasonSerializer(many=True, help_text="what was not known and may change the answer")
    judged_from = serializers.DateTimeField(allow_null=True)


ANSWERS = {
    202: OpenApiResponse(OperationSerializer, "Recorded; follow Location"),
    200: OpenApiResponse(HaPlanSerializer, "The plan of a dry run"),
}


def wants_dry_run(request: Request) -> bool:
    """?dry_run=true of a request that has no body. Raises Refused for anything else."""
    unknown = [name for name in request.query_params if name != "dry_run"]
    if unknown:
        raise Refused(UNKNOWN_PARAMETER.about(unknown[0], name=unknown[0][:60], known="dry_run"))
    word = request.query_params.get("dry_run", "false")
    if word not in ("true", "false"):
        raise Refused(MALFORMED.about("dry_run", name="dry_run", reason="true, false"))
    return word == "true"


def carry_out(request: Request, cluster: Cluster, change: HaChange, *, dry_run: bool) -> Response:
    """Record the change for a worker (202), or say what it would do (200). Raises Refused."""
    if dry_run:
        plan = plan_ha_change(cluster, change)
        missing = [refusal for refusal in plan.refusals if refusal.status == 404]
        if missing:
            raise Refused(*missing)
        return Response(_plan_record(plan))
    return recorded(request, partial(request_ha_change, cluster, change))


def _plan_record(plan: HaPlan) -> Values:
    effects = plan.effects
    record = {
        "dry_run": True,
        "possible": plan.is_possible,
        "verb": plan.change.verb.value,
        "subject": plan.subject,
        "refusals": [refusal_record(each) for each in plan.refusals],
        "warnings": [refusal_record(each) for each in plan.warnings],
        "effects": [_effect(each) for each in effects.differences] if effects else [],
        "compared": effects.compared if effects else (),
        "members": effects.members if effects else 0,
        "unknowns": [
            {"code": each.code.value, "because": each.sentence(gettext)}
            for each in (effects.unknowns if effects else ())
        ],
        "judged_from": plan.judged_from,
    }
    return dict(HaPlanSerializer(record).data)


def _effect(told: Difference) -> Values:
    return {
        "failed": told.failed,
        "change": told.change.value,
        "severity": told.severity,
        "guests": told.guests,
        "node": told.node,
        "seconds": round(told.seconds, 1) or None,
        "because": told.sentence(gettext),
    }
