"""One job: its status, live; what failed, in groups; its images, page by page; and the actions on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import rights
from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from dashboard.filters import read_image_filter
from dashboard.pages import paused_hosts
from dashboard.store_filters import unread_group
from insights.forecasts import estimates
from jobs import actions
from jobs.actions import ACTIONS
from jobs.models import ImageResult, Job
from jobs.models.store_errors import stored
from jobs.pending_limit import TooManyPending
from jobs.queue import NotPossible
from jobs.reporting.areas import areas_of
from jobs.reporting.failures import failures
from jobs.reporting.hosts import NONE, waits
from jobs.reporting.throughput import throughput
from jobs.states import ImageState, JobState
from stores.models import Store

IMAGES = 50
MOST_STORE_ERRORS = 50
MOST_ACTIONS = 20


def find_job(request: HttpRequest, job_id: int) -> Job:
    """The job `with_running`; another user's is not found either."""
    job = Job.objects.visible_to(request.user).with_running().select_related("owner").filter(pk=job_id).first()
    if job is None:
        raise Http404(f"There is no job {job_id} that you may see.")
    return job


def find_job_to_change(request: HttpRequest, job_id: int) -> Job:
    job = find_job(request, job_id)
    if not rights.may_change_job(request.user, job):
        raise PermissionDenied(f"You may read job {job_id}, but it takes the permission to change jobs to do this.")
    return job


def find_job_to_delete(request: HttpRequest, job_id: int) -> Job:
    job = find_job(request, job_id)
    if not rights.may_delete_job(request.user, job):
        raise PermissionDenied(f"You may read job {job_id}, but it takes the permission to delete jobs to do this.")
    return job


@contextmanager
def unless_deleted(job_id: int) -> Iterator[None]:
    """Not found, where somebody else deletes the job between its look-up and what is done to it within."""
    try:
        yield
    except Job.DoesNotExist:
        raise Http404(f"Job {job_id} was deleted in the meantime.") from None


@require_safe
@login_required
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    """The whole page; with `part`, one of its live parts alone."""
    job = find_job(request, job_id)
    part = request.GET.get("part")
    may_change = rights.may_change_job(request.user, job)
    context: dict[str, Any] = {"job": job, "may_change": may_change}
    if part in (None, "status"):
        context |= _status(job, may_change=may_change)
        context["may_delete"] = job.state == JobState.ENDED and rights.may_delete_job(request.user, job)
    if part in (None, "failures"):
        seen = _failures_revision(job)
        if part and request.GET.get("seen") == seen:
            return HttpResponse(status=204)  # nothing to replace
        context |= {"failures": failures(job.pk), "seen": seen}
    if part in (None, "images"):
        context |= _images(job, request)
    if part in ("status", "failures", "images"):
        return render(request, f"dashboard/job/{part}.html", context)
    context |= {
        # Once, with the page: to count them at each event would take too long.
        "areas": areas_of(job) if job.state != JobState.ENDED else None,
        "store_errors": stored(job.pk, MOST_STORE_ERRORS) if job.outcome and job.failed else None,
        "history": job.actions.order_by("-pk")[:MOST_ACTIONS],
        "priorities": [
            priority
            for priority in range(HIGHEST_PRIORITY, LOWEST_PRIORITY - 1, -1)
            if priority == job.priority or rights.may_prioritize(request.user, priority)
        ],
    }
    return render(request, "dashboard/job/page.html", context)


def _failures_revision(job: Job) -> str:
    """Another text whenever other images of the job have failed: a retry, too, that makes room for as many others."""
    latest = job.actions.order_by("-pk").values_list("pk", flat=True).first()
    return f"{job.failed}-{latest or 0}"


def _status(job: Job, *, may_change: bool) -> dict[str, Any]:
    possible = {
        "pause": job.state in (JobState.QUEUED, JobState.RUNNING),
        "resume": job.state == JobState.PAUSED,
        "cancel": job.state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED),
        "prioritize": job.state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED),
    }
    may = {verb: may_change and is_possible for verb, is_possible in possible.items()}
    waiting = waits([job])
    return {
        "waits": waiting.get(job.pk, NONE),
        "estimate": estimates([job], waiting).get(job.pk),
        "throughput": throughput(job.pk),
        "may": may,
    }


