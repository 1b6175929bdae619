"""Problem stores beside their hosts, failures by area, host, category or group, and the risk of stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import scopes
from dashboard.parameters import page_number
from dashboard.scopes import Asked
from insights.back_tests import back_test
from insights.failures import By, FailureRow, failures
from insights.figures import Figure
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
class Range:
    """A figure's interval on a row's scale, in percent of the width."""

    low: float
    high: float
    value: float


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A problem store, its row of the store master if it has one, and the job to look at."""

    problem: StoreProblem
    store: Store | None
    drawn: Sequence[Range | None]
    job_id: int | None
    sentence: str


@require_safe
@login_required
def problems_page(request: HttpRequest) -> HttpResponse:
    asked = Asked.read(request.GET)
    scope = asked.scope(request.user, asked.area or None)
    by = By(request.GET["by"]) if request.GET.get("by") in set(By) else By.HOST
    page = page_number(request.GET, "page")
    found = problems(scope)
    tested = back_test(scope)
    context = {
        **scopes.choices(asked.group),
        "asked": asked,
        "areas": Store.objects.first_areas(scopes.MOST_CHOICES),
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
    scope = Asked().scope(request.user)
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
    drawn = _drawn([(problem.rate, problem.host_rate) for problem in found])
    return [
        StoreRow(
            problem,
            stores.get(problem.store_id),
            ranges,
            problem.frequent.job_id if problem.frequent.job_id in jobs else None,
            _sentence(problem.frequent.code),
        )
        for problem, ranges in zip(found, drawn, strict=True)
    ]


def _failures(rows: Sequence[FailureRow]) -> dict[str, Any]:
    shown = rows[:MOST_ROWS]
    drawn = _drawn([(row.rate,) for row in shown])
    return {"rows": list(zip(shown, drawn, strict=True)), "more": len(rows) > MOST_ROWS}


def _risk(scope: Scope) -> dict[str, Any] | None:
    """None where the test does not let risks be shown."""
    found = risks(scope)
    if not found.is_shown:
        return None
    listed: Sequence[StoreRisk] = found.described(0, ROWS)
    stores = {store.store_id: store for store in Store.objects.known(risk.store_id for risk in listed)}
    drawn = _drawn([(risk.risk, risk.host_rate) for risk in listed])
    return {
        "test": found.test,
        "rows": [(risk, stores.get(risk.store_id), ranges) for risk, ranges in zip(listed, drawn, strict=True)],
    }


def _drawn(rows: Iterable[Sequence[Figure]]) -> list[list[Range | None]]:
    """The figures of each row, all on one scale from 0 on; None for those that are not known."""
    rows = list(rows)
    most = max((figure.high or 0 for row in rows for figure in row), default=0)
    return [[_range(figure, 98 / most if most else 0) for figure in row] for row in rows]


def _range(figure: Figure, scale: float) -> Range | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return Range(*(round(bound * scale, 2) for bound in (figure.low, figure.high, figure.value)))


def _sentence(code: str) -> str:
    return explain(code).sentence if code else ""
