"""API keys: how machines authenticate.

A key reads `rp_<prefix>_<secret>`. The prefix finds the row, the secret proves that the caller holds the key.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.functions import Now

from access.limits import WITH_LIMITS
from access.models.team import is_in_team

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PREFIX_BYTES = 6
SECRET_BYTES = 32
LONGEST_NAME = 100
LONGEST_DAYS = 3_650
# The last use of a key in steady use is stored once in this time, not with every request.
SECONDS_BETWEEN_USES = 60

_KEY = re.compile(rf"rp_([0-9a-f]{{{2 * PREFIX_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


class Scope(models.TextChoices):
    """What a key may be used for."""

    SUBMIT = "submit"
    READ = "read"
    # Actions on jobs (cancel, pause, resume, prioritize, retry) and on paused hosts.
    MANAGE = "manage"
    # Imports stores, where its user may.
    STORES = "stores"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def create_for(self, user: User, name: str, scopes: Iterable[Scope], days: int | None = None) -> tuple[ApiKey, str]:
        """A new key of `user`, which expires after `days` if given, and its text, which is kept nowhere else."""
        prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_hex(SECRET_BYTES)
        key = self.create(
            name=name,
            user=user,
            prefix=prefix,
            secret_sha256=_hash(secret),
            scopes=sorted(scope.value for scope in scopes),
            expires_at=None if days is None else Now() + timedelta(days=days),
        )
        return key, f"rp_{prefix}_{secret}"

    def find(self, text: str) -> ApiKey | None:
        """The key with this text, even if expired or revoked; None where no key has it. One query at most.

        The database's clock decides whether it has expired, and whether its use has to be stored.
        """
        match = _KEY.fullmatch(text)
        if match is None:
            return None
        old = Now() - timedelta(seconds=SECONDS_BETWEEN_USES)
        flags = {
            "has_expired": _is(Q(expires_at__lte=Now())),
            "last_use_is_old": _is(Q(last_used_at=None) | Q(last_used_at__lt=old)),
            "is_in_team": is_in_team("access_apikey.user_id"),
        }
        key = self.select_related("user", f"user__{WITH_LIMITS}").annotate(**flags).filter(prefix=match[1]).first()
        return key if key is not None and compare_digest(key.secret_sha256, _hash(match[2])) else None

    def live(self) -> ApiKeyQuerySet:
        """Those that open something: neither revoked nor expired, by the database's clock."""
        return self.exclude(revoked_at__isnull=False).exclude(expires_at__lte=Now())

    def revoke(self) -> int:
        """How many keys this revoked; the others had been revoked before."""
        return self.filter(revoked_at=None).update(revoked_at=Now())


class ApiKey(models.Model):
    """A credential of `user`, whose jobs it submits and reads, within its scopes."""

    name = models.CharField(max_length=LONGEST_NAME)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    prefix = models.CharField(max_length=2 * PREFIX_BYTES, unique=True)
    # Unsalted and fast, which would be wrong for a password: 256 random bits cannot be guessed.
    secret_sha256 = models.CharField(max_length=64)
    scopes = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    # Set on keys from `find`.
    has_expired: bool
    last_use_is_old: bool
    is_in_team: bool

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (rp_{self.prefix}_…)"

    def note_use(self) -> None:
        """Store that the key was used, at most once in SECONDS_BETWEEN_USES."""
        if self.last_use_is_old:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=Now())


def _is(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
