"""How many unfinished images one user may have, however they came to be unfinished: MAX_PENDING_IMAGES, or their own.

A submission adds images, and so does a retry. Pausing and resuming change nothing: held images are unfinished too.
"""

from __future__ import annotations

from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, F, Sum

from access.limits import limits_of
from jobs.models import Job


class TooManyPending(Exception):
    """The owner has as many images in the queue as allowed; the text is for the client."""


class Pending(NamedTuple):
    """What an owner has in the queue: unfinished images, in so many jobs."""

    images: int
    jobs: int


def pending_of(owner: User | None) -> Pending:
    """One statement. All jobs without an owner are one user's."""
    unfinished = F("total") - F("completed") - F("failed")
    jobs = Job.objects.ongoing().filter(owner=owner)
    found = jobs.aggregate(images=Sum(unfinished), jobs=Count("pk"))
    return Pending(found["images"] or 0, found["jobs"])


def too_many_pending(
    owner: User | None, more: int, adding: str = "this job has", pending: Pending | None = None
) -> TooManyPending | None:
    """The refusal if `more` images of this owner would exceed the limit together with the unfinished ones; else None.

    `adding` says, before their number, what brings them; `pending` is what has been read of the owner. Checked before
    storing, without a lock: concurrent requests may together exceed the limit by their images.
    """
    images, most = (pending or pending_of(owner)).images, limits_of(owner).pending_images
    if not more or images + more <= most:
        return None
    whose = "your images" if adding == "this job has" else "the owner's images"
    return TooManyPending(
        f"{images:,} of {whose} are still pending and {adding} {more:,}, but at most "
        f"{most:,} may be pending at once; try again when there is room."
    )
