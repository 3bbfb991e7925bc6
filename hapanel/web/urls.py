"""Addresses of this room's pages."""

from django.urls import path
from django.views.generic import RedirectView

from hapanel.web import (
    account,
    capacity,
    cluster_settings,
    finding,
    forecast,
    history,
    lab,
    overview,
    pages,
    people,
    readiness,
    ssh_settings,
)

urlpatterns = [
    path("", overview.home, name="home"),
    path("clusters/", overview.clusters, name="clusters"),
    path("clusters/<str:cluster>/", overview.cluster_overview, name="cluster"),
    path("clusters/<str:cluster>/forecast/", forecast.forecast_page, name="forecast"),
    path("clusters/<str:cluster>/readiness/", readiness.readiness_page, name="readiness"),
    path("clusters/<str:cluster>/capacity/", capacity.capacity_page, name="capacity"),
    path("search/", finding.search, name="search"),
    path("tree/", finding.tree_part, name="tree"),
    path("tasks/", history.tasks_part, name="tasks"),
    path("lab/", lab.lab, name="lab"),
    path("lab/power/<str:node>/", lab.cut_power, name="lab-power"),
    path("operations/", history.operations, name="operations"),
    path("operations/<int:operation_id>/", history.operation, name="operation"),
    path("audit/", history.audit, name="audit"),
    path("settings/", RedirectView.as_view(pattern_name="cluster-settings"), name="settings"),
    path("settings/clusters/", cluster_settings.cluster_list, name="cluster-settings"),
    path("settings/clusters/add/", cluster_settings.add_cluster, name="add-cluster"),
    path(
        "settings/clusters/<str:cluster>/", cluster_settings.cluster_detail, name="cluster-setting"
    ),
    path(
        "settings/clusters/<str:cluster>/change/",
        cluster_settings.change_cluster,
        name="change-cluster",
    ),
    path("settings/clusters/<str:cluster>/ssh/key/", ssh_settings.make_key, name="make-ssh-key"),
    path("settings/clusters/<str:cluster>/ssh/", ssh_settings.change_ssh, name="change-ssh"),
    path(
        "settings/clusters/<str:cluster>/remove/",
        cluster_settings.forget_cluster,
        name="remove-cluster",
    ),
    path("settings/people/", people.people, name="people"),
    path("settings/people/new/", people.new_person, name="new-person"),
    path("settings/people/<int:user_id>/", people.change_person, name="change-person"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.create_token, name="create-token"),
    path("account/tokens/<int:token_id>/revoke/", account.withdraw_token, name="revoke-token"),
    path("account/password/", account.own_password, name="own-password"),
    path("preferences/", account.preferences, name="preferences"),
    path("sign-in/", account.sign_in, name="sign-in"),
    path("sign-out/", account.sign_out, name="sign-out"),
    path("patterns/", pages.patterns, name="patterns"),
]
