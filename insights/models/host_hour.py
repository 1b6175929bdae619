from django.contrib.postgres.fields import ArrayField
from django.db import models

from jobs.models.image_result import MAX_HOST

# Buckets of durations of downloads: bucket i holds those from BUCKET_RATIO^i ms on, up to the next; ±12 %.
BUCKETS = 40
BUCKET_RATIO = 1.25


class HostHour(models.Model):
    """What one host answered to one owner's images in one hour: {code: images}, and how long downloads took.

    Each image is counted once, in the hour in which it ended, when a refresh comes to it; nothing takes it back, no
    retry and no deletion. Images that were never tried are left out, see `sums.UNPROCESSED`.
    """

    # Null is nobody's.
    owner_id = models.BigIntegerField(null=True, blank=True)
    host = models.CharField(max_length=MAX_HOST, blank=True)
    # Its beginning.
    hour = models.DateTimeField()
    # By error code; "" counts completed images.
    codes = models.JSONField()
    fetch = ArrayField(models.PositiveIntegerField(), size=BUCKETS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host", "hour", "owner_id"], nulls_distinct=False, name="host_hour_once"),
        ]
        indexes = [models.Index(fields=["hour"], name="host_hour_hour")]

    def __str__(self) -> str:
        return f"{self.host} at {self.hour}"
