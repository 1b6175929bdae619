from django.db import models
from django.db.models.functions import Now

from webhooks.models.delivery import Delivery
from webhooks.models.endpoint import LONGEST_URL

# Of an answer, and of what went wrong, in characters.
MOST_ANSWER, LONGEST_MESSAGE = 1_000, 500


class Attempt(models.Model):
    """One request and what came back: a line of the delivery log."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    # From 1, and over again after a replay.
    number = models.PositiveIntegerField()
    # As it was then.
    url = models.CharField(max_length=LONGEST_URL)
    sent_at = models.DateTimeField(db_default=Now())
    # `webhook-timestamp`, in seconds since 1970: part of what was signed.
    timestamp = models.BigIntegerField()
    milliseconds = models.PositiveIntegerField()
    # Null where there was no answer.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    # A code of `jobs/errors.py` where the request failed, else empty.
    error_code = models.CharField(max_length=32, blank=True, default="")
    error_message = models.CharField(max_length=LONGEST_MESSAGE, blank=True, default="")
    # The first characters of the body that came back.
    answer = models.CharField(max_length=MOST_ANSWER, blank=True, default="")

    def __str__(self) -> str:
        return f"Attempt {self.number} of delivery {self.delivery_id}"
