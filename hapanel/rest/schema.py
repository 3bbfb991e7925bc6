"""OpenAPI: what every answer has in common, so that no view has to say it again."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema_serializer
from rest_framework import serializers

from hapanel.rest.idempotency import HEADER
from hapanel.rest.problem import MEDIA_TYPE

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Any text of yours, up to 200 characters. A repeat with the same key and body "
    "answers with the same operation; with another body it is refused (422).",
)
PROBLEMS = {
    "400": "Malformed: a field, a parameter or the JSON itself",
    "401": "Nobody, or a token that is not valid",
    "403": "Your role does not allow it",
    "404": "There is no such cluster, guest or record",
    "405": "The address does not take this method",
    "406": "The Accept header leaves no form to answer in",
    "409": "The state refuses",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "A field's value cannot be, or the idempotency key was used for another body",
    "429": "Too many calls; Retry-After says how long to wait",
    "500": "The panel made a mistake",
    "503": "The panel cannot reach its database or Redis",
}
_WITH_BODY = {"409", "413", "415", "422"}


class RefusalSerializer(serializers.Serializer[dict[str, Any]]):
    """A No with its cause and its remedy, in the language of Accept-Language."""

    field = serializers.CharField(allow_null=True, help_text="the input that it is about")
    code = serializers.CharField(help_text="what programs compare; see docs/refusals.md")
    because = serializers.CharField()
    remedy = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Target is the source",
            value={
                "type": "/docs/refusals.md#target-is-source",
                "title": "Conflict",
                "status": 409,
                "detail": "100 siakad already runs on master.",
                "code": "target-is-source",
                "because": "100 siakad already runs on master.",
                "remedy": "Choose another node as the target.",
                "errors": [
                    {
                        "field": "target",
                        "code": "target-is-source",
                        "because": "100 siakad already runs on master.",
                        "remedy": "Choose another node as the target.",
                    }
                ],
            },
        )
    ]
)
class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """An error (RFC 9457). The first refusal speaks for all; `errors` lists every one."""

    type = serializers.CharField(help_text="the paragraph about this code")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    because = serializers.CharField()
    remedy = serializers.CharField()
    errors = RefusalSerializer(many=True)  # type: ignore[assignment]


class ProblemSchema(AutoSchema):
    """drf-spectacular's schema of a view, with the problems that it can answer with."""

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        for status in self._problems():
            bodies.setdefault(
                status,
                {"description": PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": problem}}},
            )
        return dict(sorted(bodies.items()))

    def _problems(self) -> list[str]:
        if self.method in {"GET", "DELETE"}:
            return [status for status in PROBLEMS if self._fits(status)]
        return list(PROBLEMS)

    def _fits(self, status: str) -> bool:
        if self.method == "DELETE" and status == "409":
            return True
        return status not in _WITH_BODY


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema names API tokens."""

    target_class = "hapanel.accounts.bearer.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token from your account page: hap_...",
        }
