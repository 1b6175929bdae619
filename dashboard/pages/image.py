"""One image: its result, every attempt with its evidence, what its code means and whether a retry can help."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access import rights
from dashboard.pages.job import find_job
from jobs.models import ImageFilter, ImageResult, PausedHost
from stores.models import Store


@require_safe
@login_required
def image_page(request: HttpRequest, job_id: int, image_id: int) -> HttpResponse:
    job = find_job(request, job_id)
    image = ImageResult.objects.filter(job=job, pk=image_id).select_related("visit").first()
    if image is None:
        raise Http404(f"Job {job_id} has no image {image_id}.")
    context = {
        "job": job,
        "may_change": rights.may_change_job(request.user, job),
        "image": image,
        "store": Store.objects.filter(store_id=image.visit.store_id).first(),
        "attempts": image.failed_attempts.order_by("claim_no"),
        "paused": PausedHost.objects.filter(name=image.waits_for).first() if image.waits_for else None,
        "alike": ImageFilter(code=image.error_code, host=image.host),
    }
    return render(request, "dashboard/image/page.html", context)
