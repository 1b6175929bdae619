"""Fields, constraints and readable sets; every move of an image row is in `jobs/queue/`."""

from jobs.models.client_reference import ImageDetails, VisitReference
from jobs.models.day_total import DayTotal
from jobs.models.deleted_job import DeletedJob
from jobs.models.failed_attempt import FailedAttempt
from jobs.models.finished_batch import FinishedBatch, ResultsFeed
from jobs.models.idempotency_key import IdempotencyKey
from jobs.models.image_filter import ImageFilter
from jobs.models.image_result import ImageResult
from jobs.models.job import Job
from jobs.models.job_action import JobAction
from jobs.models.kept_photo import KeptBytes, KeptPhoto, UnwantedPhoto
from jobs.models.paused_host import PausedHost
from jobs.models.photo_evidence import PhotoEvidence
from jobs.models.visit import Visit
from jobs.models.worker import Worker

__all__ = [
    "DayTotal",
    "DeletedJob",
    "FailedAttempt",
    "FinishedBatch",
    "IdempotencyKey",
    "ImageDetails",
    "ImageFilter",
    "ImageResult",
    "Job",
    "JobAction",
    "KeptBytes",
    "KeptPhoto",
    "PausedHost",
    "PhotoEvidence",
    "ResultsFeed",
    "UnwantedPhoto",
    "Visit",
    "VisitReference",
    "Worker",
]
