"""Addresses of the nodes' pages."""

from django.urls import path

from nodes import views

urlpatterns = [
    path("clusters/<str:cluster>/nodes/", views.node_list, name="nodes"),
    path("clusters/<str:cluster>/nodes/<str:node>/", views.node_summary, name="node"),
    path("clusters/<str:cluster>/nodes/<str:node>/guests/", views.node_guests, name="node-guests"),
    path(
        "clusters/<str:cluster>/nodes/<str:node>/storage/", views.node_storage, name="node-storage"
    ),
    path(
        "clusters/<str:cluster>/nodes/<str:node>/replication/",
        views.node_replication,
        name="node-replication",
    ),
    path("clusters/<str:cluster>/nodes/<str:node>/tasks/", views.node_tasks, name="node-tasks"),
]
