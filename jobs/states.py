"""The words of the states.

An image result::

    pending --claim--> running --record--> completed | failed
    running --record, retryable or put off--> pending (run_after)
    running --release | rescue--> pending
    failed --retry, by a person--> pending (generation + 1)

    pending --cancel, by a person--> failed (canceled)

    pending --its host has no room, or is paused--> pending (waits_for) --it has--> running
    running --record, refused by a host that is paused--> pending (waits_for)

    born final: unknown_store at submit; skipped while held

A job's status is `ongoing` until every image result is final, then `completed`, or `failed` if any of them failed.
Its state says the same in more words, and its outcome how it ended::

    queued --> running --> ended (completed | failed | canceled)
         pause | resume: paused
         cancel: canceling, until the images in hand are final
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
    """Where a job stands between its submission and its end."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELING = "canceling"
    ENDED = "ended"


class JobOutcome(TextChoices):
    """What a job ended in."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class OnError(TextChoices):
    """What a final failure of one image does to the store's other images in the job."""

    CONTINUE = "continue"
    STOP_STORE = "stop_store"
