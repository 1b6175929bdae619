"""What went wrong in a job, one sentence per failed store."""

from collections import Counter

from django.db.models import Count, Min

from jobs.errors import UnknownStore
from jobs.models.image_result import ImageResult
from jobs.models.visit import Visit


def store_errors(job_id: int) -> list[dict[str, str]]:
    """`[{"store_id": …, "error": …}]` for every store of the job with a failed image, none twice.

    In order of the store's first appearance in the submission. Three queries, whatever the number of stores.
    """
    failed = ImageResult.objects.failed().filter(job_id=job_id)
    codes: dict[str, Counter[str]] = {}
    for store_id, code, count in failed.values_list("visit__store_id", "error_code").annotate(n=Count("pk")):
        codes.setdefault(store_id, Counter())[code] = count
    if not codes:
        return []
    firsts = {
        store_id: (url, message)
        for store_id, url, message in failed.order_by("visit__store_id", "pk")
        .distinct("visit__store_id")
        .values_list("visit__store_id", "url", "error_message")
    }
    # Every image of the store counts, so that "2 of 3" tells how much of it is missing.
    totals = (
        Visit.objects.filter(job_id=job_id, store_id__in=list(codes))
        .values_list("store_id")
        .annotate(total=Count("images"), first=Min("pk"))
        .order_by("first")
    )
    return [
        {"store_id": store_id, "error": _sentence(codes[store_id], total, *firsts[store_id])}
        for store_id, total, _ in totals
    ]


def _sentence(codes: Counter[str], total: int, first_url: str, first_message: str) -> str:
    images = "1 image" if total == 1 else f"{total:,} images"
    if codes[UnknownStore.code] == total:
        return f"{UnknownStore.sentence} Nothing was fetched of its {images}, the first at {first_url}"
    causes = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    return f"{codes.total():,} of {images} failed ({causes}), the first at {first_url}: {first_message}"
