from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class IdempotencyKey(models.Model):
    """A client's own name for a submission, remembered for 24 hours.

    Of concurrent duplicates the unique constraint lets one in. Nulls are not distinct in it: a plain one would
    take two anonymous duplicates for different submissions.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "key"], nulls_distinct=False, name="idempotency_key_once_per_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.key
