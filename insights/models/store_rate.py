from django.db import models


class RateWindow(models.Model):
    """A period of one audience (`insights/audience.py`) whose stores' rates are in `KeptRate`, as of a refresh."""

    of_all = models.BooleanField()
    owner_id = models.BigIntegerField(null=True, blank=True)
    # Both included, on the clock of the zone.
    since = models.DateField()
    until = models.DateField()
    zone = models.CharField(max_length=64)
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["of_all", "owner_id", "since", "until"], nulls_distinct=False, name="rate_window_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.since} to {self.until} of {'all' if self.of_all else self.owner_id}"


class KeptRate(models.Model):
    """What `store_rates.RATES` says of one store in a window, which is meant by its id and written with it."""

    window_id = models.BigIntegerField()
    store_id = models.TextField()
    images = models.FloatField()
    failed = models.FloatField()
    worth = models.FloatField()
    worth_failed = models.FloatField()
    others = models.FloatField()
    usual = models.FloatField()
    usual_variance = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["window_id", "store_id"], name="kept_rate_once")]

    def __str__(self) -> str:
        return f"{self.store_id} in window {self.window_id}"
