"""Where every path leads; /livez and /readyz are answered before, by `health.py`."""

from django.contrib import admin
from django.urls import include, path

from dashboard import docs

urlpatterns = [
    path("api/", include("access.urls")),
    path("api/", include("jobs.api.urls")),
    path("api/v1/", include("jobs.api.v1.urls")),
    path("admin/", admin.site.urls),
    path("docs/errors/", docs.errors_page, name="docs-errors"),
    path("docs/problems/", docs.problems_page, name="docs-problems"),
]

handler500 = "retail_pulse.middleware.server_error"
