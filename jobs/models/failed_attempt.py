from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from jobs.models.image_result import ImageResult


class FailedAttemptQuerySet(models.QuerySet["FailedAttempt"]):
    def latest_of(self, image_id: int, most: int) -> list[FailedAttempt]:
        """The latest attempts of an image, the oldest of them first: retries and refusals may make thousands."""
        return list(self.filter(image=image_id).order_by("-claim_no")[:most])[::-1]


class FailedAttempt(models.Model):
    """What was seen during one attempt that failed."""

    image = models.ForeignKey(ImageResult, on_delete=models.CASCADE, related_name="failed_attempts")
    # The claim that made the attempt: claim numbers of one image only rise, through retries too.
    claim_no = models.PositiveIntegerField()
    code = models.CharField(max_length=32)
    message = models.CharField(max_length=500)
    http_status = models.PositiveSmallIntegerField(null=True)
    redirects = models.JSONField(default=list)
    # The class of the address that was connected to last, see `imaging/guard.py`; empty where there was none.
    address_class = models.CharField(max_length=32, default="", blank=True)
    # As the server declared it.
    content_type = models.CharField(max_length=100, default="", blank=True)
    bytes = models.PositiveBigIntegerField()
    # False where the host was to blame and not the image, see `imaging/host_limits.py`: it cost no attempt.
    counted = models.BooleanField(default=True, db_default=True)
    elapsed_ms = models.PositiveIntegerField()
    worker_id = models.BigIntegerField()
    failed_at = models.DateTimeField(db_default=Now())

    objects = FailedAttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "claim_no"], name="failed_attempt_once_per_claim"),
        ]

    def __str__(self) -> str:
        return f"{self.code} at claim {self.claim_no} of image {self.image_id}"
