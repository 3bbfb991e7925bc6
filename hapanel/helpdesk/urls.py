"""The addresses of the help desk's pages."""

from django.urls import path

from hapanel.helpdesk import views

urlpatterns = [
    path("status/", views.status, name="status"),
    path("services/", views.services, name="services"),
    path("services/add/", views.add_service, name="service-add"),
    path("services/guests/", views.guest_choices, name="service-guests"),
    path("services/<int:pk>/", views.service, name="service"),
    path("services/<int:pk>/edit/", views.edit_service, name="service-edit"),
    path("services/<int:pk>/remove/", views.remove_service, name="service-remove"),
]
