from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job


class JobAction(models.Model):
    """What somebody did to a job after its submission: the job's history, written with the action itself."""

    class Verb(models.TextChoices):
        CANCEL = "cancel"
        PAUSE = "pause"
        RESUME = "resume"
        PRIORITIZE = "prioritize"
        RETRY = "retry"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="actions")
    verb = models.CharField(max_length=16, choices=Verb)
    # Nobody where the API is open; the name stays when the user goes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    user_name = models.CharField(max_length=150, blank=True, default="")
    # How many images the action moved, and its parameters: filters of a retry, the new priority.
    images = models.PositiveIntegerField(default=0)
    parameters = models.JSONField(default=dict, blank=True)
    done_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        # For those who go over what was retried since some time.
        indexes = [models.Index(fields=["done_at"], condition=models.Q(verb="retry"), name="job_action_retried_at")]

    def __str__(self) -> str:
        return f"{self.verb} of job {self.job_id}"
