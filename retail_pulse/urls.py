"""Where every path leads; /livez and /readyz are answered before, by `health.py`."""

from django.contrib import admin
from django.urls import include, path

from jobs.api.v1.swagger import SwaggerUI

urlpatterns = [
    path("api/", include("access.urls")),
    path("api/", include("jobs.api.urls")),
    path("api/v1/", include("jobs.api.v1.urls")),
    path("admin/", admin.site.urls),
    path("docs/", SwaggerUI.as_view(), name="api-docs"),
    path("", include("dashboard.urls")),
]

handler500 = "retail_pulse.middleware.server_error"
