"""Visits: how often stores are visited, each visit, and the stores that were not visited."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import visit_charts
from dashboard.client_filter import ClientFilter
from dashboard.references import places_of
from dashboard.store_filters import MOST_CHOICES
from dashboard.visit_filters import DayFilter
from insights import rhythm, unvisited
from insights.gaps import gaps
from insights.models import VisitSummary
from insights.scope import LONGEST_DAYS, as_of
from jobs.models import Job
from stores.models import Store

ROWS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@require_safe
@login_required
def rhythm_page(request: HttpRequest) -> HttpResponse:
    """How often, how long between, when in the week, what was sent twice, and how many stores nobody visited."""
    context = _context(request)
    scope = context["scope"]
    often = rhythm.frequency(scope)
    between = gaps(scope, often.visits)
    context |= {
        "often": often,
        "gaps": between,
        "gaps_most": max((each.gaps for each in between.classes), default=0),
        "hours": often.hours,
        "punch": visit_charts.punch(often.hours),
        "repeats": rhythm.repeats(scope),
        "unvisited": unvisited.count(scope, often.stores),
        "most_counted": unvisited.MOST_COUNTED,
    }
    return render(request, "dashboard/visits/page.html", context)


@require_safe
@login_required
def visit_list(request: HttpRequest) -> HttpResponse:
    """The latest first, by key."""
    context = _context(request)
    before = request.GET.get("before", "")
    by_client = ClientFilter.read(request.GET, request.user)
    visits = by_client.narrow(context["scope"].visits()).order_by("-visited_at", "-visit_id")
    if place := _place(before):
        at, visit_id = place
        visits = visits.filter(visited_at__lte=at).exclude(Q(visited_at=at) & Q(visit_id__gte=visit_id))
    found = list(visits[: ROWS + 1])
    rows = found[:ROWS]
    stores = {store.store_id: store for store in Store.objects.known(visit.store_id for visit in rows)}
    # The summaries outlive their jobs.
    jobs = Job.objects.visible_to(request.user).filter(pk__in={visit.job_id for visit in rows})
    context |= {
        "by_client": by_client,
        "places": places_of(by_client.reference, request.user),
        "filter_notes": [*context["filter_notes"], *by_client.notes],
        "visits": [(visit, stores.get(visit.store_id)) for visit in rows],
        "jobs": set(jobs.values_list("pk", flat=True)),
        "before": before,
        "next": _written(rows[-1]) if len(found) > ROWS else None,
    }
    return render(request, "dashboard/visits/list.html", context)


@require_safe
@login_required
def unvisited_stores(request: HttpRequest) -> HttpResponse:
    """Stores without a visit in the period, in the order of the store master."""
    context = _context(request)
    after = request.GET.get("after", "")
    start = int(after) if re.fullmatch("[0-9]{1,18}", after) else 0
    stores = context["scope"].stores().count()
    context |= {
        "after": start,
        "stores": stores,
        "count": unvisited.count(context["scope"], stores),
        "found": unvisited.page(context["scope"], start, ROWS),
        "most_counted": unvisited.MOST_COUNTED,
        "most_looked_up": unvisited.MOST_LOOKED_UP,
    }
    return render(request, "dashboard/visits/unvisited.html", context)


def _context(request: HttpRequest) -> dict[str, Any]:
    """What the three pages share: the filters, and whose visits of which days they are."""
    asked = DayFilter.read(request.GET)
    return {
        **asked.choices(),
        "areas": Store.objects.first_areas(MOST_CHOICES),
        "asked": asked,
        "scope": asked.scope(request.user),
        "as_of": as_of(),
        "time_zone": settings.INSIGHTS_TIME_ZONE,
        "longest_days": LONGEST_DAYS,
    }


def _written(visit: VisitSummary) -> str:
    """A place in the list, for an address: the instant in microseconds and the visit's id."""
    assert visit.visited_at is not None  # it is part of a period
    return f"{(visit.visited_at - _EPOCH) // _MICROSECOND}-{visit.visit_id}"


def _place(written: str) -> tuple[datetime, int] | None:
    """None for what is no such place."""
    if not re.fullmatch("[0-9]{1,16}-[0-9]{1,18}", written):
        return None
    microseconds, visit_id = map(int, written.split("-"))
    return _EPOCH + microseconds * _MICROSECOND, visit_id
