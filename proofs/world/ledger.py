"""Compares what the clients ordered and the image server served with the database."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from proofs.world.images import picture
from proofs.world.jobs import Order

_IMAGES = """
    SELECT image.url, image.job_id, image.state, image.format, image.width, image.height, image.perimeter,
        image.error_code, image.claim_no, image.attempts, image.crashes,
        (SELECT count(*) FROM jobs_failedattempt attempt WHERE attempt.image_id = image.id AND attempt.counted),
        (SELECT count(*) FROM jobs_failedattempt attempt WHERE attempt.image_id = image.id AND NOT attempt.counted)
    FROM jobs_imageresult image
"""
_JOBS = """
    SELECT job.id, job.status, job.total, job.completed, job.failed, count(image.id),
        count(*) FILTER (WHERE image.state = 'completed'), count(*) FILTER (WHERE image.state = 'failed')
    FROM jobs_job job LEFT JOIN jobs_imageresult image ON image.job_id = job.id GROUP BY job.id
"""
# The result of an image of each kind: completed, or failed with this code.
CODES = {"ok": "", "flaky": "", "gone": "http_404", "broken": "http_500"}


class Queried(Protocol):
    """A database that can be asked, such as a Cluster."""

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True)
class Image:
    """One row, without the host of its URL."""

    path: str
    job_id: int
    state: str
    format: str
    width: int | None
    height: int | None
    perimeter: int | None
    code: str
    claim_no: int
    attempts: int
    crashes: int
    evidence: int
    """Failed attempts that were recorded and counted."""
    refused: int = 0
    """Failed attempts that were not counted, because the host was to blame."""


@dataclass(frozen=True, slots=True)
class Job:
    job_id: int
    status: str
    total: int
    completed: int
    failed: int
    images: int
    completed_images: int
    failed_images: int


@dataclass(slots=True)
class Comparison:
    """A sentence about everything that is not as promised, and the downloads without a recorded attempt."""

    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    images: int = 0
    downloads: int = 0
    attempts: int = 0

    @property
    def extra(self) -> int:
        return self.downloads - self.attempts


def compare(
    database: Queried, orders: Sequence[Order], ledger: Counter[str], *, handed_back: bool = False
) -> Comparison:
    """Compare `orders` and the image server's `ledger` with every row of `database`; all must be final by now.

    `handed_back`: processes were stopped in order, so that claims may have been given back without an attempt.
    """
    images = [Image(row[0].split("/", 3)[3], *row[1:]) for row in database.query(_IMAGES)]
    return check(orders, images, [Job(*row) for row in database.query(_JOBS)], ledger, handed_back=handed_back)


def check(
    orders: Sequence[Order],
    images: Sequence[Image],
    jobs: Sequence[Job],
    ledger: Counter[str],
    *,
    handed_back: bool = False,
) -> Comparison:
    """The comparison itself."""
    found = Comparison(
        images=len(images), downloads=ledger.total(), attempts=sum(image.attempts + image.refused for image in images)
    )
    rows = Counter(image.path for image in images)
    job_ids = {job.job_id for job in jobs}
    for order in orders:
        if order.job_id not in job_ids:
            found.lost.append(f"job {order.key} was never accepted, or is gone")
        found.lost += [f"{path} has no row" for path in order.paths if path not in rows]
    found.double += [f"{path} has {number} rows" for path, number in rows.items() if number > 1]
    found.double += [f"job {job_id} is nobody's" for job_id in job_ids - {order.job_id for order in orders}]
    for job in jobs:
        _check_job(job, found)
    unknown = set[str]().union(*(order.unknown for order in orders))
    for image in images:
        _check_image(image, image.path in unknown, ledger[image.path], found, handed_back)
    return found


def _check_job(job: Job, found: Comparison) -> None:
    if job.status == "ongoing" or job.images != job.total:
        found.lost.append(f"job {job.job_id} is {job.status} with {job.images} of {job.total} images")
    if (job.completed, job.failed) != (job.completed_images, job.failed_images):
        found.double.append(
            f"job {job.job_id} counts {job.completed} completed and {job.failed} failed images, but holds "
            f"{job.completed_images} and {job.failed_images}"
        )


def _check_image(image: Image, unknown: bool, downloads: int, found: Comparison, handed_back: bool) -> None:
    if image.state not in ("completed", "failed"):
        found.lost.append(f"{image.path} is {image.state}")
        return
    # Every claim ends in one counted attempt, one refusal that is not counted, one rescue, or is handed back, and every
    # counted attempt but a successful last one has left evidence.
    ended = image.attempts + image.refused + image.crashes
    claims = min(image.claim_no, ended) if handed_back else image.claim_no
    if (claims, image.attempts) != (ended, image.evidence + (image.state == "completed")):
        found.double.append(
            f"{image.path} is {image.state} at claim {image.claim_no}, with {image.attempts} attempts, "
            f"{image.crashes} crashes and {image.evidence} failed attempts"
        )
    if unknown:
        if (image.state, image.code, downloads) != ("failed", "unknown_store", 0):
            found.wrong.append(f"{image.path} is {image.state} {image.code} after {downloads} downloads")
        return
    code = CODES[image.path.partition("/")[0]]
    shown = picture(image.path)
    expected: tuple[Any, ...] = ("failed", code, "", None, None, None)
    if not code:
        expected = ("completed", "", shown.format, shown.width, shown.height, shown.perimeter)
    result = (image.state, image.code, image.format, image.width, image.height, image.perimeter)
    if result != expected:
        found.wrong.append(f"{image.path} ended as {result}, not as {expected}")
    if downloads < image.attempts + image.refused:
        found.wrong.append(
            f"{image.path} has {image.attempts} attempts and {image.refused} refusals after {downloads} downloads"
        )
