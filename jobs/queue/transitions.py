"""What an outcome makes of its image: completed, failed, or pending for another attempt. Moves nothing."""

import random
from typing import Any

from django.conf import settings

from jobs.errors import Canceled, ImageError
from jobs.imaging.types import Outcome
from jobs.models import FailedAttempt
from jobs.queue.backoff import full_jitter
from jobs.queue.completion import JobRow
from jobs.states import ImageState

# How long an image waits whose host was busy.
HOST_BUSY_SECONDS = 0.5, 1.5


def transition(outcome: Outcome, job: JobRow) -> dict[str, Any]:
    """The image's fields from now on, and besides:

    `wait`, the seconds until another attempt; None where none has to pass.
    `refused_at`, its job's priority where its host refused it at no cost; else None.
    A pause or cancel that came meanwhile is applied to what would be pending again.
    """
    columns = _by_outcome(outcome)
    if columns["state"] != ImageState.PENDING:
        return columns
    if job.is_canceled:
        gone = {"state": ImageState.FAILED, "error_code": Canceled.code, "error_message": Canceled.sentence}
        return {**columns, **gone, "wait": None}
    if is_refused(outcome):
        columns |= {"waits_for": lane_of(outcome), "refused_at": job.priority}
    return {**columns, "held": job.is_paused}


def _by_outcome(outcome: Outcome) -> dict[str, Any]:
    seen, error, measurement = outcome.evidence, outcome.error, outcome.measurement
    columns: dict[str, Any] = {
        "id": outcome.claim.image_id,
        "claim_no": outcome.claim.claim_no,
        # While the claim is held, nobody else counts attempts.
        "attempts": outcome.claim.attempt,
        "width": None,
        "height": None,
        "perimeter": None,
        "gpu_result": None,
        "wait": None,
        "held": False,
        "waits_for": "",
        "refused_at": None,
        "bytes": seen.bytes,
        "fetch_ms": seen.fetch_ms,
        "measure_ms": seen.measure_ms,
        "gpu_ms": seen.gpu_ms,
        "format": "",
        "error_code": "",
        "error_message": "",
    }
    if error is not None and not is_refused(outcome):
        wait = _wait(error, outcome.claim.attempt)
        if wait is None:
            columns["width"], columns["height"] = seen.size or (None, None)
            return {**columns, "state": ImageState.FAILED, "error_code": error.code, "error_message": str(error)[:500]}
        return {**columns, "state": ImageState.PENDING, "wait": wait}
    if error is not None:
        columns |= {"attempts": outcome.claim.attempt - 1, "state": ImageState.PENDING}
        return columns if lane_of(outcome) else {**columns, "wait": _backoff(error, outcome.claim.attempt)}
    if measurement is None:
        # Deferred: it counts as no attempt.
        wait = random.uniform(*HOST_BUSY_SECONDS)  # noqa: S311 - spreads load, protects nothing
        return {**columns, "attempts": outcome.claim.attempt - 1, "state": ImageState.PENDING, "wait": wait}
    return {
        **columns,
        "state": ImageState.COMPLETED,
        "width": measurement.width,
        "height": measurement.height,
        "perimeter": measurement.perimeter,
        "format": measurement.format,
        "gpu_result": outcome.gpu_result,
    }


def is_refused(outcome: Outcome) -> bool:
    """Whether the host is to blame, so that it costs no attempt: for HOST_PATIENCE_SECONDS."""
    return outcome.blame is not None and outcome.claim.waited < settings.HOST_PATIENCE_SECONDS


def lane_of(outcome: Outcome) -> str:
    """Where a refused image waits: in the lane of its host if that is paused, else nowhere, for its next attempt."""
    return outcome.blame.host if outcome.blame is not None and outcome.blame.is_paused else ""


def failed_attempt(outcome: Outcome, error: ImageError, worker_id: int) -> FailedAttempt:
    """The row of evidence that a failed attempt leaves; not saved."""
    seen = outcome.evidence
    return FailedAttempt(
        image_id=outcome.claim.image_id,
        claim_no=outcome.claim.claim_no,
        code=error.code,
        message=str(error)[:500],
        counted=not is_refused(outcome),
        http_status=seen.http_status,
        redirects=seen.redirects,
        address_class=seen.address_class,
        content_type=seen.content_type,
        bytes=seen.bytes,
        elapsed_ms=seen.fetch_ms + seen.measure_ms + seen.gpu_ms,
        worker_id=worker_id,
    )


def _wait(error: ImageError, attempts: int) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    if not error.may_retry(attempts, settings.MAX_ATTEMPTS):
        return None
    return _backoff(error, attempts)


def _backoff(error: ImageError, attempts: int) -> float:
    return full_jitter(attempts, settings.BACKOFF_BASE_SECONDS, settings.BACKOFF_MAX_SECONDS, error.retry_after)
