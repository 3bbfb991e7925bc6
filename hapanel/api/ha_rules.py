"""HA rules (Proxmox VE 9) over REST."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hapanel.access import Permission
from hapanel.api.ha_plans import ANSWERS, DRY_RUN, carry_out, wants_dry_run
from hapanel.api.ha_resources import Sid
from hapanel.api.known import known_cluster
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ports.ha_changes import RuleSettings
from hapanel.rest.filters import Filters
from hapanel.rest.rows import ReadRows
from hapanel.rest.schema import IDEMPOTENCY_KEY
from hapanel.rest.strict import Choice, StrictSerializer, Text, YesNo
from vms.models import HaRule

TYPES = ("node-affinity", "resource-affinity")
AFFINITIES = ("positive", "negative")
NODE = r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}(:[0-9]{1,4})?$"


class NodePriority(Text):
    """The name of a node, with its priority after a colon if it has one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=68, validators=[RegexValidator(NODE)], **kwargs)


class HaRuleSerializer(serializers.ModelSerializer[HaRule]):
    """A rule as Proxmox tells it."""

    cluster = serializers.CharField(source="cluster.name")
    type = serializers.CharField()
    resources = serializers.ListField(child=serializers.CharField())
    nodes = serializers.ListField(
        child=serializers.CharField(), help_text="node-affinity; `pve1:2` has the priority 2"
    )
    affinity = serializers.SerializerMethodField(help_text="resource-affinity: positive, negative")
    errors = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text="why the HA manager ignores it; null: it does not"
    )
    observed_at = serializers.DateTimeField(source="cluster.observed_at", allow_null=True)

    class Meta:
        model = HaRule
        fields = (
            "rule",
            "cluster",
            "type",
            "resources",
            "nodes",
            "affinity",
            "strict",
            "disabled",
            "comment",
            "errors",
            "observed_at",
        )
        read_only_fields = fields

    def get_affinity(self, rule: HaRule) -> str | None:
        return rule.affinity or None

    def get_errors(self, rule: HaRule) -> str | None:
        return rule.errors or None


class RuleSettingsSerializer(StrictSerializer):
    """Settings of a rule; what is left out stays."""

    resources = serializers.ListField(child=Sid(), max_length=1000, required=False)
    nodes = serializers.ListField(child=NodePriority(), max_length=64, required=False)
    affinity = Choice(choices=AFFINITIES, required=False)
    strict = YesNo(required=False, help_text="on no other node, even if all of these are away")
    disabled = YesNo(required=False)
    comment = Text(max_length=4096, required=False, allow_blank=True)
    dry_run = YesNo(default=False, help_text="answer with the plan, record nothing")


class NewHaRuleSerializer(RuleSettingsSerializer):
    """A new rule."""

    cluster = Text(max_length=63)
    rule = Text(max_length=128, help_text="its name")
    type = Choice(choices=TYPES)


class HaRuleFilter(Filters):
    """By cluster and type."""

    cluster = filters.CharFilter(field_name="cluster__name")
    type = filters.ChoiceFilter(choices=[(each, each) for each in TYPES])


@extend_schema_view(
    list=extend_schema(operation_id="list_ha_rules", summary="HA rules of all clusters"),
    retrieve=extend_schema(operation_id="get_ha_rule", summary="One HA rule"),
)
class HaRules(ReadRows, GenericViewSet[HaRule]):
    """HA rules; every change is an operation."""

    see = Permission.SEE_CLUSTERS
    change = Permission.CHANGE_HA
    queryset = HaRule.objects.select_related("cluster").defer(
        "cluster__ca_pem", "cluster__encrypted_secret"
    )
    serializer_class = HaRuleSerializer
    filterset_class = HaRuleFilter
    keys = {"cluster": "cluster__name", "rule": "rule"}

    @extend_schema(
        operation_id="add_ha_rule",
        summary="Add an HA rule",
        parameters=[IDEMPOTENCY_KEY],
        request=NewHaRuleSerializer,
        responses=ANSWERS,
        examples=[
            OpenApiExample(
                "Keep two guests apart",
                value={
                    "cluster": "clusterubd",
                    "rule": "apart",
                    "type": "resource-affinity",
                    "affinity": "negative",
                    "resources": ["vm:100", "ct:101"],
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Record the wish for a worker, or with dry_run say what would become of it."""
        asked = NewHaRuleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        cluster = known_cluster(told["cluster"])
        change = HaChange(verb=Verb.ADD_RULE, key=told["rule"], rule=_settings(told))
        return carry_out(request, cluster, change, dry_run=told["dry_run"])

    @extend_schema(
        operation_id="change_ha_rule",
        summary="Change an HA rule",
        parameters=[IDEMPOTENCY_KEY],
        request=RuleSettingsSerializer,
        responses=ANSWERS,
    )
    def partial_update(self, request: Request, cluster: str, rule: str) -> Response:
        """Only what is given changes; the type cannot."""
        asked = RuleSettingsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        change = HaChange(verb=Verb.CHANGE_RULE, key=rule, rule=_settings(told))
        return carry_out(request, known_cluster(cluster), change, dry_run=told["dry_run"])

    @extend_schema(
        operation_id="remove_ha_rule",
        summary="Remove an HA rule",
        parameters=[IDEMPOTENCY_KEY, DRY_RUN],
        request=None,
        responses=ANSWERS,
    )
    def destroy(self, request: Request, cluster: str, rule: str) -> Response:
        """Its guests stay under HA."""
        change = HaChange(verb=Verb.REMOVE_RULE, key=rule)
        dry_run = wants_dry_run(request)
        return carry_out(request, known_cluster(cluster), change, dry_run=dry_run)


def _settings(told: dict[str, Any]) -> RuleSettings:
    return RuleSettings(
        type=told.get("type"),
        resources=_tuple(told.get("resources")),
        nodes=_tuple(told.get("nodes")),
        affinity=told.get("affinity"),
        strict=told.get("strict"),
        disabled=told.get("disabled"),
        comment=told.get("comment"),
    )


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(values))
