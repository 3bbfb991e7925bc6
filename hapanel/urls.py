"""Every address of the panel: each room brings its own list."""

from django.urls import include, path

from hapanel.api import health, metrics

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("", include("hapanel.web.urls")),
    path("", include("nodes.urls")),
    path("", include("vms.urls")),
    path("", include("hapanel.helpdesk.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include("hapanel.api.urls")),
]

# What people see when something is refused, missing or broken.
handler400 = "hapanel.web.pages.bad_request"
handler403 = "hapanel.web.pages.permission_denied"
handler404 = "hapanel.web.pages.page_not_found"
handler500 = "hapanel.web.pages.server_error"
