"""What a user may use of the service: their own limits where an administrator has set any, else those of the settings.

A request's user comes with their limits, which are read in the same statement, see `WITH_LIMITS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from access.models.user_limits import UserLimits

# For `select_related` where users are looked up.
WITH_LIMITS = "limits"
# Of jobs, their images and the rules of categories; what a step is worth is in `jobs/queue/rank.py`.
LOWEST_PRIORITY, HIGHEST_PRIORITY = -9, 9
# Of a new job. Whatever would let a job pass those of others needs a permission.
DEFAULT_PRIORITY = 0


class Limits(NamedTuple):
    """`requests_per_minute` of the API, 0 for no limit; `pending_images` at once; `priority` of jobs that name none."""

    requests_per_minute: int
    pending_images: int
    priority: int


def limits_of(caller: User | AnonymousUser | None) -> Limits:
    """Those of the settings for callers without credentials."""
    # A missing row is an AttributeError, too.
    own: UserLimits | None = getattr(caller, "limits", None)
    requests, pending, priority = (
        (None, None, None) if own is None else (own.requests_per_minute, own.pending_images, own.priority)
    )
    return Limits(
        settings.API_RATE_PER_MINUTE if requests is None else requests,
        settings.MAX_PENDING_IMAGES if pending is None else pending,
        DEFAULT_PRIORITY if priority is None else priority,
    )
