"""The user of a request, read in one statement together with what every request asks of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from access import rights
from access.limits import WITH_LIMITS
from access.models.team import is_in_team


def active_user(user_id: Any) -> User | None:
    """The user with this number, with their limits and whether they are in any team; None where nobody may sign in.

    One query. That of an API key is read with the key, see `ApiKeyQuerySet.find`.
    """
    users = User.objects.select_related(WITH_LIMITS).annotate(is_in_team=is_in_team("auth_user.id"))
    user = users.filter(pk=user_id, is_active=True).first()
    if user is not None:
        rights.remember_owners(user, has_teams=user.is_in_team)
    return user
