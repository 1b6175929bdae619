"""A report as a file: CSV for spreadsheets, NDJSON for programs, in the forms of `jobs/reporting/exports.py`.

In CSV each rate and mean has four columns: value, both ends of its interval, and of how many it is.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from django.db import connection

from insights.figures import Figure
from insights.models import Dimension, Measure, Report
from insights.reports import Row, every_row, label
from jobs.reporting.exports import ExportFormat
from jobs.reporting.long_files import Chunks, chunks, limited
from tables.csv_files import csv_lines, guard_cell

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_PARTS = ("value", "low", "high", "n")
# Digits after the point of rates and means in CSV.
_DIGITS = 6


class ReportFile(Chunks):
    """The rows as the user may see them now. Raises TooManyRows on creation."""

    def __init__(self, report: Report, user: User | AnonymousUser | None, form: ExportFormat) -> None:
        rows = _rows(report, user)
        lines = _csv_lines if form is ExportFormat.CSV else _ndjson_lines
        super().__init__(chunks(lines(report, rows), rows))


def filename(report: Report, form: ExportFormat) -> str:
    return f"report-{report.pk}.{form}" if report.pk else f"report.{form}"


def as_json(row: Row) -> dict[str, Any]:
    """As the API and NDJSON have it."""
    values: dict[str, Any] = {
        measure.value: value.as_json() if isinstance(value, Figure) else value for measure, value in row.values.items()
    }
    return {"key": row.key, "name": row.name, **values}


def _rows(report: Report, user: User | AnonymousUser | None) -> Generator[Row]:
    with limited(f"report {report.pk}") as while_read, while_read(connection.connection):
        yield from every_row(report, user)


def _csv_lines(report: Report, rows: Iterator[Row]) -> Iterator[str]:
    dimension = Dimension(report.dimension)
    is_by_store = dimension == Dimension.STORE
    return csv_lines(
        [report.dimension, *(["store_name"] if is_by_store else []), *_titles(report)],
        (
            [
                guard_cell(label(dimension, row.key)),
                *([guard_cell(row.name or "")] if is_by_store else []),
                *(cell for value in row.values.values() for cell in _cells(value)),
            ]
            for row in rows
        ),
    )


def _titles(report: Report) -> Iterator[str]:
    for column in map(Measure, report.columns):
        yield from (f"{column}_{part}" for part in _PARTS) if column.is_figure else [column.value]


def _cells(value: int | Figure) -> Iterator[str]:
    if isinstance(value, int):
        yield str(value)
        return
    for part in (value.value, value.low, value.high):
        yield "" if part is None else str(round(part, _DIGITS))
    yield str(value.n)


def _ndjson_lines(report: Report, rows: Iterator[Row]) -> Iterator[str]:
    return (f"{json.dumps(as_json(row), separators=(',', ':'))}\n" for row in rows)
