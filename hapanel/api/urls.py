"""The addresses of the API. `events/` is answered by hapanel.asgi, before Django."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from hapanel.api.audit import AuditViewSet
from hapanel.api.capacity import CapacityView
from hapanel.api.clusters import ClusterViewSet
from hapanel.api.docs import DocsView, NothingHere
from hapanel.api.forecasts import ForecastView
from hapanel.api.ha_resources import HaResources
from hapanel.api.ha_rules import HaRules
from hapanel.api.ha_status import HaStatusView
from hapanel.api.migrations import MigrationViewSet
from hapanel.api.operations import OperationViewSet
from hapanel.api.readiness import ReadinessView
from hapanel.api.replication_actions import DrbdActionsView
from hapanel.api.services import ServiceViewSet
from hapanel.api.verify_schedules import VerifyScheduleView
from hapanel.rest import paths
from nodes.api import NodeViewSet, StorageViewSet
from vms.api import GuestViewSet
from vms.replication_api import DrbdResourceViewSet
from vms.replication_configuration_api import DrbdConfigurationView

paths.register()

LIST: dict[str, Any] = {"get": "list"}
ONE: dict[str, Any] = {"get": "retrieve"}
CHANGE: dict[str, Any] = {"patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("clusters/", ClusterViewSet.as_view({**LIST, "post": "create"}), name="api-clusters"),
    path(
        "clusters/<name:cluster>/",
        ClusterViewSet.as_view({**ONE, "patch": "partial_update", "delete": "destroy"}),
        name="api-cluster",
    ),
    path("nodes/", NodeViewSet.as_view(LIST), name="api-nodes"),
    path("nodes/<name:cluster>/<name:node>/", NodeViewSet.as_view(ONE), name="api-node"),
    path("storages/", StorageViewSet.as_view(LIST), name="api-storages"),
    path("vms/", GuestViewSet.as_view(LIST), name="api-vms"),
    path("vms/<name:cluster>/<number:vmid>/", GuestViewSet.as_view(ONE), name="api-vm"),
    path(
        "ha-resources/",
        HaResources.as_view({**LIST, "post": "create"}),
        name="api-ha-resources",
    ),
    path(
        "ha-resources/<name:cluster>/<sid:sid>/",
        HaResources.as_view({**ONE, **CHANGE}),
        name="api-ha-resource",
    ),
    path("drbd-resources/", DrbdResourceViewSet.as_view(LIST), name="api-drbd-resources"),
    path(
        "drbd-resources/<name:cluster>/<resource:name>/",
        DrbdResourceViewSet.as_view(ONE),
        name="api-drbd-resource",
    ),
    path(
        "drbd-resources/<name:cluster>/<resource:name>/configuration/",
        DrbdConfigurationView.as_view(),
        name="api-drbd-configuration",
    ),
    path("ha-rules/", HaRules.as_view({**LIST, "post": "create"}), name="api-ha-rules"),
    path(
        "ha-rules/<name:cluster>/<rule:rule>/",
        HaRules.as_view({**ONE, **CHANGE}),
        name="api-ha-rule",
    ),
    path("ha-status/<name:cluster>/", HaStatusView.as_view(), name="api-ha-status"),
    path(
        "drbd-resources/<name:cluster>/<resource:name>/actions/",
        DrbdActionsView.as_view(),
        name="api-drbd-actions",
    ),
    path(
        "drbd-resources/<name:cluster>/<resource:name>/verify-schedule/",
        VerifyScheduleView.as_view(),
        name="api-verify-schedule",
    ),
    path(
        "migrations/",
        MigrationViewSet.as_view({**LIST, "post": "create"}),
        name="api-migrations",
    ),
    path("migrations/<number:id>/", MigrationViewSet.as_view(ONE), name="api-migration"),
    path(
        "migrations/<number:id>/cancel/",
        MigrationViewSet.as_view({"post": "cancel"}),
        name="api-migration-cancel",
    ),
    path(
        "migrations/<number:id>/resolve/",
        MigrationViewSet.as_view({"post": "resolve"}),
        name="api-migration-resolve",
    ),
    path("readiness/<name:cluster>/", ReadinessView.as_view(), name="api-readiness"),
    path("capacity/<name:cluster>/", CapacityView.as_view(), name="api-capacity"),
    path("forecasts/", ForecastView.as_view(), name="api-forecasts"),
    path("operations/", OperationViewSet.as_view(LIST), name="api-operations"),
    path("operations/<number:id>/", OperationViewSet.as_view(ONE), name="api-operation"),
    path("services/", ServiceViewSet.as_view({**LIST, "post": "create"}), name="api-services"),
    path(
        "services/<number:id>/",
        ServiceViewSet.as_view({**ONE, "patch": "partial_update", "delete": "destroy"}),
        name="api-service",
    ),
    path("audit/", AuditViewSet.as_view(LIST), name="api-audit"),
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    # Also what is not there answers in the API's own form.
    re_path(r"^", NothingHere.as_view(), name="api-nothing"),
]
