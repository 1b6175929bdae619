from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job

HOURS = 24
# Each submission with a key deletes so many expired ones at most: more than it adds, so that the table stays as large
# as a day's keys, and too few to be noticed.
MOST_PRUNED = 100


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def expired(self) -> IdempotencyKeyQuerySet:
        return self.filter(created_at__lt=Now() - timedelta(hours=HOURS))

    def unexpired(self) -> IdempotencyKeyQuerySet:
        return self.filter(created_at__gte=Now() - timedelta(hours=HOURS))

    def prune(self) -> None:
        """Delete the oldest expired keys, MOST_PRUNED at most; those that somebody else is deleting are passed over.

        Within a transaction.
        """
        oldest = self.expired().order_by("created_at").select_for_update(skip_locked=True)
        if old := list(oldest.values_list("pk", flat=True)[:MOST_PRUNED]):
            self.filter(pk__in=old).delete()


class IdempotencyKey(models.Model):
    """A client's own name for a submission, remembered for HOURS.

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

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_created_at")]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "key"], nulls_distinct=False, name="idempotency_key_once_per_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.key
