"""Photos of a job, of a visit, and of a store through time."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from access import rights
from dashboard.pages.job import find_job
from dashboard.parameters import row_id, text
from dashboard.photo_rows import PhotoRow, photo_rows
from jobs.models import ImageResult, Job, Visit, VisitReference
from jobs.reporting.visits import first_images
from jobs.submission.payload import MAX_STORE_ID
from photos.kinds import KINDS
from photos.models import Finding, VisitLook, VisitVerdict
from stores.models import Store

# Photos of one page, and of one visit among others.
PHOTOS, OF_A_VISIT = 60, 6
# Visits of one page.
VISITS = 20


@require_safe
@login_required
def job_photos(request: HttpRequest, job_id: int) -> HttpResponse:
    """In submission order, paged by key: the last page of a large job costs as much as its first."""
    job = find_job(request, job_id)
    finding, store = request.GET.get("finding", ""), text(request.GET, "store", MAX_STORE_ID)
    after = row_id(request.GET, "after")
    images = ImageResult.objects.in_order_of(job.pk).select_related("visit").defer("gpu_result")
    if finding in KINDS:
        images = _with_finding(images, job, finding, store, after)
    elif store:
        images = images.of_store(store)
    if after:
        images = images.filter(pk__gt=after)
    found = list(images[: PHOTOS + 1])
    parts = ({"finding": finding} if finding in KINDS else {}) | ({"store": store} if store else {})
    context = {
        "job": job,
        "rows": photo_rows(found[:PHOTOS]),
        "next": found[PHOTOS - 1].pk if len(found) > PHOTOS else None,
        "after": after,
        "kinds": KINDS.values(),
        "finding": parts.get("finding", ""),
        "store_id": parts.get("store", ""),
        "parts": parts,
        "keeps": settings.KEEP_IMAGES != "off",
    }
    return render(request, "dashboard/photos/job.html", context)


def _with_finding(images: Any, job: Job, finding: str, store: str, after: int | None) -> Any:
    """The next page's images alone, by the index of findings: the images themselves know nothing of them."""
    found = Finding.objects.filter(job_id=job.pk, code=finding, image_id__gt=after or 0).order_by("image_id")
    if store:
        found = found.filter(store_id=store)
    return images.filter(pk__in=list(found.values_list("image_id", flat=True)[: PHOTOS + 1]))


@require_safe
@login_required
def visit_photos(request: HttpRequest, visit_id: int) -> HttpResponse:
    """All photos of one visit, paged by key, with what was decided about them."""
    visit = find_visit(request, visit_id)
    after = row_id(request.GET, "after") or 0
    images = ImageResult.objects.filter(visit=visit, pk__gt=after).order_by("visit", "pk").select_related("visit")
    found = list(images.defer("gpu_result")[: PHOTOS + 1])
    context = {
        "visit": visit,
        "job": visit.job,
        "store": Store.objects.filter(store_id=visit.store_id).first(),
        "reference": VisitReference.objects.filter(visit=visit).first(),
        "rows": photo_rows(found[:PHOTOS]),
        "next": found[PHOTOS - 1].pk if len(found) > PHOTOS else None,
        "after": after,
        "look": VisitLook.objects.filter(pk=visit.pk).first(),
        "verdict": VisitVerdict.objects.filter(pk=visit.pk).first(),
        "may_judge": rights.may_change_job(request.user, visit.job),
        "keeps": settings.KEEP_IMAGES != "off",
    }
    return render(request, "dashboard/photos/visit.html", context)


@require_safe
@login_required
def store_photos(request: HttpRequest, pk: int) -> HttpResponse:
    """The store's visits, the latest submitted first, each with its first photos."""
    store = Store.objects.filter(pk=pk).first()
    if store is None:
        raise Http404(f"There is no store with the number {pk}.")
    visits = Visit.objects.latest_of(store.store_id).readable_by(request.user)
    before = row_id(request.GET, "before")
    if before:
        # Of the jobs before, and of the same job the visits before.
        job_id = Visit.objects.filter(pk=before).values_list("job_id", flat=True).first() or 0
        visits = visits.filter(job_id__lte=job_id).exclude(job_id=job_id, pk__gte=before)
    found = list(visits.order_by("-store_id", "-job_id", "-pk")[: VISITS + 1])
    shown = found[:VISITS]
    first = first_images(visit.pk for visit in shown)
    ids = [image.pk for images in first.values() for image in images[:OF_A_VISIT]]
    rows = photo_rows(ImageResult.objects.filter(pk__in=ids).order_by("pk").select_related("visit").defer("gpu_result"))
    by_visit: dict[int, list[PhotoRow]] = {visit.pk: [] for visit in shown}
    for row in rows:
        by_visit[row.image.visit_id].append(row)
    context = {
        "store": store,
        "visits": [(visit, by_visit[visit.pk], len(first[visit.pk]) > OF_A_VISIT) for visit in shown],
        "next": shown[-1].pk if len(found) > VISITS else None,
        "before": before,
        "keeps": settings.KEEP_IMAGES != "off",
    }
    return render(request, "dashboard/photos/store.html", context)


def find_visit(request: HttpRequest, visit_id: int) -> Visit:
    """The visit with its job; of a job that the user may not see, it is not found either."""
    visits = Visit.objects.filter(pk=visit_id, job__in=Job.objects.visible_to(request.user))
    visit = visits.with_job().first()
    if visit is None:
        raise Http404(f"There is no visit {visit_id} that you may see.")
    return visit
