"""The only check of passwords, which every call of Django's `authenticate` passes, and the only change of one's own.

Sessions, tokens and links that set a password hold a keyed hash of the stored password (Django's
`get_session_auth_hash` and PasswordResetTokenGenerator): a stored password that is replaced, even by the same one with
another salt, ends them all at once.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from access.callers import active_user
from access.throttles import SignInAttempts

# Real ones are no longer; hashing longer ones would only help an attacker.
LONGEST_NAME = 150
LONGEST_PASSWORD = 4096


class ThrottledPasswords(ModelBackend):
    """Django's users and passwords; a request that has failed too often is refused before its password is hashed."""

    def get_user(self, user_id: int) -> User | None:
        """The user of a session; None once they were deactivated or deleted."""
        return active_user(user_id)

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


class LongestPassword:
    """A validator of new passwords: none is accepted that `ThrottledPasswords` would refuse unread."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"A password has at most {LONGEST_PASSWORD:,} characters."


def replace(user: User, password: str) -> bool:
    """Store this password of a user who was just read; ends all of their sessions, tokens and links.

    False where the stored password was replaced since, or the user deactivated: then nothing has changed. Of two who
    use one link at once, one succeeds.
    """
    read = user.password
    user.set_password(password)
    # Nothing but the password: whatever else of the user has changed meanwhile stays.
    return User.objects.filter(pk=user.pk, is_active=True, password=read).update(password=user.password) == 1
