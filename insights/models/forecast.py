from django.contrib.postgres.fields import ArrayField
from django.db import models

from insights.forecast_ranges import STAGES


class Forecast(models.Model):
    """What was forecast of one job that has ended, at each of STAGES, and how long it took from there.

    The forecast is the naive one: the images left, at the pace of the last minute. Both are in seconds; null where too
    few images had been processed by then, and where somebody paused, canceled or retried the job. It outlives the job.
    """

    job_id = models.BigIntegerField(primary_key=True)
    images = models.PositiveIntegerField()
    ended_at = models.DateTimeField()
    forecast = ArrayField(models.FloatField(null=True), size=len(STAGES))
    rest = ArrayField(models.FloatField(null=True), size=len(STAGES))

    class Meta:
        indexes = [models.Index(fields=["ended_at"], name="forecast_ended")]

    def __str__(self) -> str:
        return f"Forecasts of job {self.job_id}"


class ForecastRange(models.Model):
    """By how much forecasts at one stage of jobs of one size were wrong, and whether ranges made of that were right.

    `low` and `high` are the factors between which a forecast is expected to come true; `judged` past forecasts were
    compared with the range of those before them, and `covered` of these came true within it.
    """

    stage = models.PositiveSmallIntegerField()
    # 0 is small, see `forecast_ranges.SIZES`; or ALL_SIZES.
    size = models.SmallIntegerField()
    jobs = models.PositiveIntegerField()
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    judged = models.PositiveIntegerField()
    covered = models.PositiveIntegerField()

    class Meta:
        ordering = ["stage", "size"]
        constraints = [models.UniqueConstraint(fields=["stage", "size"], name="forecast_range_once")]

    def __str__(self) -> str:
        return f"At {self.stage} %, size {self.size}"
