from __future__ import annotations

from django.db import models, transaction
from django.db.models import F, Q, Sum, Value
from django.db.models.functions import Coalesce, Now

from jobs.models.image_result import ImageResult
from jobs.models.worker import Worker
from jobs.states import NotKept


class KeptPhoto(models.Model):
    """What is in the storage of the photo of one completed image, or why it is not there.

    Several images may be of one photo, which is stored once.
    """

    image = models.OneToOneField(
        ImageResult, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="kept"
    )
    sha256 = models.BinaryField(max_length=32)
    # In bytes; 0 where it is not kept.
    thumbnail = models.PositiveIntegerField(default=0)
    original = models.PositiveBigIntegerField(default=0)
    why_not = models.CharField(max_length=16, choices=NotKept, default="", blank=True)
    kept_at = models.DateTimeField(db_default=Now())
    # Of one that is not kept: whether a finding says so, see `photos/not_kept.py`.
    is_told = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["sha256"], name="kept_photo_by_content"),
            models.Index(fields=["kept_at"], name="kept_photo_by_age"),
            models.Index(fields=["image"], condition=Q(is_told=False) & ~Q(why_not=""), name="kept_photo_to_tell"),
        ]

    def __str__(self) -> str:
        return f"the photo of image {self.image_id}"


class UnwantedPhoto(models.Model):
    """A photo whose files are to be deleted, unless some other image is of it.

    Not at once: see `jobs/imaging/photo_store.py`.
    """

    sha256 = models.BinaryField(max_length=32, primary_key=True)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["since"], name="unwanted_photo_by_age")]

    def __str__(self) -> str:
        return bytes(self.sha256).hex()


class KeptBytesQuerySet(models.QuerySet["KeptBytes"]):
    def sum(self) -> int:
        """How many bytes are kept."""
        total = Coalesce(Sum("bytes"), Value(0), output_field=models.BigIntegerField())
        # A file that two have stored at once is counted twice, and once when it is deleted.
        return max(0, int(self.aggregate(total=total)["total"]))

    def add(self, worker_id: int, number: int) -> None:
        """Count `number` bytes more, or fewer."""
        if not self.filter(worker=worker_id).update(bytes=F("bytes") + number):
            self.create(worker=worker_id, bytes=number)

    def gather(self) -> None:
        """Add the rows of workers that are no more to that of worker 0."""
        with transaction.atomic():
            living = Worker.objects.values("pk")
            gone = list(self.exclude(worker__in=living).exclude(worker=0).order_by("pk").select_for_update())
            if gone:
                self.filter(pk__in=[row.pk for row in gone]).delete()
                self.add(0, sum(row.bytes for row in gone))


class KeptBytes(models.Model):
    """How many bytes one worker has added to the storage; of worker 0, less what was deleted.

    A row for each, so that no worker waits for another to count.
    """

    worker = models.BigIntegerField(primary_key=True)
    bytes = models.BigIntegerField()

    objects = KeptBytesQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.bytes:,} bytes by worker {self.worker}"
