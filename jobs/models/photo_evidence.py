from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from jobs.models.image_result import ImageResult

# As many characters as `imaging/exif.py` leaves of a camera's name.
MAX_CAMERA = 100


class PhotoEvidence(models.Model):
    """What the photo of a completed image says about itself, where PHOTO_EVIDENCE asks for it; written once.

    It holds where and by which camera a photo was taken: it is shown to whom the job is shown, and deleted after
    PHOTO_EVIDENCE_DAYS. Nothing is looked up in it but by image and by time: what finds equal photos is a table of its
    own, see `photos/`, so that recording stays cheap.
    """

    image = models.OneToOneField(
        ImageResult, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="photo_evidence"
    )
    # Of the transaction that wrote it.
    recorded_at = models.DateTimeField(db_default=Now())
    # Of the file as downloaded.
    sha256 = models.BinaryField(max_length=32)
    # By the camera's clock: an instant where it says its offset from UTC in minutes, else as if its clock was in UTC.
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_offset = models.SmallIntegerField(null=True, blank=True)
    # Maker and model; empty where the photo does not say.
    camera = models.CharField(max_length=MAX_CAMERA, blank=True, default="")
    # In degrees; both or neither.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    # See `imaging/difference_hash.py`; both or neither.
    row_hash = models.BigIntegerField(null=True, blank=True)
    column_hash = models.BigIntegerField(null=True, blank=True)
    # See `imaging/look.py`; sharpness is null where it cannot be told, the others with the hash.
    brightness = models.FloatField(null=True, blank=True)
    contrast = models.FloatField(null=True, blank=True)
    sharpness = models.FloatField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "photo evidence"
        # Both ascend as rows are written, so that a new one costs its index next to nothing.
        indexes = [models.Index(fields=["recorded_at", "image"], name="photo_evidence_recorded")]

    def __str__(self) -> str:
        return f"Evidence of image {self.image_id}"
