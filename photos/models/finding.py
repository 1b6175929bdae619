from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models.expressions import RawSQL

from photos.models.owned import Owned, OwnedQuerySet

MAX_CODE = 32
_OF_EACH = """
    ARRAY(SELECT found.id FROM unnest(%s::bigint[]) AS image (id) CROSS JOIN LATERAL ({of_image}) AS found (id))
"""


class FindingQuerySet(OwnedQuerySet["Finding"]):
    def of_image(self, image_id: Any) -> FindingQuerySet:
        """What was found about a photo, by code."""
        # Written so that only the index of image and code gives this order: those of codes hold no fewer pages, and the
        # planner reads all of one for each image, where it knows of no findings.
        return self.filter(image_id__gte=image_id, image_id__lte=image_id).order_by("image_id", "code")

    def of_images(self, image_ids: Sequence[int]) -> FindingQuerySet:
        """What was found about these photos; likewise, photo after photo."""
        of_image = Finding.objects.of_image(RawSQL("image.id", ())).values_list("pk")
        sql, parameters = of_image.query.sql_with_params()
        ids = _OF_EACH.format(of_image=sql)
        return self.filter(pk__any=RawSQL(ids, (list(image_ids), *parameters)))  # noqa: S611 - the ORM's own statement

    def of_visit(self, visit_id: Any) -> FindingQuerySet:
        """What was found about a visit's photos, by code; likewise."""
        return self.filter(visit_id__gte=visit_id, visit_id__lte=visit_id).order_by("visit_id", "code")


class Finding(Owned):
    """Something that was found about a photo, see `photos/kinds.py`; it can be worked out again at any time."""

    image_id = models.BigIntegerField()
    code = models.CharField(max_length=MAX_CODE)
    # What found it: "rules", or the name of a model; and its version.
    model = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    details = models.JSONField(default=dict)
    # The first photo that this one is equal to.
    other_image_id = models.BigIntegerField(null=True, blank=True)
    # Of the visit, see `Fingerprint`.
    day = models.DateField(null=True, blank=True)
    found_at = models.DateTimeField()

    objects = FindingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image_id", "code"], name="finding_once")]
        indexes = [
            models.Index(fields=["code", "id"], name="finding_of_code"),
            models.Index(fields=["owner_id", "code", "id"], name="finding_of_owner"),
            models.Index(fields=["job_id", "code", "image_id"], name="finding_of_job"),
            models.Index(fields=["code", "day"], name="finding_of_code_by_day"),
            models.Index(fields=["code", "visit_id"], name="finding_visits_of_code"),
            models.Index(fields=["visit_id", "code"], name="finding_of_visit"),
            models.Index(fields=["store_id", "id"], name="finding_of_store"),
        ]

    def __str__(self) -> str:
        return f"{self.code} of image {self.image_id}"
