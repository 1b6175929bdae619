"""An overview of the whole service, for the people who run it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from access import rights
from dashboard.pages.paused_hosts import resume
from jobs.engine.base import get_engine
from jobs.reporting import hosts, photos
from jobs.reporting.backlog import MOST_COUNTED
from jobs.reporting.overview import overview

# Characters of a host and its port in the page's address; none is longer.
LONGEST_HOST = 300


@require_safe
@login_required
def operations_page(request: HttpRequest) -> HttpResponse:
    """It covers everybody's jobs, so it is for staff; only a fragment where the page refreshes itself.

    With `host`, that paused host comes first: the list below shows only some.
    """
    if not rights.may_see_operations(request.user):
        raise PermissionDenied("Only staff who may view all jobs and paused hosts see how the whole service is doing.")
    context: dict[str, Any] = {
        "now": overview(),
        "broker": get_engine().broker,
        "photos": photos.photos(),
        "most": MOST_COUNTED,
        "most_of_host": hosts.MOST_COUNTED,
        "may_resume": rights.may_resume_hosts(request.user),
    }
    fragment = request.headers.get("HX-Request") == "true"
    asked = request.GET.get("host", "").replace("\0", "")[:LONGEST_HOST]
    if asked and not fragment:
        context |= {"asked": asked, "host": hosts.paused_host(asked)}
    return render(request, f"dashboard/operations/{'overview' if fragment else 'page'}.html", context)


@require_POST
@login_required
def resume_host(request: HttpRequest) -> HttpResponse:
    """Try a paused host again at once."""
    if not rights.may_resume_hosts(request.user):
        raise PermissionDenied("Only staff who may change paused hosts have one tried again for everybody.")
    resume(request)
    return redirect("dashboard:operations")
