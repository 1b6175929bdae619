"""The list of jobs, and actions on all that match its filter.

An action on more jobs than a request has time for goes on in the next one, by the id of the last job done: the page
shows how far it is and asks for the next part by itself, or by a button where no script runs. Every job is done in a
transaction of its own, so that a browser which is closed leaves nothing half done, and nothing needs to be kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
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
from dashboard.references import places_of
from insights.forecasts import estimates
from jobs import actions
from jobs.actions import ACTIONS, RETRY
from jobs.reporting.hosts import waits
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
    # Not by a join: for that, the planner may sort all of the jobs.
    matching = asked.of(request.user)
    jobs = matching.prefetch_related("owner").order_by("-pk")
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
        may_act = may_act or matching.changeable_by(request.user).exists()
        context |= {"actions": ACTIONS.values() if may_act else (), "places": places_of(asked.q, request.user)}
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
        newest = jobs.order_by("-pk").values_list("pk", flat=True).first()
        count = jobs.count()
        context = {
            "asked": asked,
            "action": action,
            "count": count,
            "until": newest or 0,
            "named": jobs.order_by("pk")[:MOST_NAMED],
            "more": max(0, count - MOST_NAMED),
            "preview": actions.preview_retry_of_all(jobs) if action is RETRY else None,
            "back": page,
        }
        return render(request, "dashboard/jobs/confirm.html", context)
    so_far = SoFar.read(request.POST)
    if so_far.until:
        # Those that were counted: the jobs submitted since are not meant.
        jobs = jobs.filter(pk__lte=so_far.until)
    if action is RETRY and not so_far.after:
        # Counted before: a job may match the filter no longer once its other images are tried again.
        so_far.unknown = actions.preview_retry_of_all(jobs).unknown_store
    acted = actions.act_on_all(jobs, lambda job_id: action.do(job_id, request.user), after=so_far.after)
    so_far.add(acted)
    if acted.left:
        context = {"asked": asked, "action": action, "so_far": so_far, "left": acted.left, "back": page}
        return render(request, "dashboard/jobs/acting.html", context)
    for level, sentence in _outcome(action, so_far, list(acted.refused.values())):
        messages.add_message(request, level, sentence)
    return redirect(page)


@dataclass(slots=True)
class SoFar:
    """How far an action on many jobs is: what one request hands on to the next, in the form that goes on."""

    until: int = 0
    after: int = 0
    reached: int = 0
    jobs: int = 0
    moved: int = 0
    images: int = 0
    refused: int = 0
    unknown: int = 0

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "SoFar":
        """What is no number is left out."""
        given = {each.name: form.get(each.name, "") for each in fields(cls)}
        return cls(**{name: int(text) for name, text in given.items() if re.fullmatch("[0-9]{1,18}", text)})

    def add(self, acted: actions.BulkResult) -> None:
        self.after = acted.last
        self.reached += acted.jobs + len(acted.refused)
        self.jobs += acted.jobs
        self.moved += acted.moved
        self.images += acted.images
        self.refused += len(acted.refused)

    @property
    def numbers(self) -> dict[str, int]:
        """By the names of the form's fields."""
        return asdict(self)


def _outcome(action: actions.Action, done: SoFar, refusals: list[str]) -> Iterator[tuple[int, str]]:
    """What to say in the end; `refusals` are those of the last jobs."""
    number = done.moved or done.jobs
    of = f"{done.images:,} image{pluralize(done.images)} of {number:,} job{pluralize(number)}"
    if not done.jobs:
        yield messages.WARNING, "No job was changed."
    elif action is RETRY and not done.images:
        yield messages.WARNING, f"No image {action.after}."
    else:
        yield messages.SUCCESS, f"{of} {action.after}."
    if done.unknown:
        yield messages.WARNING, f"Left failed, because their store is still unknown: {done.unknown:,}."
    for sentence in refusals[:MOST_REFUSALS]:
        yield messages.WARNING, sentence
    if (more := done.refused - len(refusals[:MOST_REFUSALS])) > 0:
        yield messages.WARNING, f"… and {more:,} more were left as they are."
