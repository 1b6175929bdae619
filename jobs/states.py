"""The words of the states.

An image result::

    pending --claim--> running --record--> completed | failed
    running --record, retryable or put off--> pending (run_after)
    running --release | rescue--> pending
    failed --retry, by a person--> pending (generation + 1)

    born final: unknown_store at submit; skipped while held

A job is `ongoing` until every image result is final, then `completed`, or `failed` if any of them failed.
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


class OnError(TextChoices):
    """What a final failure of one image does to the store's other images in the job."""

    CONTINUE = "continue"
    STOP_STORE = "stop_store"
