"""Problem stores beside their hosts, failures by area, host, category or group, and the risk of stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.intervals import Interval, intervals
from dashboard.parameters import page_number
from dashboard.store_filters import MOST_CHOICES
from dashboard.visit_filters import WeekFilter
from insights.back_tests import back_test
from insights.failures import By, FailureRow, failures
from insights.problems import StoreProblem, problems, store_problem
from insights.risk import StoreRisk, risks
from insights.scope import Scope, as_of
from insights.store_rates import rates_as_of
from jobs.error_help import explain
from jobs.models import Job
from stores.models import Store

# Stores of one page, and rows of the other lists.
ROWS = 25
MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A problem store, its row of the store master if it has one, and the job to look at."""

    problem: StoreProblem
    store: Store | None
    drawn: Sequence[Interval]
    job_id: int | None
    sentence: str


@require_safe
@login_required
def problems_page(request: HttpRequest) -> HttpResponse:
    asked = WeekFilter.read(request.GET)
    scope = asked.scope(request.user)
    by = By(request.GET["by"]) if request.GET.get("by") in set(By) else By.HOST
    page = page_number(request.GET, "page")
    found = problems(scope)
    tested = back_test(scope)
    context = {
        **asked.choices(),
        "asked": asked,
        "areas": Store.objects.first_areas(MOST_CHOICES),
        "scope": scope,
        "as_of": as_of(),
        "rates_as_of": rates_as_of(scope),
        "time_zone": settings.INSIGHTS_TIME_ZONE,
        "number": len(found.stores),
        "judged": found.strength is not None,
        "rows": _rows(scope, found.described((page - 1) * ROWS, page * ROWS)),
        "page": page,
        "pages": -(-len(found.stores) // ROWS),
        "tested": tested,
        "by": by,
        "every_by": list(By),
        "failures": _failures(failures(scope, by, MOST_ROWS + 1)),
        "most": MOST_ROWS,
        "risk": _risk(scope),
    }
    return render(request, "dashboard/problems/page.html", context)


def of_store(request: HttpRequest, store: Store) -> dict[str, Any]:
    """The context of `problems/of_store.html`: the last weeks of one store beside its hosts."""
    scope = WeekFilter().scope(request.user)
    found = store_problem(scope, store.store_id)
    return {
        "beside": _rows(scope, [found])[0] if found else None,
        "beside_scope": scope,
        "beside_time_zone": settings.INSIGHTS_TIME_ZONE,
        "beside_as_of": rates_as_of(scope),
    }


def _rows(scope: Scope, found: Sequence[StoreProblem]) -> list[StoreRow]:
    stores = {store.store_id: store for store in Store.objects.known(problem.store_id for problem in found)}
    named = {problem.frequent.job_id for problem in found if problem.frequent.job_id}
    # An older one may be deleted by now.
    jobs = set(Job.objects.visible_to(scope.user).filter(pk__in=named).values_list("pk", flat=True))
    drawn = intervals([(problem.rate, problem.host_rate) for problem in found])
    return [
        StoreRow(
            problem,
            stores.get(problem.store_id),
            ranges,
            problem.frequent.job_id if problem.frequent.job_id in jobs else None,
            _sentence(problem.frequent.code),
        )
        for problem, ranges in zip(found, drawn.rows, strict=True)
    ]


def _failures(rows: Sequence[FailureRow]) -> dict[str, Any]:
    shown = rows[:MOST_ROWS]
    drawn = intervals([(row.rate,) for row in shown])
    return {"rows": list(zip(shown, drawn.rows, strict=True)), "more": len(rows) > MOST_ROWS}


def _risk(scope: Scope) -> dict[str, Any] | None:
    """None where the test does not let risks be shown."""
    found = risks(scope)
    if not found.is_shown:
        return None
    listed: Sequence[StoreRisk] = found.described(0, ROWS)
    stores = {store.store_id: store for store in Store.objects.known(risk.store_id for risk in listed)}
    drawn = intervals([(risk.risk, risk.host_rate) for risk in listed])
    return {
        "test": found.test,
        "rows": [(risk, stores.get(risk.store_id), ranges) for risk, ranges in zip(listed, drawn.rows, strict=True)],
    }


def _sentence(code: str) -> str:
    return explain(code).sentence if code else ""
