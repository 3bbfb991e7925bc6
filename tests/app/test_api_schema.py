"""The OpenAPI description: valid, complete, and true of what the API answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hapanel.accounts.models import ApiToken, User
from hapanel.operations.models import Operation, State
from nodes.models import Cluster
from vms.models import HaResource

METHODS = ("get", "post", "patch", "put", "delete")
ALWAYS = {"401", "403", "404", "429", "500"}
EXAMPLES_EACH = 12
PATHS = {
    "audit/": {"get"},
    "clusters/": {"get", "post"},
    "clusters/{cluster}/": {"get", "patch", "delete"},
    "nodes/": {"get"},
    "nodes/{cluster}/{node}/": {"get"},
    "storages/": {"get"},
    "vms/": {"get"},
    "vms/{cluster}/{vmid}/": {"get"},
    "ha-resources/": {"get", "post"},
    "ha-resources/{cluster}/{sid}/": {"get", "patch", "delete"},
    "ha-rules/": {"get", "post"},
    "ha-rules/{cluster}/{rule}/": {"get", "patch", "delete"},
    "ha-status/{cluster}/": {"get", "patch"},
    "drbd-resources/": {"get"},
    "drbd-resources/{cluster}/{name}/": {"get"},
    "drbd-resources/{cluster}/{name}/actions/": {"post"},
    "drbd-resources/{cluster}/{name}/verify-schedule/": {"get", "put", "delete"},
    "drbd-resources/{cluster}/{name}/configuration/": {"get"},
    "events/": {"get"},
    "forecasts/": {"post"},
    "readiness/{cluster}/": {"get"},
    "capacity/{cluster}/": {"get"},
    "migrations/": {"get", "post"},
    "migrations/{id}/": {"get"},
    "migrations/{id}/cancel/": {"post"},
    "migrations/{id}/resolve/": {"post"},
    "services/": {"get", "post"},
    "services/{id}/": {"get", "patch", "delete"},
    "operations/": {"get"},
    "operations/{id}/": {"get"},
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )
    return made


def operations_of(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_the_schema_is_valid_and_made_without_warnings(schema: dict[str, Any]) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]
    assert schema["openapi"] == "3.1.0"
    assert not GENERATOR_STATS, "drf-spectacular warned; see `manage.py spectacular`"


def test_the_schema_holds_exactly_the_promised_paths(schema: dict[str, Any]) -> None:
    found: dict[str, set[str]] = {}
    for path, method, _operation in operations_of(schema):
        found.setdefault(path.removeprefix("/api/v1/"), set()).add(method)
    assert found == PATHS


def test_each_operation_has_a_name_a_summary_a_door_and_its_problems(
    schema: dict[str, Any],
) -> None:
    names = []
    for path, method, operation in operations_of(schema):
        where = f"{method} {path}"
        names.append(operation["operationId"])
        assert operation.get("summary"), where
        assert {"bearer": []} in operation["security"], where
        wanted = {"401", "403", "503"} if path.endswith("/events/") else ALWAYS
        assert wanted <= set(operation["responses"]), where
        assert "application/problem+json" in operation["responses"]["403"]["content"], where
    assert len(names) == len(set(names))


def test_schema_and_docs_are_open_and_load_nothing_from_outside(client: Client, db: None) -> None:
    assert client.get("/api/v1/schema/").json()["openapi"] == "3.1.0"
    page = client.get("/api/v1/docs/")
    text = page.content.decode()
    assert "http://" not in text
    assert "https://" not in text
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=")
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    script = client.get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")


@pytest.fixture
def one_connection() -> Iterator[None]:
    """A WSGI application closes its connections between requests; here it has the test's own."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def test_the_api_answers_as_its_schema_says(
    ada: User, clusterubd: Cluster, one_connection: None
) -> None:
    """Some generated calls for each operation: none breaks it, every answer is described."""
    HaResource.objects.create(cluster=clusterubd, sid="vm:100", state="started")
    Operation.objects.create(kind="migrate", cluster=clusterubd, vmid=100, state=State.SUCCEEDED)
    secret = ApiToken.issue(ada, "schemathesis")[1]
    described = schemathesis.openapi.from_wsgi("/api/v1/schema/", get_wsgi_application())
    called = set()
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        called.add((operation.path, operation.method))
        if operation.path == "/api/v1/events/":
            continue  # answered by hapanel.asgi, which a WSGI application has not

        @settings(
            max_examples=EXAMPLES_EACH,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            case.call_and_validate(
                headers={"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"},
                checks=[
                    not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ],
            )

        call()
    assert len(called) == sum(len(methods) for methods in PATHS.values())
