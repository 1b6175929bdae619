"""The user of a request: from an Authorization header, else from the browser's session, else nobody."""

import re

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from access import rights, tokens
from access.models import ApiKey

# RFC 6750, section 3: the answer to a request without valid credentials.
CHALLENGE = 'Bearer realm="Retail Pulse"'

# RFC 6750, section 2.1; the longest of our own is a token of some 300 characters.
_CREDENTIALS = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,2000}=*)", re.IGNORECASE)


class Bearer(BaseAuthentication):
    """An API key or an access token. A request with wrong credentials in the header is refused, never anonymous."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey | None] | None:
        """The user, and the key where one was used. Raises AuthenticationFailed."""
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        credentials = _CREDENTIALS.fullmatch(header)
        if credentials is None:
            raise AuthenticationFailed("The Authorization header must be Bearer, a space, and an API key or a token.")
        if credentials[1].startswith("rp_"):
            return _by_key(credentials[1])
        try:
            return tokens.user_of(credentials[1]), None
        except tokens.InvalidToken:
            raise AuthenticationFailed(
                "The token is not valid, or not any more; get a new one from /api/token/refresh/ or /api/token/."
            ) from None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class Session(SessionAuthentication):
    """Django's session, with its CSRF check for unsafe methods; an expired or forged one belongs to nobody."""


def _by_key(text: str) -> tuple[User, ApiKey]:
    key = ApiKey.objects.find(text)
    if key is None:
        raise AuthenticationFailed("There is no such API key.")
    # Only callers who hold the whole key learn the reason.
    if key.revoked_at is not None:
        raise AuthenticationFailed("This API key has been revoked.")
    if key.has_expired:
        raise AuthenticationFailed("This API key has expired.")
    if not key.user.is_active:
        raise AuthenticationFailed("The user of this API key has been deactivated.")
    rights.remember_owners(key.user, has_teams=key.is_in_team)
    key.note_use()
    return key.user, key
