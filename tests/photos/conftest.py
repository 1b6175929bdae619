import hashlib
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.db import connection

from jobs import queue
from jobs.imaging.difference_hash import DifferenceHash
from jobs.imaging.look import Look
from jobs.imaging.types import Evidence, Measurement, Outcome, Photo
from jobs.models import ImageResult
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from photos.audit import FINDINGS
from photos.models import Finding, VisitLook
from tests.factories import make_stores, make_worker

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_numbers = count(1)


_answers: dict[Photo, Any] = {}


def photo(
    content=None, *, rows=None, columns=None, brightness=120.0, contrast=50.0, sharpness=40.0, exif=None, answer=None
):
    """A photo of its own content, or of this one; it shows what its hashes say, by default something of its own.

    `answer` is a model's.
    """
    number = next(_numbers)
    digest = hashlib.sha256(str(content if content is not None else f"own {number}").encode()).digest()
    halves = (int.from_bytes(digest[at : at + 8], signed=True) for at in (0, 8))
    rows, columns = (own if given is None else given for own, given in zip(halves, (rows, columns), strict=True))
    made = Photo(digest, exif, DifferenceHash(rows, columns), Look(brightness, contrast, sharpness))
    _answers[made] = answer
    return made


def visited(*visits, owner=None):
    """A job of these visits (store, instant, photos), which has ended; returns its images' ids in their order.

    Of a photo that is None there is no evidence.
    """
    make_stores(*{store for store, _, _ in visits})
    payload, photos = [], []
    for store, at, taken in visits:
        urls = [f"http://images.test/{next(_numbers)}.jpg" for _ in taken]
        payload.append(VisitPayload(store, at.isoformat() if at else "?", at, urls))
        photos += taken
    job = submit(payload, owner=owner).job_id
    ids = list(ImageResult.objects.in_order_of(job).values_list("pk", flat=True))
    of_image = dict(zip(ids, photos, strict=True))
    worker = make_worker()
    claims = queue.claim(worker, limit=len(ids))
    queue.record(
        worker,
        [
            Outcome(
                claim,
                Evidence(bytes=9),
                Measurement(640, 480, "JPEG"),
                photo=of_image[claim.image_id],
                gpu_result=_answers.get(of_image[claim.image_id]),
            )
            for claim in claims
        ],
    )
    return ids


def found(*codes):
    """(image, code, the earlier image) of every finding, or of these codes."""
    rows = Finding.objects.filter(code__in=codes) if codes else Finding.objects.all()
    return list(rows.order_by("image_id", "code").values_list("image_id", "code", "other_image_id"))


def looks():
    return dict(VisitLook.objects.order_by("pk").values_list("image_id", "reasons"))


def wrong():
    """What an audit finds, also of what was recorded just now."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE photos_progress SET mark = mark + interval '1 hour'")
        cursor.execute(FINDINGS.broken)
        rows = cursor.fetchall()
        cursor.execute("UPDATE photos_progress SET mark = mark - interval '1 hour'")
    return rows
