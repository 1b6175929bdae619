"""What the caller may use, and what they have used of it."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY, limits_of
from access.rate_headers import rate_of
from api.v1.describe import describe
from api.v1.views import V1View
from jobs.pending_limit import pending_of


class RequestLimit(serializers.Serializer[Any]):
    """Requests of one user, or of one address without credentials; all null where there is no limit."""

    limit = serializers.IntegerField(allow_null=True, min_value=1, help_text="A minute.")
    remaining = serializers.IntegerField(allow_null=True, min_value=0, help_text="After this one.")
    seconds = serializers.IntegerField(allow_null=True, min_value=1, help_text="Until the minute is over.")


class PendingLimit(serializers.Serializer[Any]):
    """Unfinished images; all callers without credentials count as one user."""

    limit = serializers.IntegerField(min_value=1)
    used = serializers.IntegerField(min_value=0)


class PriorityLimit(serializers.Serializer[Any]):
    """Priorities of jobs."""

    default = serializers.IntegerField(
        min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY, help_text="Of jobs that name none."
    )
    highest = serializers.IntegerField(
        min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY, help_text="That may be asked for."
    )


class UsedLimits(serializers.Serializer[Any]):
    """What the caller may use, and what they have used of it."""

    requests = RequestLimit()
    pending_images = PendingLimit()
    priority = PriorityLimit()


class Limits(V1View):
    http_method_names = ["get"]

    @describe(summary="Read your limits", responses=UsedLimits)
    def get(self, request: Request) -> Response:
        """This request counts too. Answers that are counted tell the first in `RateLimit` and `RateLimit-Policy`."""
        limits, rate = limits_of(request.user), rate_of(request._request)
        used = pending_of(rights.owner_of(request.user)).images
        return Response(
            {
                "requests": {
                    "limit": limits.requests_per_minute or None,
                    "remaining": rate and rate.left,
                    "seconds": rate and rate.seconds,
                },
                "pending_images": {"limit": limits.pending_images, "used": used},
                "priority": {"default": limits.priority, "highest": rights.highest_priority(request.user)},
            }
        )