def _images(job: Job, request: HttpRequest) -> dict[str, Any]:
    """One page, in submission order; paged by key, so that page 1,000 costs as much as the first."""
    image_filter = read_image_filter(request.GET.dict())
    images = ImageResult.objects.in_order_of(job.pk).matching(image_filter).select_related("visit").defer("gpu_result")
    after = request.GET.get("after", "")
    if after.isascii() and after.isdecimal() and len(after) < 19:
        images = images.filter(pk__gt=int(after))
    found = list(images[: IMAGES + 1])
    stores = {store.store_id: store for store in Store.objects.known(image.visit.store_id for image in found)}
    return {
        "image_filter": image_filter,
        "filter_notes": unread_group(request.GET),
        "images": [(image, stores.get(image.visit.store_id)) for image in found[:IMAGES]],
        "after": after,
        "next": found[IMAGES - 1].pk if len(found) > IMAGES else None,
        "image_states": ImageState.choices,
    }


@require_POST
@login_required
def act(request: HttpRequest, job_id: int) -> HttpResponse:
    """Pause, resume, cancel or prioritize one job. A cancel asks for confirmation."""
    job = find_job_to_change(request, job_id)
    page = reverse("dashboard:job", args=[job.pk])
    verb = request.POST.get("act", "")
    if verb == "cancel" and "confirmed" not in request.POST:
        return render(request, "dashboard/job/confirm_cancel.html", {"job": job, "back": page})
    try:
        with unless_deleted(job.pk):
            messages.success(request, _act(job, verb, request))
    except NotPossible as error:
        messages.warning(request, str(error))
    return redirect(page)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, job_id: int) -> HttpResponse:
    """By GET, what would be deleted; by POST from there, the job is."""
    job = find_job_to_delete(request, job_id)
    page = reverse("dashboard:job", args=[job.pk])
    if request.method != "POST":
        return render(request, "dashboard/job/confirm_delete.html", {"job": job, "back": page})
    try:
        with unless_deleted(job.pk):
            deleted = actions.delete(job.pk, request.user)
    except NotPossible as error:
        messages.warning(request, str(error))
        return redirect(page)
    messages.success(request, f"Job {job.pk} is deleted, with {deleted.total:,} image{pluralize(deleted.total)}.")
    return redirect("dashboard:jobs")


@require_POST
@login_required
def resume_host(request: HttpRequest, job_id: int) -> HttpResponse:
    """Try a host again that images of this job wait for. Other jobs that wait for it benefit, and none is harmed."""
    job = find_job_to_change(request, job_id)
    host = request.POST.get("host", "")
    if "\0" not in host and ImageResult.objects.deferred().filter(job=job, waits_for=host).exists():
        paused_hosts.resume(request)
    else:
        messages.warning(request, "No image of this job waits for that host any more.")
    return redirect("dashboard:job", job.pk)


def _act(job: Job, verb: str, request: HttpRequest) -> str:
    """What was done, in a sentence. Raises NotPossible."""
    if verb == "prioritize":
        return _prioritize(job, request)
    if verb not in ("pause", "resume", "cancel"):
        raise NotPossible("Choose what to do with the job.")
    images = ACTIONS[verb].do(job.pk, request.user)
    return f"{images:,} image{pluralize(images)} {ACTIONS[verb].after}."


def _prioritize(job: Job, request: HttpRequest) -> str:
    text = request.POST.get("priority", "")
    allowed = [str(priority) for priority in range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)]
    if text not in allowed:
        raise NotPossible(f"A priority is a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.")
    if not rights.may_prioritize(request.user, int(text)):
        raise PermissionDenied(rights.needs_prioritize(request.user))
    images = actions.prioritize(job.pk, int(text), request.user)
    return f"Priority {text}: {images:,} image{pluralize(images)} moved in the queue."


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def retry(request: HttpRequest, job_id: int) -> HttpResponse:
    """By GET, a preview of the retry with this filter; by POST from there, the retry."""
    job = find_job_to_change(request, job_id)
    asked = request.POST if request.method == "POST" else request.GET
    image_filter = read_image_filter(asked.dict())
    page = reverse("dashboard:job", args=[job.pk])
    if request.method != "POST":
        context = {
            "job": job,
            "image_filter": image_filter,
            "filter_notes": unread_group(asked),
            "preview": actions.preview_retry(job.pk, image_filter),
            "back": page,
        }
        return render(request, "dashboard/job/retry.html", context)
    only_retryable = asked.get("what") != "all"
    try:
        with unless_deleted(job.pk):
            retried = actions.retry(job.pk, request.user, image_filter, only_retryable=only_retryable)
    except (NotPossible, TooManyPending) as error:
        messages.warning(request, str(error))
        return redirect(page)
    said = f"{retried.reopened:,} image{pluralize(retried.reopened)} will be tried again."
    if retried.still_unknown:
        said += f" Left failed, because their store is still unknown: {retried.still_unknown:,}."
    if retried.still_refused:
        said += f" Left failed, because a category's rule still refuses them: {retried.still_refused:,}."
    messages.success(request, said) if retried.reopened else messages.warning(request, said)
    return redirect(page)
