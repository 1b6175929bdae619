"""MAX_PENDING_IMAGES: how many unfinished images one user may have, however they came to be unfinished.

A submission adds images, and so does a retry. Pausing and resuming change nothing: held images are unfinished too.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Sum

from jobs.models import Job


class TooManyPending(Exception):
    """The owner has as many images in the queue as allowed; the text is for the client."""


def too_many_pending(owner: User | None, more: int, adding: str = "this job has") -> TooManyPending | None:
    """The refusal if `more` images of this owner would exceed the limit together with the unfinished ones; else None.

    All jobs without an owner count as one user's. `adding` says, before their number, what brings them. Checked before
    storing, without a lock: concurrent requests may together exceed the limit by their images.
    """
    unfinished = F("total") - F("completed") - F("failed")
    jobs = Job.objects.ongoing().filter(owner=owner)
    pending = jobs.aggregate(images=Sum(unfinished))["images"] or 0
    if not more or pending + more <= settings.MAX_PENDING_IMAGES:
        return None
    whose = "your images" if adding == "this job has" else "the owner's images"
    return TooManyPending(
        f"{pending:,} of {whose} are still pending and {adding} {more:,}, but at most "
        f"{settings.MAX_PENDING_IMAGES:,} may be pending at once; try again when there is room."
    )
