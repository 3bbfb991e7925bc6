"""`events/` in the schema: it is answered before Django, so no view describes it."""

from __future__ import annotations

from typing import Any

from hapanel.rest.problem import MEDIA_TYPE
from hapanel.rest.schema import PROBLEMS

PATH = "/api/v1/events/"
REFUSALS = ("401", "403", "405", "503")
EXAMPLE = (
    "id: 1795512345678-0\n"
    "event: changed\n"
    'data: {"cluster": "clusterubd", "kind": "guest", "key": "100"}\n\n'
)


def describe_events(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: adds the stream to the finished schema."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    refusals = {
        status: {"description": PROBLEMS[status], "content": {MEDIA_TYPE: problem}}
        for status in REFUSALS
    }
    stream = {"schema": {"type": "string"}, "example": EXAMPLE}
    result["paths"][PATH] = {
        "get": {
            "operationId": "follow_events",
            "summary": "What changes, as server-sent events",
            "description": (
                "`changed` says that something changed, not how: read it again. `reset` says that "
                "the id you resumed from is too old: read everything again."
            ),
            "tags": ["events"],
            "security": [{"bearer": []}, {"cookieAuth": []}],
            "parameters": [
                {
                    "in": "header",
                    "name": "Last-Event-ID",
                    "schema": {"type": "string"},
                    "description": "resume after this event",
                }
            ],
            "responses": {
                "200": {"description": "The stream", "content": {"text/event-stream": stream}},
                **refusals,
            },
        }
    }
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
