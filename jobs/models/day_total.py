from django.db import models

from jobs.models.image_result import MAX_HOST
from stores.models.store import MAX_LENGTHS


class DayTotal(models.Model):
    """What has become of the deleted images of one day, in sums: history that outlives its rows.

    An image is counted when its row is deleted, by the statement that deletes it. So it is either a row or counted
    here, never both and never neither, whatever crashes; a retry cannot count it twice, because only images of ended
    jobs are deleted, and nobody can retry a job that is being deleted. The totals of a day are those of this table plus
    those of the images that are still there.
    """

    # On which the image ended, in UTC.
    day = models.DateField()
    # The job's owner by number, since the totals outlive the user; null is nobody.
    owner = models.BigIntegerField(null=True, blank=True)
    # The store's area when the image was deleted; empty for a store that is not in the store master.
    area = models.CharField(max_length=MAX_LENGTHS["area_code"], blank=True)
    store = models.CharField(max_length=MAX_LENGTHS["store_id"])
    host = models.CharField(max_length=MAX_HOST, blank=True)
    # The error code of failed images; empty for completed ones.
    code = models.CharField(max_length=32, blank=True)
    images = models.BigIntegerField()
    attempts = models.BigIntegerField()
    bytes = models.BigIntegerField()
    fetch_ms = models.BigIntegerField()
    measure_ms = models.BigIntegerField()
    gpu_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "owner", "area", "store", "host", "code"],
                nulls_distinct=False,
                name="day_total_once_per_group",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.images} images of {self.store} on {self.day}"
