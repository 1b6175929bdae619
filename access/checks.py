"""A check that two settings of access agree; run by every management command."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.compatibility)
def refresh_tokens_outlive_access_tokens(**_: Any) -> list[CheckMessage]:
    if settings.JWT_ACCESS_SECONDS <= settings.JWT_REFRESH_SECONDS:
        return []
    return [
        Error(
            f"JWT_ACCESS_SECONDS ({settings.JWT_ACCESS_SECONDS:,}) is above "
            f"JWT_REFRESH_SECONDS ({settings.JWT_REFRESH_SECONDS:,}), so that refreshing would gain nothing.",
            hint="Raise JWT_REFRESH_SECONDS or lower JWT_ACCESS_SECONDS.",
            id="access.E001",
        )
    ]
