"""All URL paths; `health.py` answers /livez, /readyz and /startupz before they get here."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView


@csrf_exempt  # like every view of the framework; other methods than GET are refused by it with 405
def api_docs(request: HttpRequest) -> HttpResponseBase:
    from api.v1.swagger import SwaggerUI  # it loads what makes the OpenAPI document

    return SwaggerUI.as_view()(request)


urlpatterns = [
    path("api/", include("access.urls")),
    path("api/", include("api.assignment.urls")),
    path("api/v1/", include("api.v1.urls")),
    # On the admin's own page a password could be guessed without a limit.
    path("admin/password_change/", RedirectView.as_view(url="/account/password/"), name="admin-password"),
    path("admin/", admin.site.urls),
    path("docs/", api_docs, name="api-docs"),
    path("", include("dashboard.urls")),
]

handler500 = "api.middleware.server_error"
