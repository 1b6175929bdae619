from __future__ import annotations

from django.db import models
from django.db.models import Q

from photos.models.owned import Owned, OwnedQuerySet


class FingerprintQuerySet(OwnedQuerySet["Fingerprint"]):
    pass


class Fingerprint(Owned):
    """By what an equal photo is found: one row an image, filled in batches from the evidence, and deleted with it.

    The halves of both hashes have indexes of their own, of random keys: so nothing of this is written by recorders. The
    halves are null where the photo was not looked at, or has too little contrast to be told from others.
    """

    image_id = models.BigIntegerField(primary_key=True)
    # Of the visit, by the store's clock where it is known, else in INSIGHTS_TIME_ZONE; null without a time.
    day = models.DateField(null=True, blank=True)
    sha256 = models.BinaryField(max_length=32)
    row_high = models.IntegerField(null=True, blank=True)
    row_low = models.IntegerField(null=True, blank=True)
    column_high = models.IntegerField(null=True, blank=True)
    column_low = models.IntegerField(null=True, blank=True)

    objects = FingerprintQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["sha256"], name="fingerprint_sha256"),
            models.Index(fields=["owner_id", "image_id"], name="fingerprint_of_owner"),
            *(
                models.Index(fields=[half], condition=Q((f"{half}__isnull", False)), name=f"fingerprint_{half}")
                for half in ("row_high", "row_low", "column_high", "column_low")
            ),
        ]

    def __str__(self) -> str:
        return f"Fingerprint of image {self.image_id}"
