"""Reports: those that one has saved, one with its rows, and the editor, which shows what it would save."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.report_form import empty, filled, options, read_stores, stores_of
from dashboard.store_filters import MOST_CHOICES
from insights import reports
from insights.models import Dimension, Measure, Report
from insights.models.report import MOST_REPORTS
from insights.scope import as_of
from stores.models import Store, StoreGroup

ROWS = 100
# Rows of an editor's preview.
PREVIEWED = 20


@require_safe
@login_required
def report_list(request: HttpRequest) -> HttpResponse:
    """By their names: at most MOST_REPORTS."""
    found = Report.objects.owned_by(request.user).order_by("name")[:MOST_REPORTS]
    context = {"reports": found, "most": MOST_REPORTS}
    return render(request, "dashboard/reports/list.html", context)


@require_safe
@login_required
def report_page(request: HttpRequest, report_id: int) -> HttpResponse:
    """Its rows as they are now."""
    report = _find(request, report_id)
    written = request.GET.get("start", "")
    start = min(int(written), reports.MOST_ROWS) if re.fullmatch("[0-9]{1,9}", written) else 0
    context = _rows(request, report, start, ROWS)
    return render(request, "dashboard/reports/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_report(request: HttpRequest) -> HttpResponse:
    """The editor: it shows what a report would say before it is saved, also by its address alone."""
    if request.method == "POST" and Report.objects.owned_by(request.user).count() >= MOST_REPORTS:
        messages.error(request, f"You have {MOST_REPORTS} reports: delete one first.")
        return redirect("dashboard:reports")
    return _edit(request, empty(request.user))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_report(request: HttpRequest, report_id: int) -> HttpResponse:
    return _edit(request, _find(request, report_id))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete_report(request: HttpRequest, report_id: int) -> HttpResponse:
    report = _find(request, report_id)
    if request.method == "POST":
        report.delete()
        messages.success(request, f"Deleted the report {report.name}.")
        return redirect("dashboard:reports")
    return render(request, "dashboard/reports/confirm_delete.html", {"report": report})


def _edit(request: HttpRequest, report: Report) -> HttpResponse:
    form = request.POST if request.method == "POST" else request.GET
    is_saving = request.method == "POST" and form.get("act") != "preview"
    faults: dict[str, list[str]] = {}
    asked = stores_of(report)
    if form:
        asked = read_stores(form)
        report = filled(report, form, asked)
        faults = _faults(report, is_named=is_saving)
        if is_saving and asked.unread:
            faults["group"] = list(asked.unread)
    if is_saving and not faults:
        try:
            with transaction.atomic():
                report.save(force_update=report.pk is not None)
        except Report.NotUpdated:
            raise Http404("The report was deleted in the meantime.") from None
        except IntegrityError:
            faults = {"name": ["You have another report of this name."]}
        else:
            messages.success(request, f"Saved the report {report.name}.")
            return redirect("dashboard:report", report.pk)
    context = {"report": report} if faults else _rows(request, report, 0, PREVIEWED)
    context |= {
        "asked": asked,
        **asked.choices(),
        "areas": Store.objects.first_areas(MOST_CHOICES),
        **options(report),
        "faults": faults,
        "is_preview": True,
    }
    return render(request, "dashboard/reports/edit.html", context, status=400 if faults and is_saving else 200)


def _faults(report: Report, *, is_named: bool) -> dict[str, list[str]]:
    """Sentences by field. A preview needs no name."""
    try:
        report.full_clean(exclude=[] if is_named else ["name"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return error.message_dict
    return {}


def _rows(request: HttpRequest, report: Report, start: int, limit: int) -> dict[str, Any]:
    """The report with its rows, or with why there are none."""
    scope = reports.scope_of(report, request.user)
    context = {
        "report": report,
        "scope": scope,
        "as_of": as_of(),
        "time_zone": settings.INSIGHTS_TIME_ZONE,
        "narrowed": _narrowed(report),
        "columns": [Measure(column) for column in report.columns],
        "dimension": Dimension(report.dimension).label,
    }
    try:
        found = reports.rows(report, request.user, start, limit)
    except reports.TooManyRows as fault:
        return context | {"too_many": str(fault)}
    names = {store.store_id: store.pk for store in _stores_of(report, found)}
    return context | {
        "rows": [
            (reports.label(Dimension(report.dimension), row.key), names.get(row.key or ""), row) for row in found.rows
        ],
        "found": found,
        "start": start,
        "first": start + 1,
        "last": start + len(found.rows),
        "next": start + limit if start + limit < found.number else None,
    }


def _stores_of(report: Report, found: reports.Rows) -> Any:
    if report.dimension != Dimension.STORE:
        return Store.objects.none()
    return Store.objects.known(row.key for row in found.rows if row.key)


def _narrowed(report: Report) -> list[tuple[str, str]]:
    """What the report is narrowed to, by the name of the filter."""
    group = None
    if report.group is not None:
        group = StoreGroup.objects.filter(pk=report.group).values_list("name", flat=True).first()
        group = group or f"{report.group}, which there is no longer"
    category = "uncategorised" if report.category == "" else report.category
    parts = (("area", report.area), ("category", category), ("group", group), ("store", report.store))
    return [(name, value) for name, value in parts if value is not None]


def _find(request: HttpRequest, report_id: int) -> Report:
    report = Report.objects.owned_by(request.user).filter(pk=report_id).first()
    if report is None:
        raise Http404("There is no such report of yours.")
    return report
