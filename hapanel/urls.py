"""Every address of the panel: each room brings its own list."""

from django.urls import include, path

urlpatterns = [
    path("", include("hapanel.web.urls")),
    path("", include("nodes.urls")),
    path("", include("vms.urls")),
    path("", include("hapanel.helpdesk.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("django_prometheus.urls")),
    path("api/v1/", include("hapanel.api.urls")),
]
