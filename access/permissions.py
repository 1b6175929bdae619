"""What an endpoint requires of its caller."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access.models import ApiKey

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, which the settings name

# What proxies add to a request; an open API is meant for callers on the same machine, and a proxy lets others in.
FORWARDED_HEADERS = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
)


class SignedInOrOpen(BasePermission):
    """Callers with credentials, and all others where the API is open.

    Raises NotAuthenticated, so that the answer gives the reason.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if request.user.is_authenticated:
            return True
        if not settings.API_OPEN:
            raise NotAuthenticated("Sign in to use this API, or send an API key or a token as Authorization: Bearer.")
        for name in FORWARDED_HEADERS:
            if name in request.headers:
                raise NotAuthenticated(
                    "This API is open to direct callers only, and the request came through a proxy "
                    f"(it carries {name}); sign in to use it."
                )
        return True


def only(rule: Callable[[User | AnonymousUser], bool], whom: str) -> type[BasePermission]:
    """The permission that `rule`, one of `rights`, decides; `whom` completes "This is for".

    It raises NotAuthenticated or PermissionDenied, even where the API is open.
    """

    class Only(BasePermission):
        def has_permission(self, request: Request, view: "APIView") -> bool:
            if not request.user.is_authenticated:
                raise NotAuthenticated(
                    f"This is for {whom}; sign in, or send an API key or a token as Authorization: Bearer."
                )
            if not rule(request.user):
                raise PermissionDenied(f"This is for {whom}.")
            return True

    return Only


class PeopleOnly(BasePermission):
    """Sessions and tokens, and no API key whatever its scopes: one that leaked must not make others that outlive it.

    Raises NotAuthenticated, even where the API is open, or PermissionDenied.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            raise NotAuthenticated("This is for people: sign in, or send a token of /api/token/.")
        if isinstance(request.auth, ApiKey):
            raise PermissionDenied(
                "An API key neither lists, makes nor revokes API keys: sign in, or send a token of /api/token/."
            )
        return True


class WithinScope(BasePermission):
    """A key allows what its scopes say; sessions and tokens belong to people, who may do everything that is theirs.

    Every view names its `scope`. Raises PermissionDenied.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope = view.scope  # type: ignore[attr-defined]  # a view without one is a mistake, and answers no request
        if isinstance(request.auth, ApiKey) and scope not in request.auth.scopes:
            raise PermissionDenied(f"This API key lacks the scope {scope}, which this request needs.")
        return True
