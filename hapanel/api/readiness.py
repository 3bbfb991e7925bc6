"""Readiness and capacity over REST, judged from the records with their age."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hapanel.access import Permission
from hapanel.api.known import known_cluster
from hapanel.ha.cures import Cure
from hapanel.ha.readiness.condition import Code, Condition, Finding, Met, Sentence
from hapanel.ha.readiness.judge import Readiness
from hapanel.ha.verdict import Level
from hapanel.helpdesk.selectors import services_by_guest
from hapanel.operations.readiness import readiness_of
from nodes.selectors import nodes_of

Values = dict[str, Any]
MET = [each.value for each in Met]
CODES = [each.value for each in Code]
LEVELS = [each.value for each in Level]


class StepSerializer(serializers.Serializer[Values]):
    """One step of a cure; words in capitals in a command are for the reader to replace."""

    where = serializers.CharField()
    command = serializers.CharField(allow_blank=True)


class ConditionSerializer(serializers.Serializer[Values]):
    """One condition. Programs compare code and verdict; sentences follow Accept-Language."""

    code = serializers.ChoiceField(choices=CODES)
    title = serializers.CharField()
    verdict = serializers.ChoiceField(choices=MET)
    level = serializers.ChoiceField(
        choices=LEVELS, help_text="how loud pages say it: danger is what does harm already"
    )
    because = serializers.CharField()
    evidence = serializers.DictField(help_text="the values that were seen")
    remedy = serializers.CharField(allow_null=True)
    steps = StepSerializer(
        many=True, help_text="the remedy, command by command, where there is one"
    )
    guests = serializers.ListField(child=serializers.IntegerField(), help_text="whom it concerns")


class GuestFindingSerializer(serializers.Serializer[Values]):
    """What stands against one guest."""

    code = serializers.ChoiceField(choices=CODES)
    verdict = serializers.ChoiceField(choices=MET)
    level = serializers.ChoiceField(choices=LEVELS)
    because = serializers.CharField()
    remedy = serializers.CharField()


class GuestReadinessSerializer(serializers.Serializer[Values]):
    """One guest under HA, or one that matters."""

    vmid = serializers.IntegerField()
    sid = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    node = serializers.CharField()
    verdict = serializers.ChoiceField(choices=MET, help_text="the worst of its findings")
    findings = GuestFindingSerializer(many=True)


class ReadinessSerializer(serializers.Serializer[Values]):
    """Whether a cluster is ready to lose a node; what has to be mended first stands first."""

    cluster = serializers.CharField()
    observed_at = serializers.DateTimeField()
    verdict = serializers.ChoiceField(choices=MET, help_text="the worst of the conditions")
    sentence = serializers.CharField(help_text="what the overview opens with")
    level = serializers.ChoiceField(choices=LEVELS)
    counts = serializers.DictField(child=serializers.IntegerField())
    conditions = ConditionSerializer(many=True)
    guests = GuestReadinessSerializer(many=True)


@extend_schema(tags=["readiness"])
class ReadinessView(APIView):
    """Whether a cluster is ready to lose a node."""

    see = Permission.SEE_CLUSTERS
    change = Permission.SEE_CLUSTERS

    @extend_schema(
        operation_id="get_readiness",
        summary="Whether a cluster is ready to lose a node",
        responses={200: ReadinessSerializer},
    )
    def get(self, request: Request, cluster: str) -> Response:
        """Each condition with its evidence and remedy, and what stands against each guest."""
        del request
        found = known_cluster(cluster)
        judged = readiness_of(found, nodes_of(found), services_by_guest(found))
        values = {"cluster": found.name, "observed_at": found.observed_at}
        return Response(values | readiness_values(judged))


def readiness_values(judged: Readiness) -> Values:
    """Readiness as plain values, in the reader's language."""
    headline = judged.headline
    return {
        "verdict": judged.met.value,
        "sentence": headline.title.sentence(gettext),
        "level": headline.level.value,
        "counts": {met.value: count for met, count in judged.counts().items()},
        "conditions": [_condition(each) for each in judged.conditions],
        "guests": list(_guests(judged)),
    }


def _condition(told: Condition) -> Values:
    return {
        "code": told.code.value,
        "title": told.title(gettext),
        "verdict": told.met.value,
        "level": told.level.value,
        "because": _said(told.because),
        "evidence": dict(told.evidence),
        "remedy": _said(told.remedy) or None,
        "steps": _steps(told.cure),
        "guests": sorted({each.vmid for each in told.guests}),
    }


def _guests(judged: Readiness) -> Iterable[Values]:
    found: dict[str, list[Finding]] = {}
    for each in judged.findings:
        found.setdefault(each.sid, []).append(each)
    for guest in judged.guests:
        findings = found.get(guest.sid, [])
        yield {
            "vmid": guest.vmid,
            "sid": guest.sid,
            "name": guest.name,
            "node": guest.node,
            "verdict": judged.met_by(guest.sid).value,
            "findings": [_finding(each) for each in findings],
        }


def _finding(told: Finding) -> Values:
    return {
        "code": told.code.value,
        "verdict": told.met.value,
        "level": told.level.value,
        "because": told.because.sentence(gettext),
        "remedy": told.remedy.sentence(gettext),
    }


def _said(sentences: Iterable[Sentence]) -> str:
    return " ".join(each.sentence(gettext) for each in sentences)


def _steps(cure: Cure | None) -> list[Values]:
    steps = cure.steps if cure else ()
    return [{"where": gettext(step.where), "command": step.command} for step in steps]
