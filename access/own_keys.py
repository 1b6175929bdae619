"""A person's own API keys: made and revoked by their user, in the browser or with a token.

A key never reaches further than its user: whatever it asks for, the rules of `rights` are asked of the user as well. A
scope that would open nothing is not offered. No key makes keys: one that leaked would leave others behind when it is
revoked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction

from access import rights
from access.models import LONGEST_DAYS, LONGEST_NAME, ApiKey, Scope
from access.people import note

if TYPE_CHECKING:
    from access.models import ApiKeyQuerySet

# Of one user, that are neither revoked nor expired.
MOST_LIVE = 50

# For whom a scope opens something; those that are not here do so for everybody.
_OPENS: dict[Scope, Callable[[User], bool]] = {
    Scope.STORES: lambda user: rights.may_edit_categories(user) or rights.may_import_stores(user)
}


class KeyRefused(Exception):
    """`field` is what is wrong: name, scopes or days; None where it is no part of the wish. The text is a sentence."""

    def __init__(self, field: str | None, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def scopes_for(user: User) -> list[Scope]:
    """What a key of this user may be made for."""
    return [scope for scope in Scope if scope not in _OPENS or _OPENS[scope](user)]


def keys_of(user: User) -> ApiKeyQuerySet:
    return ApiKey.objects.filter(user=user)


def find(user: User, prefix: str) -> ApiKey | None:
    # What else is no prefix, such as a NUL, is no text for the database either.
    return keys_of(user).filter(prefix=prefix).first() if prefix.isalnum() else None


def make(user: User, name: str, scopes: Collection[str], days: int | None) -> tuple[ApiKey, str]:
    """A new key, and its text, which is kept nowhere. `days` until it ends; None: it never does. Raises KeyRefused."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise KeyRefused("name", f"A key's name has 1 to {LONGEST_NAME} printable characters.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise KeyRefused("days", f"A key lives for 1 to {LONGEST_DAYS:,} days.")
    allowed = scopes_for(user)
    if not scopes or set(scopes) - set(allowed):
        raise KeyRefused("scopes", f"Your keys have one or more of the scopes {', '.join(allowed)}.")
    with transaction.atomic():
        # One at a time, so that two at once cannot pass the limit together.
        if not User.objects.select_for_update().filter(pk=user.pk, is_active=True).exists():
            raise KeyRefused(None, "This user was deactivated.")
        if keys_of(user).live().count() >= MOST_LIVE:
            raise KeyRefused(None, f"You have {MOST_LIVE} keys that are neither revoked nor expired: revoke one first.")
        key, text = ApiKey.objects.create_for(user, name, [Scope(scope) for scope in set(scopes)], days)
        note(user, user, f"Made their API key {key}.")
    return key, text


def revoke(user: User, prefix: str) -> ApiKey | None:
    """Their key with this prefix, which opens nothing from now on; None where they have none."""
    key = find(user, prefix)
    if key is not None and ApiKey.objects.filter(pk=key.pk).revoke():
        note(user, user, f"Revoked their API key {key}.")
    return key
