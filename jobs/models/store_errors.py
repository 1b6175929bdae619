"""What went wrong in a job, one sentence per failed store."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from django.db.models import Count, Min, Value

from jobs.errors import UnknownStore
from jobs.models.expressions import First
from jobs.models.image_result import ImageResult
from jobs.models.job import Job
from jobs.models.visit import Visit

# No error's code: how many images a store has in the job.
TOTAL = ""


def store_errors(job_id: int) -> list[dict[str, str]]:
    """`[{"store_id": …, "error": …}]` for every store of the job with a failed image, none twice.

    In order of the store's first appearance in the submission. One query, whatever the number of stores.
    """
    return _store_errors([job_id]).get(job_id, [])


def write_store_errors(job_ids: Sequence[int]) -> None:
    """Store what went wrong in these jobs, which have ended; two statements, however many there are."""
    if job_ids:
        found = _store_errors(job_ids)
        Job.objects.all().update_from(
            [{"id": job_id, "store_errors": found.get(job_id, [])} for job_id in sorted(job_ids)],
            fields=["store_errors"],
        )


def _store_errors(job_ids: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    """By job; those without failed images are left out."""
    failed = ImageResult.objects.failed().filter(job_id__in=job_ids)
    groups = failed.values_list("job_id", "visit__store_id", "error_code").annotate(
        number=Count("pk"),
        first=Min("pk"),
        url=First("url", order_by="pk"),
        message=First("error_message", order_by="pk"),
    )
    # Every image of the store counts, so that "2 of 3" tells how much of it is missing.
    stores = Visit.objects.filter(job_id__in=job_ids, store_id__in=failed.values("visit__store_id"))
    totals = stores.values_list("job_id", "store_id", Value(TOTAL)).annotate(
        number=Count("images"), first=Min("pk"), url=Value(""), message=Value("")
    )
    codes: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    firsts: dict[tuple[int, str], tuple[int, str, str]] = {}
    total_of: dict[tuple[int, str], tuple[int, int]] = {}
    for job_id, store_id, code, number, first, url, message in groups.union(totals, all=True):
        store = job_id, store_id
        if code == TOTAL:
            total_of[store] = first, number
        else:
            codes[store][code] = number
            firsts[store] = min(firsts.get(store, (first, url, message)), (first, url, message))
    errors: dict[int, list[dict[str, str]]] = defaultdict(list)
    for job_id, store_id in sorted(codes, key=lambda store: total_of[store]):
        store = job_id, store_id
        _, url, message = firsts[store]
        sentence = _sentence(codes[store], total_of[store][1], url, message)
        errors[job_id].append({"store_id": store_id, "error": sentence})
    return errors


def _sentence(codes: Counter[str], total: int, first_url: str, first_message: str) -> str:
    images = "1 image" if total == 1 else f"{total:,} images"
    if codes[UnknownStore.code] == total:
        return f"{UnknownStore.sentence} Nothing was fetched of its {images}, the first at {first_url}"
    causes = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    return f"{codes.total():,} of {images} failed ({causes}), the first at {first_url}: {first_message}"
