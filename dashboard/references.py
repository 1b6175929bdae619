"""Where a client's own id leads to: the job, visit or image that has it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from jobs.models import ImageResult, Job, Visit
from jobs.models.client_reference import referred
from jobs.models.job import MAX_REFERENCE

# Several owners may have the same, each one job, one visit and one image.
MOST_PLACES = 20


@dataclass(frozen=True, slots=True)
class Place:
    """What has a reference, such as `Visit 7`, and its page; without `part`, all of the job."""

    job_id: int
    part: str = ""
    address: str = ""

    @property
    def name(self) -> str:
        return self.part or f"Job {self.job_id}"


def places_of(reference: str, user: User | AnonymousUser) -> list[Place]:
    """Of what `user` may see, the first MOST_PLACES; a statement, and one for each kind that is found."""
    if not 1 <= len(reference) <= MAX_REFERENCE:
        return []
    has_it = referred(reference)
    seen = Job.objects.visible_to(user)
    jobs = seen.filter(pk__in=has_it.jobs).order_by("pk").values_list("pk", flat=True)
    found = [Place(job_id, "", reverse("dashboard:job", args=[job_id])) for job_id in jobs[:MOST_PLACES]]
    visits = Visit.objects.filter(pk__in=has_it.visits).readable_by(user).order_by("pk")
    for job_id, pk in visits.values_list("job", "pk")[:MOST_PLACES]:
        found.append(Place(job_id, f"Visit {pk}", reverse("dashboard:visit_photos", args=[pk])))
    images = ImageResult.objects.filter(pk__in=has_it.images, job__in=seen).order_by("pk")
    for job_id, pk in images.values_list("job", "pk")[:MOST_PLACES]:
        found.append(Place(job_id, f"Image {pk}", reverse("dashboard:image", args=[job_id, pk])))
    return list(islice(found, MOST_PLACES))
