"""The clients' own ids of visits and images, in tables of their own: the rows of those without any stay as they are.

That of a job is a column of `Job`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import models
from django.db.models import Q

from jobs.models.image_result import ImageResult
from jobs.models.job import MAX_REFERENCE, Job
from jobs.models.visit import Visit


class _OfOwner(models.Model):
    # The job's: no two visits, and no two images, of an owner have the same reference. Without a constraint, which
    # would read a user for each row; a user who has jobs is not deleted.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    client_reference = models.CharField(max_length=MAX_REFERENCE, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.client_reference


class VisitReference(_OfOwner):
    """The client's own id of a visit."""

    visit = models.OneToOneField(
        Visit, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="reference"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["client_reference", "owner"], nulls_distinct=False, name="visit_reference_once_per_owner"
            ),
        ]


class ImageDetails(_OfOwner):
    """What a client says of an image: its own id of it, empty without one, and texts by name, null without any."""

    image = models.OneToOneField(
        ImageResult, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="details"
    )
    metadata = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "image details"
        constraints = [
            models.UniqueConstraint(
                fields=["client_reference", "owner"],
                condition=~Q(client_reference=""),
                nulls_distinct=False,
                name="image_reference_once_per_owner",
            ),
        ]


def jobs_with(reference: str) -> list[int]:
    """The ids of the jobs with this reference, of all owners: each has one at most.

    Here and below as values, and without an order: for a page in the order of ids, the planner likes to read all rows
    until it has found enough.
    """
    return list(Job.objects.filter(client_reference=reference).order_by().values_list("pk", flat=True))


def visits_with(reference: str) -> list[int]:
    """The ids of the visits with this reference, of all owners, those of deleted jobs included."""
    return list(VisitReference.objects.filter(client_reference=reference).values_list("pk", flat=True))


def images_with(reference: str) -> list[int]:
    """The ids of the images with this reference, as above."""
    found = ImageDetails.objects.filter(client_reference=reference).exclude(client_reference="")
    return list(found.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class Referred:
    """The ids of what has a reference, of all owners."""

    jobs: list[int]
    visits: list[int]
    images: list[int]


def referred(reference: str) -> Referred:
    """All three kinds in one statement."""
    found: dict[str, list[int]] = {"job": [], "visit": [], "image": []}
    jobs = Job.objects.filter(client_reference=reference).exclude(client_reference="").order_by()
    visits = VisitReference.objects.filter(client_reference=reference)
    images = ImageDetails.objects.filter(client_reference=reference).exclude(client_reference="")
    kinds = [
        rows.annotate(kind=models.Value(kind)).values_list("kind", "pk")
        for kind, rows in (("job", jobs), ("visit", visits), ("image", images))
    ]
    for kind, pk in kinds[0].union(*kinds[1:], all=True):
        found[kind].append(pk)
    return Referred(found["job"], found["visit"], found["image"])
