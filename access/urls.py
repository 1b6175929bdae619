"""The paths of the tokens, each with and without its trailing slash: a redirect would lose a POST's body."""

from django.urls import re_path

from access import views

urlpatterns = [
    re_path(r"^token/?\Z", views.Token.as_view(), name="token"),
    re_path(r"^token/refresh/?\Z", views.Refresh.as_view(), name="token-refresh"),
]
