"""Addresses of views of which two show insights: one because this module uses the app, the other by itself."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.defaults import page_not_found

from benchmarks.accounting import cpu_seconds
from insights.scope import Scope


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{Scope.__name__} {cpu_seconds.__name__}")


urlpatterns = [
    path("areas/", page),
    path("areas/<str:area>/", page),
    path("missing/", page_not_found),
    path("api/v1/", include([re_path(r"^areas/?\Z", page), re_path(r"^areas\.csv/?\Z", page)])),
]
