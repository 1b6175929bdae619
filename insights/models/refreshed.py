from django.db import models


class Refreshed(models.Model):
    """The one row that says how far the summaries are: what finished before `mark` is in them."""

    mark = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="refreshed_is_one_row")]

    def __str__(self) -> str:
        return f"As of {self.mark}"
