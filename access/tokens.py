"""Signed tokens for people, by djangorestframework-simplejwt, which only this module uses.

It is imported where it is used, because it imports Django's test framework.

An access token opens the API for JWT_ACCESS_SECONDS, a refresh token gets further access tokens for
JWT_REFRESH_SECONDS. Nothing is stored: a token ends when it expires, when its user is deactivated or deleted, and
when the password changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from rest_framework_simplejwt.exceptions import TokenError

from access.callers import active_user

if TYPE_CHECKING:
    from rest_framework_simplejwt.tokens import Token

# The token's user, and a keyed hash of their password by Django, as in its sessions.
USER_CLAIM = "user_id"
PASSWORD_CLAIM = "password_hmac"  # noqa: S105 - the claim's name


class InvalidToken(Exception):
    """Malformed, not signed by this service, expired, of the other kind, or its user may not sign in any more."""


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str


def issue(user: User) -> Tokens:
    """A pair of tokens for a user whose password has just been checked."""
    from rest_framework_simplejwt.tokens import RefreshToken

    refresh = RefreshToken()
    refresh[USER_CLAIM] = str(user.pk)
    refresh[PASSWORD_CLAIM] = user.get_session_auth_hash()
    return Tokens(access=str(refresh.access_token), refresh=str(refresh))


def renew(refresh: str) -> str:
    """A new access token. Raises InvalidToken."""
    from rest_framework_simplejwt.tokens import RefreshToken

    token = _read(RefreshToken, refresh)
    _user(token)
    return str(token.access_token)


def user_of(access: str) -> User:
    """The user of an access token. One query. Raises InvalidToken."""
    from rest_framework_simplejwt.tokens import AccessToken

    return _user(_read(AccessToken, access))


def _read[Kind: Token](kind: type[Kind], text: str) -> Kind:
    try:
        return kind(text)  # type: ignore[arg-type]  # takes text, although its annotation says Token
    except (TokenError, RecursionError) as error:
        # RecursionError: the header is parsed before the signature is checked, however deep its lists go.
        raise InvalidToken from error


def _user(token: Token) -> User:
    user = active_user(token[USER_CLAIM])
    # A database that was restored, or a key shared with another one, may bring another user's number.
    if user is None or not compare_digest(token[PASSWORD_CLAIM], user.get_session_auth_hash()):
        raise InvalidToken
    return user
