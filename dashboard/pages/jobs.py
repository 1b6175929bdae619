"""The list of jobs, and actions on all that match its filter."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from access import rights
from dashboard.filters import LONGEST_SEARCH, JobFilter
from jobs import actions
from jobs.actions import ACTIONS, RETRY
from jobs.reporting.hosts import waits
from jobs.reporting.throughput import estimates
from jobs.states import JobOutcome, JobState

ROWS = 50
# Refusals listed after an action on many jobs.
MOST_REFUSALS = 5
# Jobs named on the page that asks for confirmation.
MOST_NAMED = 20


@require_safe
@login_required
def job_list(request: HttpRequest) -> HttpResponse:
    """Newest first, by key; only the rows where the page refreshes itself."""
    asked = JobFilter.read(request.GET.dict())
    jobs = asked.of(request.user).select_related("owner").order_by("-pk")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        jobs = jobs.filter(pk__lt=int(before))
    found = list(jobs[: ROWS + 1])
    rows = found[:ROWS]
    waiting = waits(rows)
    context: dict[str, Any] = {
        "asked": asked,
        "longest_search": LONGEST_SEARCH,
        "stages": [*JobState.choices[:-1], *JobOutcome.choices],
        "jobs": rows,
        "waits": waiting,
        "estimates": estimates(rows, waiting),
        "before": before,
        "next": rows[-1].pk if len(found) > len(rows) else None,
    }
    fragment = request.headers.get("HX-Request") == "true"
    if not fragment:
        may_act = any(rights.may_change_job(request.user, job) for job in rows)
        may_act = may_act or asked.of(request.user).changeable_by(request.user).exists()
        context |= {"actions": ACTIONS.values() if may_act else ()}
    return render(request, "dashboard/jobs/rows.html" if fragment else "dashboard/jobs/list.html", context)


@require_POST
@login_required
def act_on_matching(request: HttpRequest) -> HttpResponse:
    """Do the same to every job that matches: first ask with their number, then, once confirmed, do it."""
    asked = JobFilter.read(request.POST.dict())
    action = ACTIONS.get(request.POST.get("act", ""))
    page = f"{reverse('dashboard:jobs')}?{asked.query}"
    if action is None:
        messages.warning(request, "Choose what to do with the jobs.")
        return redirect(page)
    jobs = asked.of(request.user).changeable_by(request.user)
    if "confirmed" not in request.POST:
        count = jobs.count()
        context = {
            "asked": asked,
            "action": action,
            "count": count,
            "named": jobs.order_by("pk")[:MOST_NAMED],
            "more": max(0, count - MOST_NAMED),
            "preview": actions.preview_retry_of_all(jobs) if action is RETRY else None,
            "back": page,
        }
        return render(request, "dashboard/jobs/confirm.html", context)
    # Counted before: a job may match the filter no longer once its other images are tried again.
    unknown = actions.preview_retry_of_all(jobs).unknown_store if action is RETRY else 0
    acted = actions.act_on_all(jobs, lambda job_id: action.do(job_id, request.user))
    number = acted.moved or acted.jobs
    of = f"{acted.images:,} image{pluralize(acted.images)} of {number:,} job{pluralize(number)}"
    if not acted.jobs:
        messages.warning(request, "No job was changed.")
    elif action is RETRY and not acted.images:
        messages.warning(request, f"No image {action.after}.")
    else:
        messages.success(request, f"{of} {action.after}.")
    if unknown:
        messages.warning(request, f"Left failed, because their store is still unknown: {unknown:,}.")
    for sentence in list(acted.refused.values())[:MOST_REFUSALS]:
        messages.warning(request, sentence)
    if len(acted.refused) > MOST_REFUSALS:
        messages.warning(request, f"… and {len(acted.refused) - MOST_REFUSALS:,} more were left as they are.")
    if acted.left:
        messages.warning(
            request, f"Not reached in time: {acted.left:,} job{pluralize(acted.left)}; do the same again for the rest."
        )
    return redirect(page)
