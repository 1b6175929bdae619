"""The assignment's paths, each with and without its trailing slash: a redirect would lose a POST's body."""

from django.urls import re_path

from api.assignment import views

urlpatterns = [
    re_path(r"^submit/?\Z", views.Submit.as_view(), name="submit"),
    re_path(r"^status/?\Z", views.Status.as_view(), name="status"),
    re_path(r"^visits/?\Z", views.Visits.as_view(), name="visits"),
]
