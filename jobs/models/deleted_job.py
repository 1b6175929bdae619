from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class DeletedJob(models.Model):
    """One job that was deleted: what it was, when that was, and who did it. It outlives the job.

    Written in the transaction in which the job disappears for all readers. Its rows go slice by slice after that; once
    the last one has gone, `gone_at` says when. See `jobs/deletion/`.
    """

    class Cause(models.TextChoices):
        REQUEST = "request", "on request"
        COMMAND = "command", "manage.py prune"
        RETENTION = "retention", "RETENTION_DAYS"

    # The job's own id, which no other job will ever have.
    job_id = models.BigIntegerField("job", primary_key=True)
    owner_name = models.CharField("owner", max_length=150, blank=True, default="")
    total = models.PositiveIntegerField("images")
    completed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    submitted_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    cause = models.CharField(max_length=16, choices=Cause)
    # Nobody where a command or RETENTION_DAYS did it; the name stays when the user goes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    user_name = models.CharField("deleted by", max_length=150, blank=True, default="")
    deleted_at = models.DateTimeField(db_default=Now(), editable=False)
    # The id up to which images are gone: the next slice begins behind it, and need not look through what the index
    # keeps of deleted rows for as long as any old snapshot is held.
    last_image = models.BigIntegerField(default=0, db_default=0, editable=False)
    gone_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["deleted_at"], name="deleted_job_at")]

    def __str__(self) -> str:
        return f"Deleted job {self.job_id}"
