"""Who may use the API: people who have signed in, and everybody where the API is open."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, which the settings name

# What proxies add to a request; an open API is meant for callers on its own machine, and a proxy lets others in.
FORWARDED_HEADERS = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
)


class Session(SessionAuthentication):
    """Django's session, with its CSRF check for unsafe methods; an expired or forged one is nobody's."""

    def authenticate_header(self, request: Request) -> str:
        """The challenge that makes missing credentials 401 instead of 403."""
        return "Session"


class SignedInOrOpen(BasePermission):
    """Raises NotAuthenticated, so that the answer says why."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.user.is_authenticated:
            return True
        if not settings.API_OPEN:
            raise NotAuthenticated("Sign in to use this API.")
        for name in FORWARDED_HEADERS:
            if name in request.headers:
                raise NotAuthenticated(
                    "This API is open to direct callers only, and the request came through a proxy "
                    f"(it carries {name}); sign in to use it."
                )
        return True
