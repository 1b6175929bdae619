"""Where every path leads; /livez and /readyz are answered before, by `health.py`."""

from django.contrib import admin
from django.urls import include, path

from api.v1.swagger import SwaggerUI

urlpatterns = [
    path("api/", include("access.urls")),
    path("api/", include("api.assignment.urls")),
    path("api/v1/", include("api.v1.urls")),
    path("admin/", admin.site.urls),
    path("docs/", SwaggerUI.as_view(), name="api-docs"),
    path("", include("dashboard.urls")),
]

handler500 = "api.middleware.server_error"
