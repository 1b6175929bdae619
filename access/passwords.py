"""The only check of passwords: every call of Django's `authenticate` passes here."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from access import rights
from access.models.team import is_in_team
from access.throttles import SignInAttempts

# Real ones are no longer; hashing longer ones would only help an attacker.
LONGEST_NAME = 150
LONGEST_PASSWORD = 4096


class ThrottledPasswords(ModelBackend):
    """Django's users and passwords; a request that has failed too often is refused before its password is hashed."""

    def get_user(self, user_id: int) -> User | None:
        """The user of a session, read together with whether they are in any team."""
        user = User.objects.annotate(is_in_team=is_in_team("auth_user.id")).filter(pk=user_id).first()
        if user is None or not self.user_can_authenticate(user):
            return None
        rights.remember_owners(user, has_teams=user.is_in_team)
        return user

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Raises TooOften. Without a request (a shell, a test) nothing is counted."""
        if username is None or password is None:
            return None
        if len(username) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            return None
        if request is None:
            return self._check(None, username, password)
        attempts = SignInAttempts(request, username)
        attempts.begin()
        user = self._check(request, username, password)
        if user is not None:
            attempts.succeed()
        return user

    def _check(self, request: HttpRequest | None, username: str, password: str) -> User | None:
        user = super().authenticate(request, username=username, password=password)
        return user if isinstance(user, User) else None
