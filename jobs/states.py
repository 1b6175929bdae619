"""The states of image results and jobs, and how they change.

An image result::

    pending --claim--> running --record--> completed | failed
    running --record, retryable or deferred--> pending (run_after)
    running --release | rescue--> pending
    failed --retry, by a person--> pending (generation + 1)

    pending --cancel, by a person--> failed (canceled)

    pending --its host is busy or paused--> pending (waits_for) --the host is free again--> running
    running --record, refused by a host that is paused--> pending (waits_for)

    born final: unknown_store, or refused by its category's rule, at submit; skipped while held

A job's status is `ongoing` until every image result is final, then `completed`, or `failed` if any of them failed.
Its state says the same in more detail, and its outcome says how it ended::

    queued --> running --> ended (completed | failed | canceled)
         pause | resume: paused
         cancel: canceling, until the images in flight are final
"""

from django.db.models import TextChoices


class ImageState(TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class JobStatus(TextChoices):
    ONGOING = "ongoing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobState(TextChoices):
    """The stage of a job between its submission and its end."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELING = "canceling"
    ENDED = "ended"


class JobOutcome(TextChoices):
    """How a job ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class OnError(TextChoices):
    """What happens to a store's other images in the job once one image has failed, after its last attempt."""

    CONTINUE = "continue"
    STOP_STORE = "stop_store"


class NotKept(TextChoices):
    """Why a photo was not kept."""

    FULL = "full", "The space for photos (KEEP_BYTES) is used up."
    AWAY = "away", "The storage could not be written to."
    NOT_DRAWABLE = "not_drawable", "No thumbnail could be made of it."
