"""A report as a form's fields: the same names in the address of a preview and in the body that saves it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict

from access import rights
from dashboard.parameters import number, text
from dashboard.store_filters import StoreFilter
from insights.models import Dimension, Measure, Period, Report
from insights.models.report import DEFAULT_COLUMNS, MAX_NAME
from insights.scope import read_day
from stores.models.category import UNCATEGORISED


def read_stores(form: QueryDict) -> StoreFilter:
    return StoreFilter.read(_fields(form))


def stores_of(report: Report) -> StoreFilter:
    """The stores of a report, as its editor's fields show them."""
    category = UNCATEGORISED if report.category == "" else report.category or ""
    return StoreFilter(area=report.area or "", category=category, group=report.group, store=report.store or "")


def filled(report: Report, form: QueryDict, stores: StoreFilter) -> Report:
    """The report with what the form says. What cannot be read is left as it is; what is missing narrows nothing."""
    fields = _fields(form)
    report.name = text(fields, "name", MAX_NAME + 1)
    dimension, period = form.get("dimension", ""), form.get("period", "")
    report.dimension = dimension if dimension in Dimension.values else report.dimension
    report.period = period if period in Period.values else report.period
    report.weeks = number(fields, "weeks") or report.weeks
    report.since, report.until = read_day(form.get("since", "")), read_day(form.get("until", ""))
    report.columns = [column for column in Measure.values if column in form.getlist("columns")]
    for name, value in stores.narrowing.items():
        setattr(report, name, value)
    return report


def _fields(form: QueryDict) -> dict[str, str]:
    return {name: str(form[name]) for name in form}


def empty(user: User | AnonymousUser) -> Report:
    return Report(owner=rights.owner_of(user), columns=[column.value for column in DEFAULT_COLUMNS])


def options(report: Report) -> dict[str, object]:
    """What the editor offers, and what of it is chosen."""
    return {
        "dimensions": Dimension.choices,
        "measures": [(value, label, value in report.columns) for value, label in Measure.choices],
        "periods": Period.choices,
    }
