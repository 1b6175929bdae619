from django.db import models
from django.db.models.functions import Now


class PausedHost(models.Model):
    """A photo host that gets no request for a while, as all processes of this database agree.

    The row begins with the refusals of several different images and goes with the first answer. See
    `imaging/host_limits.py` for when, and `queue/hosts.py` for how the processes share it.
    """

    # As "photos.example:443".
    name = models.CharField(max_length=262, unique=True, db_collation="C")
    # Of the last refusal.
    code = models.CharField(max_length=32)
    message = models.CharField(max_length=500)
    # When the host refused for the first time since its last answer.
    since = models.DateTimeField()
    until = models.DateTimeField()
    # How many pauses in a row, this one included.
    number = models.PositiveIntegerField(default=1)
    # The worker that is trying whether the host has recovered; plain, like `ImageResult.claimed_by`.
    probed_by = models.BigIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
