"""One image: its result, its latest attempts with their evidence, what its code means and whether a retry can help."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_safe

from access import rights
from api.photos import RETRY_AFTER_SECONDS, NotNow, NotThere, PhotoSize, answer
from api.refusals import Refused
from dashboard.pages.job import find_job
from dashboard.photo_rows import photo_rows
from jobs.models import FailedAttempt, ImageDetails, ImageFilter, ImageResult, Job, PausedHost, PhotoEvidence
from jobs.reporting.areas import turn_of
from stores.models import Store

MOST_ATTEMPTS = 50


@require_safe
@login_required
def image_page(request: HttpRequest, job_id: int, image_id: int) -> HttpResponse:
    job = find_job(request, job_id)
    image = _find(job, image_id)
    attempts = FailedAttempt.objects.latest_of(image.pk, MOST_ATTEMPTS)
    context = {
        "job": job,
        "may_change": rights.may_change_job(request.user, job),
        "image": image,
        "store": Store.objects.filter(store_id=image.visit.store_id).select_related("category").first(),
        "turn": turn_of(image, job),
        "attempts": attempts,
        "details": ImageDetails.objects.filter(image=image).first(),
        "row": photo_rows([image])[0],
        "evidence": PhotoEvidence.objects.filter(image=image).first(),
        "earlier": image.failed_attempts.count() - len(attempts) if len(attempts) == MOST_ATTEMPTS else 0,
        "paused": PausedHost.objects.filter(name=image.waits_for).first() if image.waits_for else None,
        "alike": ImageFilter(code=image.error_code, host=image.host),
    }
    return render(request, "dashboard/image/page.html", context)


@require_safe
@login_required
def find_image(request: HttpRequest, image_id: int) -> HttpResponse:
    """To the page of an image of which only the id is known, such as the first of two equal photos."""
    images = ImageResult.objects.filter(pk=image_id, job__in=Job.objects.visible_to(request.user))
    job_id = images.values_list("job_id", flat=True).first()
    if job_id is None:
        raise Http404(f"There is no image {image_id} that you may see.")
    return redirect("dashboard:image", job_id, image_id)


@require_GET
@login_required
def photo(request: HttpRequest, job_id: int, image_id: int, size: str) -> HttpResponseBase:
    """The photo for pages to show, or the original to save; `size` is a PhotoSize."""
    if size not in PhotoSize:
        raise Http404(f"A photo has no size {size[:20]!r}.")
    try:
        return answer(request, _find(find_job(request, job_id), image_id), size)
    except NotThere as reason:
        raise Http404(str(reason)) from None
    except NotNow as reason:
        return Refused(503, str(reason), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _find(job: Job, image_id: int) -> ImageResult:
    image = ImageResult.objects.filter(job=job, pk=image_id).select_related("visit").first()
    if image is None:
        raise Http404(f"Job {job.pk} has no image {image_id}.")
    return image
