"""The answers of the status endpoint; their keys are part of the HTTP contract.

The answer names every failed store, which may be a hundred thousand: those are streamed, from the row of a failed job,
from the images of an ongoing one, so that an answer of 20 MB takes no more memory than a small one.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from api.pagination import PageRequest
from jobs.errors import is_transient
from jobs.models import ImageResult, Job
from jobs.models.store_errors import in_order, store_errors, stream_failed, stream_stored
from jobs.states import ImageState, JobStatus

# So many failed images are at most as many stores, whose errors are read at once.
FEW_FAILED = 200
CHUNK_BYTES = 64 * 2**10


def find(job_id: int | str, jobs: Any = Job.objects) -> Job | None:
    """The job as these answers need it: in one query, whatever its size."""
    job: Job | None = jobs.with_few_store_errors().filter(pk=job_id).first()
    return job


def status(job: Job) -> dict[str, Any]:
    """Read from the job's row alone. `error` may be an iterator, see `respond`."""
    answer: dict[str, Any] = {"status": job.status, "job_id": job.pk}
    if job.status == JobStatus.FAILED:
        if job.few_store_errors is not None:
            return answer | {"error": [in_order(entry) for entry in job.few_store_errors]}
        entries = stream_stored(job.pk)
        # Read before the answer begins: now the database may still be away, or the job reopened by a retry.
        first = next(entries, None)
        if first is None:
            return status(_again(job))
        answer["error"] = chain([first], entries)
    return answer


def summary(job: Job) -> dict[str, Any]:
    """`status` with the job's progress; `error` also lists what has failed so far."""
    counts = job.counts()
    finished = counts.completed + counts.failed
    if job.status == JobStatus.ONGOING and finished == counts.total:
        # It ended between the two reads; unless it is read again, the answer contradicts itself.
        job = _again(job)
    answer = status(job)
    if job.status == JobStatus.ONGOING:
        answer["error"] = _errors_so_far(job.pk, counts.failed)
    return answer | {
        "counts": asdict(counts),
        "progress": finished / counts.total,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def _errors_so_far(job_id: int, failed_images: int) -> list[dict[str, str]] | Iterator[dict[str, str]]:
    if failed_images <= FEW_FAILED:
        return store_errors(job_id) if failed_images else []
    entries = stream_failed(job_id)
    # Read before the answer begins, as in `status`; a retry may have reopened them all.
    first = next(entries, None)
    return [] if first is None else chain([first], entries)


def images(job: Job, request: PageRequest) -> dict[str, Any]:
    """`status`, with one page of the job's images in submission order."""
    page = request.of(ImageResult.objects.in_order_of(job.pk).select_related("visit").defer("gpu_result"))
    return status(job) | {
        "images": [_image(image) for image in page.rows],
        "next_cursor": page.next_cursor,
    }


def _image(image: ImageResult) -> dict[str, Any]:
    return {
        "store_id": image.visit.store_id,
        "visit_time": image.visit.visit_time,
        "image_url": image.url,
        "state": image.state,
        "width": image.width,
        "height": image.height,
        "perimeter": image.perimeter,
        "format": image.format or None,
        "bytes": image.bytes,
        "attempts": image.attempts,
        "finished_at": image.finished_at,
        "error": _error(image) if image.state == ImageState.FAILED else None,
    }


def _error(image: ImageResult) -> dict[str, Any]:
    # Frozen: `retryable` where the service tries again by itself, which it never does with what was not tried.
    return {"code": image.error_code, "message": image.error_message, "retryable": is_transient(image.error_code)}


def _again(job: Job) -> Job:
    """The job as it is now; a job is never deleted."""
    return find(job.pk) or job


def respond(answer: dict[str, Any]) -> HttpResponseBase:
    """The answer as JSON; one with an iterator is sent piece by piece, in the same form."""
    if not any(isinstance(value, Iterator) for value in answer.values()):
        return Response(answer)
    return StreamingHttpResponse(_chunks(_pieces(answer)), content_type="application/json")


def _pieces(answer: dict[str, Any]) -> Iterator[bytes]:
    render = JSONRenderer().render
    for number, (key, value) in enumerate(answer.items()):
        yield b"%b%b:" % (b"," if number else b"{", render(key))
        if isinstance(value, Iterator):
            for place, entry in enumerate(value):
                yield (b"," if place else b"[") + _text(entry).encode()
            yield b"]"
        else:
            # The renderer takes None for an answer without a body.
            yield b"null" if value is None else render(value)
    yield b"}"


def _text(entry: dict[str, str]) -> str:
    """As the renderer writes it, in a fifth of its time."""
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, of a hundred bytes each, in chunks of about CHUNK_BYTES."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)
