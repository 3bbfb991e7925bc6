"""Addresses of the guests' pages."""

from django.urls import path

from vms import (
    ha_views,
    migration_views,
    replication_acts,
    replication_views,
    snapshot_views,
    split_brain_views,
    verify_views,
    views,
)

GUEST = "clusters/<str:cluster>/guests/<int:vmid>/"

urlpatterns = [
    path(
        "clusters/<str:cluster>/replication/",
        replication_views.replication_page,
        name="replication",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/",
        replication_views.replication_page,
        name="replication-resource",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/split-brain/",
        split_brain_views.split_brain,
        name="split-brain",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/verify-schedule/",
        verify_views.verify_schedule,
        name="verify-schedule",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/verify-schedule/remove/",
        verify_views.remove_verify_schedule,
        name="remove-verify-schedule",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/<str:node>/<str:action>/",
        replication_acts.act,
        name="replication-act",
    ),
    path(
        "clusters/<str:cluster>/replication/<str:resource>/<str:node>/snapshots/<str:group>/<str:name>/remove/",
        snapshot_views.remove_snapshot,
        name="remove-snapshot",
    ),
    path(
        "operations/<int:operation_id>/cancel-replication/",
        replication_acts.cancel,
        name="cancel-drbd-operation",
    ),
    path("clusters/<str:cluster>/guests/", views.guest_list, name="guests"),
    path(GUEST, views.guest_summary, name="guest"),
    path(f"{GUEST}ha/", views.guest_ha, name="guest-ha"),
    path(f"{GUEST}history/", views.guest_history, name="guest-history"),
    path(f"{GUEST}migrate/", migration_views.migrate, name="migrate"),
    path("clusters/<str:cluster>/migrations/", migration_views.migrations, name="migrations"),
    path(
        "operations/<int:operation_id>/cancel/",
        migration_views.cancel_migration,
        name="cancel-operation",
    ),
    path(
        "operations/<int:operation_id>/settle/",
        migration_views.settle_migration,
        name="settle-operation",
    ),
    path("clusters/<str:cluster>/ha/", views.ha, name="ha"),
    path("clusters/<str:cluster>/ha/add/", ha_views.add_resource, name="ha-add"),
    path("clusters/<str:cluster>/ha/arming/", ha_views.arming, name="ha-arming"),
    path(
        "clusters/<str:cluster>/ha/resources/<str:sid>/",
        ha_views.change_resource,
        name="ha-resource",
    ),
    path(
        "clusters/<str:cluster>/ha/resources/<str:sid>/remove/",
        ha_views.remove_resource,
        name="ha-remove",
    ),
    path("clusters/<str:cluster>/ha/rules/", ha_views.add_rule, name="ha-rule-add"),
    path("clusters/<str:cluster>/ha/rules/<str:rule>/", ha_views.change_rule, name="ha-rule"),
    path(
        "clusters/<str:cluster>/ha/rules/<str:rule>/remove/",
        ha_views.remove_rule,
        name="ha-rule-remove",
    ),
]
