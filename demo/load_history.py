"""Stores the invented visits of `demo/history.py` as jobs that have ended, one a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction

from demo.history import PastVisit, StoreInfo, history
from jobs.errors import HTTPStatus, NotAnImage
from jobs.models import Job
from jobs.models.store_errors import write_store_errors
from jobs.states import ImageState, JobStatus
from stores.models import Store

# When a day's visits are submitted, and how long each image then takes until it is final.
SUBMITTED_AT = time(19, tzinfo=UTC)
SECONDS_PER_IMAGE = 0.25
WIDTH, HEIGHT, BYTES, MEASURE_MS, GPU_MS = 1280, 960, 390_000, 1, 250
# Which failures are tried again before they are final.
ATTEMPTS = {"http_500": 3}
MESSAGES = {
    "http_404": str(HTTPStatus(404)),
    "http_500": str(HTTPStatus(500)),
    "not_an_image": NotAnImage.sentence,
}


@transaction.atomic
def load(last: date) -> tuple[int, int]:
    """Thirteen weeks up to the day `last`, in UTC. Returns how many jobs and images there are now."""
    stores = [StoreInfo(*row) for row in Store.objects.order_by("store_id").values_list("store_id", "area_code")]
    jobs = images = 0
    failed: list[int] = []
    for day, visits in history(stores, last):
        job = _job(day, visits)
        _images(job, visits)
        jobs, images = jobs + 1, images + job.total
        if job.failed:
            failed.append(job.pk)
    write_store_errors(failed)
    with connection.cursor() as cursor:
        # What comes next is planned by how many rows there are, and nobody counts them for a minute.
        cursor.execute("ANALYZE jobs_job, jobs_visit, jobs_imageresult, jobs_failedattempt")
    return jobs, images


def _job(day: date, visits: Sequence[PastVisit]) -> Job:
    photos = [photo for visit in visits for photo in visit.photos]
    begun = datetime.combine(day, SUBMITTED_AT)
    failed = sum(bool(photo.code) for photo in photos)
    return Job.objects.create(
        created_at=begun,
        started_at=begun,
        finished_at=_final_at(day, len(photos) - 1),
        status=JobStatus.FAILED if failed else JobStatus.COMPLETED,
        total=len(photos),
        completed=len(photos) - failed,
        failed=failed,
    )


def _final_at(day: date, number: int) -> datetime:
    """When the image of this number within its job became final."""
    return datetime.combine(day, SUBMITTED_AT) + timedelta(seconds=SECONDS_PER_IMAGE * (number + 1))


def _images(job: Job, visits: Sequence[PastVisit]) -> None:
    visit_ids = _ids("jobs_visit", len(visits))
    _copy(
        "jobs_visit (id, job_id, store_id, visit_time, visited_at, visited_by)",
        (
            (visit_id, job.pk, visit.store_id, visit.at.isoformat(), visit.at, visit.visited_by)
            for visit_id, visit in zip(visit_ids, visits, strict=True)
        ),
    )
    rows = list(_image_rows(job, zip(visit_ids, visits, strict=True)))
    _copy(
        "jobs_imageresult (id, job_id, visit_id, url, state, rank, claim_no, attempts, crashes, generation, held, "
        "width, height, perimeter, format, bytes, error_code, error_message, fetch_ms, measure_ms, gpu_ms, "
        "finished_at)",
        rows,
    )
    _copy(
        "jobs_failedattempt (image_id, claim_no, code, message, redirects, address_class, content_type, bytes, "
        "elapsed_ms, worker_id, failed_at)",
        _attempts(rows),
    )


def _image_rows(job: Job, visits: Iterable[tuple[int, PastVisit]]) -> Iterator[tuple[Any, ...]]:
    ids = iter(_ids("jobs_imageresult", job.total))
    number = 0
    for visit_id, visit in visits:
        for photo in visit.photos:
            final_at = _final_at(job.created_at.date(), number)
            tries = ATTEMPTS.get(photo.code, 1)
            common = (next(ids), job.pk, visit_id, photo.url)
            queue = (job.created_at.timestamp() + number, tries, tries, 0, 0, False)
            if photo.code:
                found = (None, None, None, "", None, photo.code, MESSAGES[photo.code], photo.fetch_ms, None, None)
                yield (*common, ImageState.FAILED.value, *queue, *found, final_at)
            else:
                size = (WIDTH, HEIGHT, 2 * (HEIGHT + WIDTH), "JPEG", BYTES)
                yield (
                    *common,
                    ImageState.COMPLETED.value,
                    *queue,
                    *size,
                    "",
                    "",
                    photo.fetch_ms,
                    MEASURE_MS,
                    GPU_MS,
                    final_at,
                )
            number += 1


def _attempts(images: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Every attempt of the images that failed."""
    for image_id, *_, code, message, fetch_ms, _measure, _gpu, final_at in images:
        for claim_no in range(1, ATTEMPTS.get(code, 1) + 1 if code else 1):
            yield (image_id, claim_no, code, message, "[]", "", "text/html", 0, fetch_ms, 1, final_at)


def _ids(table: str, number: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, number])
        return [row[0] for row in cursor.fetchall()]


def _copy(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
