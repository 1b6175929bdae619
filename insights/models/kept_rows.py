from django.db import models
from django.db.models.functions import Now


class KeptRows(models.Model):
    """What a long statement found as of one mark, for all processes; see `insights/reading.py`."""

    # Of the statement and its parameters, which name whose visits it reads.
    digest = models.CharField(max_length=64)
    mark = models.DateTimeField()
    statement = models.TextField()
    # Both as JSON, see `reading.encoded`.
    parameters = models.TextField()
    rows = models.TextField()
    made_at = models.DateTimeField(db_default=Now())
    # When somebody last wanted it, to about WANTED_STEP.
    wanted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "mark"], name="kept_rows_once")]

    def __str__(self) -> str:
        return f"Rows of {self.digest} as of {self.mark}"
