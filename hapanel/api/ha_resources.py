"""HA resources over REST: what there is, and putting guests under HA and out of it."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hapanel.access import Permission
from hapanel.api.ha_plans import ANSWERS, DRY_RUN, carry_out, wants_dry_run
from hapanel.api.known import known_cluster
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ports.ha_changes import ResourceSettings
from hapanel.rest.schema import IDEMPOTENCY_KEY
from hapanel.rest.strict import Choice, StrictSerializer, Text, WholeNumber, YesNo
from vms.ha_api import HaResourceViewSet

STATES = ("started", "stopped", "disabled", "ignored")
SID = r"^(vm|ct):[1-9][0-9]{2,8}$"
# What Proxmox keeps is not bounded; more tries than these help nobody.
MOST_TRIES = 32767


class Sid(Text):
    """The service id of a guest."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=12, validators=[RegexValidator(SID)], **kwargs)


class ResourceSettingsSerializer(StrictSerializer):
    """Settings of an HA resource; what is left out stays, or is Proxmox's default."""

    state = Choice(choices=STATES, required=False, help_text="what HA keeps it in")
    request_state = Choice(choices=STATES, required=False, help_text="another name of `state`")
    max_restart = WholeNumber(min_value=0, max_value=MOST_TRIES, required=False)
    max_relocate = WholeNumber(min_value=0, max_value=MOST_TRIES, required=False)
    failback = YesNo(required=False, help_text="go back to a preferred node when it returns")
    comment = Text(max_length=4096, required=False, allow_blank=True)
    dry_run = YesNo(default=False, help_text="answer with the plan, record nothing")


class NewHaResourceSerializer(ResourceSettingsSerializer):
    """Put a guest under HA."""

    cluster = Text(max_length=63)
    sid = Sid(help_text="vm:100 or ct:101")


class HaResources(HaResourceViewSet):
    """HA resources; every change is an operation."""

    change = Permission.CHANGE_HA

    @extend_schema(
        operation_id="add_ha_resource",
        summary="Put a guest under HA",
        parameters=[IDEMPOTENCY_KEY],
        request=NewHaResourceSerializer,
        responses=ANSWERS,
        examples=[
            OpenApiExample(
                "Guest 100", value={"cluster": "clusterubd", "sid": "vm:100"}, request_only=True
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Record the wish for a worker, or with dry_run say what would become of it."""
        asked = NewHaResourceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        cluster = known_cluster(told["cluster"])
        change = HaChange(verb=Verb.ADD_RESOURCE, key=told["sid"], resource=_settings(told))
        return carry_out(request, cluster, change, dry_run=told["dry_run"])

    @extend_schema(
        operation_id="change_ha_resource",
        summary="Change an HA resource",
        parameters=[IDEMPOTENCY_KEY],
        request=ResourceSettingsSerializer,
        responses=ANSWERS,
    )
    def partial_update(self, request: Request, cluster: str, sid: str) -> Response:
        """Only what is given changes."""
        asked = ResourceSettingsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        change = HaChange(verb=Verb.CHANGE_RESOURCE, key=sid, resource=_settings(told))
        return carry_out(request, known_cluster(cluster), change, dry_run=told["dry_run"])

    @extend_schema(
        operation_id="remove_ha_resource",
        summary="Take a guest out of HA",
        parameters=[IDEMPOTENCY_KEY, DRY_RUN],
        request=None,
        responses=ANSWERS,
    )
    def destroy(self, request: Request, cluster: str, sid: str) -> Response:
        """The guest runs on; nobody starts it again when it or its node dies."""
        change = HaChange(verb=Verb.REMOVE_RESOURCE, key=sid)
        dry_run = wants_dry_run(request)
        return carry_out(request, known_cluster(cluster), change, dry_run=dry_run)


def _settings(told: dict[str, Any]) -> ResourceSettings:
    return ResourceSettings(
        state=told.get("state", told.get("request_state")),
        max_restart=told.get("max_restart"),
        max_relocate=told.get("max_relocate"),
        failback=told.get("failback"),
        comment=told.get("comment"),
    )
