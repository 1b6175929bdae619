from django.db import models


class Categorising(models.Model):
    """The one row that says how far the stores' categories are after the last change of the rules.

                    rules change                         slice by slice
        finished ────────────────► next_store = 0, 1, …  ───────────────► finished: next_store is null

    Who changes rules locks it until the commit, and so does each slice: no store is left with an older rule's answer.
    """

    # Counts changes of categories and keywords.
    version = models.BigIntegerField(default=1, db_default=1)
    # Null until they are for the first time.
    changed_at = models.DateTimeField(null=True, blank=True)
    # Stores with a smaller key have been looked at since.
    next_store = models.BigIntegerField(null=True, blank=True, default=0, db_default=0)
    # How many those are.
    checked = models.BigIntegerField(default=0, db_default=0)
    # Whether the first keywords were offered: whoever deletes them all does not get them back.
    has_defaults = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="categorising_is_one_row")]

    def __str__(self) -> str:
        return f"Rules {self.version}"

    @property
    def is_finished(self) -> bool:
        return self.next_store is None
