from django.db import models
from django.db.models import Q


class Progress(models.Model):
    """The one row that says how far the findings are.

    Evidence that was recorded before (`mark`, `mark_image`) has its findings. Those of the images behind `redo_behind`
    up to `redo_until` are being worked out again; both are null where nothing is.
    """

    mark = models.DateTimeField()
    mark_image = models.BigIntegerField(default=0)
    redo_behind = models.BigIntegerField(null=True, blank=True)
    redo_until = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "progress"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="progress_is_one_row")]

    def __str__(self) -> str:
        return f"As of {self.mark}"
