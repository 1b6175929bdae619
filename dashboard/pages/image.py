"""One image: its result, its latest attempts with their evidence, what its code means and whether a retry can help."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access import rights
from dashboard.pages.job import find_job
from jobs.models import FailedAttempt, ImageFilter, ImageResult, PausedHost
from jobs.reporting.areas import turn_of
from stores.models import Store

MOST_ATTEMPTS = 50


@require_safe
@login_required
def image_page(request: HttpRequest, job_id: int, image_id: int) -> HttpResponse:
    job = find_job(request, job_id)
    image = ImageResult.objects.filter(job=job, pk=image_id).select_related("visit").first()
    if image is None:
        raise Http404(f"Job {job_id} has no image {image_id}.")
    attempts = FailedAttempt.objects.latest_of(image.pk, MOST_ATTEMPTS)
    context = {
        "job": job,
        "may_change": rights.may_change_job(request.user, job),
        "image": image,
        "store": Store.objects.filter(store_id=image.visit.store_id).select_related("category").first(),
        "turn": turn_of(image, job),
        "attempts": attempts,
        "earlier": image.failed_attempts.count() - len(attempts) if len(attempts) == MOST_ATTEMPTS else 0,
        "paused": PausedHost.objects.filter(name=image.waits_for).first() if image.waits_for else None,
        "alike": ImageFilter(code=image.error_code, host=image.host),
    }
    return render(request, "dashboard/image/page.html", context)
