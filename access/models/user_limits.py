"""What one user may use of the service, where that is not what the settings say."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY

# As high as the settings go.
MOST_REQUESTS, MOST_PENDING = 1_000_000, 2**31 - 1
_AS_SET = "Empty: what the service's setting says."


class UserLimits(models.Model):
    """One user's limits, each of them null where the service's own holds, see `access/limits.py`."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="limits"
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_REQUESTS)],
        help_text=f"Of the API; 0 is no limit. {_AS_SET}",
    )
    pending_images = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PENDING)],
        help_text=f"Unfinished images at once. {_AS_SET}",
    )
    priority = models.SmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(LOWEST_PRIORITY), MaxValueValidator(HIGHEST_PRIORITY)],
        help_text="Of jobs that name none, and the highest that may be asked for without the permission to "
        "prioritize jobs, -9 to 9. Empty: 0.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "user limits"

    def __str__(self) -> str:
        return f"Limits of {self.user}"
