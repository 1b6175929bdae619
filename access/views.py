"""Tokens for a username and a password, and new ones for old ones."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access import tokens
from access.authentication import CHALLENGE


class _TokenView(APIView):
    """Requires no credentials but those in the body."""

    http_method_names = ["post"]
    authentication_classes = []
    permission_classes = []

    def get_authenticate_header(self, request: Request) -> str:
        """Without it the framework would answer 403 instead of 401."""
        return CHALLENGE


class Token(_TokenView):
    def post(self, request: Request) -> Response:
        username, password = _read(request, "username", "password")
        user = authenticate(request._request, username=username, password=password)
        if not isinstance(user, User):
            raise AuthenticationFailed("No active user has this name and password.")
        pair = tokens.issue(user)
        return Response({"access": pair.access, "refresh": pair.refresh})


class Refresh(_TokenView):
    def post(self, request: Request) -> Response:
        (refresh,) = _read(request, "refresh")
        try:
            return Response({"access": tokens.renew(refresh)})
        except tokens.InvalidToken:
            raise AuthenticationFailed(
                "The refresh token is not valid, or not any more; get a new one from /api/token/."
            ) from None


def _read(request: Request, *names: str) -> list[str]:
    """The body's strings of these names. Raises ParseError."""
    data: Any = request.data
    if not isinstance(data, dict):
        raise ParseError(f"The body must be a JSON object with {' and '.join(names)}.")
    for name in names:
        if not isinstance(data.get(name), str):
            raise ParseError(f"{name} must be a string.")
    return [data[name] for name in names]
