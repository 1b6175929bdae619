from django.db import models
from django.db.models.functions import Now

from webhooks.kinds import EventType

LONGEST_UID = 40
# Of a body, in UTF-8. Standard Webhooks asks for payloads under 20 kB.
MOST_BYTES = 19_999


class Event(models.Model):
    """Something that has happened, as it is told: the same bytes to every endpoint and at every attempt."""

    # `webhook-id`: by this, receivers recognise an event that they have had before.
    uid = models.CharField(max_length=LONGEST_UID, unique=True)
    type = models.CharField(max_length=32, choices=EventType)
    # Whose job it is of; by their numbers, so that a job is deleted without asking this table.
    owner_id = models.BigIntegerField(null=True, blank=True)
    job_id = models.BigIntegerField(null=True, blank=True)
    # Of everybody's jobs together: for those who may read them all.
    of_all = models.BooleanField(default=False, db_default=False)
    # JSON, MOST_BYTES at most.
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="event_created_at"),
            models.Index(fields=["job_id"], condition=models.Q(job_id__isnull=False), name="event_of_job"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.uid}"
