"""A job's image results as a file: CSV for spreadsheets, NDJSON for programs.

One COPY reads everything, so a file is one consistent snapshot, and neither side holds more than a few rows in memory.
It takes EXPORT_SECONDS at most, because a snapshot slows the queue down. COLUMNS defines the content.

CSV is written as `tables/csv_files.py` says; a text that a spreadsheet would take for a formula is prefixed with `'`.
NDJSON holds every value as it is stored, one object per line.

A truncated file must not be mistaken for a complete one, and neither format marks its end. Over HTTP the chunked
encoding does: a stream that fails is closed without its last chunk, which clients report (`curl` by exit code 18).
`write` leaves no truncated file at a path.
"""

import json
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    F,
    Func,
    JSONField,
    OuterRef,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable

from jobs.errors import retryable_codes
from jobs.models import ImageFilter, ImageResult, Job
from jobs.reporting.long_files import Chunks, chunks, limited
from jobs.reporting.whole_files import appearing
from stores.models import Store
from tables.csv_files import csv_lines, guard_cell

# Line separators that PostgreSQL does not escape in JSON.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8" if self is ExportFormat.CSV else "application/x-ndjson"


def _json_text(text: str) -> str:
    # Everything but ASCII is escaped, because U+2028 and others end a line for many programs.
    return json.dumps(text)


def _json_value(text: str) -> str:
    return text.translate(_LINE_ENDS)


def _unchanged(text: str) -> str:
    return text


def _flag(text: str) -> str:
    return "true" if text == "t" else "false"


class Type(StrEnum):
    """What a column holds, as a manifest names it."""

    TEXT = "text"
    INTEGER = "integer"
    TIME = "time"
    FLAG = "flag"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Kind:
    """How PostgreSQL's text of a value becomes a cell and a JSON value."""

    cell: Callable[[str], str]
    json: Callable[[str], str]
    type: Type


TEXT = Kind(guard_cell, _json_text, Type.TEXT)
_NUMBER = Kind(_unchanged, _unchanged, Type.INTEGER)
_INSTANT = Kind(_unchanged, _json_text, Type.TIME)
_FLAG = Kind(_flag, _flag, Type.FLAG)
_JSON = Kind(guard_cell, _json_value, Type.JSON)


def _instant(field: str) -> Combinable:
    """RFC 3339 in UTC, always with microseconds."""
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return Func(F(field), template=template, output_field=TextField())


def _of_store(field: str) -> Combinable:
    """From the current store master; null if it does not have the store."""
    return Subquery(Store.objects.filter(store_id=OuterRef("visit__store_id")).values(field)[:1])


def _owner() -> Combinable:
    """Looked up by the job's key, row by row: a join might begin with all jobs."""
    return Subquery(Job.with_deleted.filter(pk=OuterRef("job_id")).values("owner__username")[:1])


def _if_any(field: str) -> Combinable:
    """Null instead of empty text."""
    return Func(F(field), Value(""), function="nullif", output_field=TextField())


def _if_any_json(field: str) -> Combinable:
    """Null instead of an empty object."""
    return Func(F(field), Value({}, JSONField()), function="nullif")


def _retryable() -> Combinable:
    failed = When(state="failed", then=Case(When(error_code__in=retryable_codes(), then=True), default=False))
    return Case(failed, default=None, output_field=BooleanField())


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    value: Combinable
    kind: Kind
    only_ndjson: bool = False


# In submission order, one row per image. An empty cell, or null, is a value that is not known (yet). Apps above this
# one insert theirs behind `metadata`.
COLUMNS = [
    Column("store_id", F("visit__store_id"), TEXT),
    Column("store_name", _of_store("name"), TEXT),
    Column("area_code", _of_store("area_code"), TEXT),
    # As the client sent it, and the instant parsed from it.
    Column("visit_time", F("visit__visit_time"), TEXT),
    Column("visited_at", _instant("visit__visited_at"), _INSTANT),
    Column("image_url", F("url"), TEXT),
    Column("host", _if_any("host"), TEXT),
    # pending, running, completed or failed.
    Column("state", F("state"), TEXT),
    # Pixels.
    Column("width", F("width"), _NUMBER),
    Column("height", F("height"), _NUMBER),
    Column("perimeter", F("perimeter"), _NUMBER),
    Column("format", _if_any("format"), TEXT),
    Column("bytes", F("bytes"), _NUMBER),
    # Finished ones, see docs/errors.md.
    Column("attempts", F("attempts"), _NUMBER),
    Column("finished_at", _instant("finished_at"), _INSTANT),
    Column("fetch_ms", F("fetch_ms"), _NUMBER),
    Column("measure_ms", F("measure_ms"), _NUMBER),
    Column("gpu_ms", F("gpu_ms"), _NUMBER),
    Column("error_code", _if_any("error_code"), TEXT),
    Column("error_message", _if_any("error_message"), TEXT),
    # Whether a person's retry may help; only for failed images.
    Column("retryable", _retryable(), _FLAG),
    # Behind the others, so that who reads cells by their place reads the same as before.
    Column("visited_by", _if_any("visit__visited_by"), TEXT),
    # As sent; null without any.
    Column("metadata", _if_any_json("visit__metadata"), _JSON),
    # What the client calls the image, its visit and the job, and what else it says of the image and the job.
    Column("visit_reference", F("visit__reference__client_reference"), TEXT),
    Column("image_reference", _if_any("details__client_reference"), TEXT),
    Column("image_metadata", F("details__metadata"), _JSON),
    Column("job_reference", _if_any("job__client_reference"), TEXT),
    Column("job_metadata", _if_any_json("job__metadata"), _JSON),
    # What the model returned.
    Column("gpu_result", F("gpu_result"), _JSON, only_ndjson=True),
]
# What an outcome is known by where those of several jobs are together.
KEY_COLUMNS = [
    Column("job_id", F("job_id"), _NUMBER),
    Column("image_id", F("pk"), _NUMBER),
    # How often the image was retried: with each retry begins the next outcome.
    Column("generation", F("generation"), _NUMBER),
    # Null where nobody was signed in.
    Column("owner", _owner(), TEXT),
    Column("visit_id", F("visit_id"), _NUMBER),
]


def result_columns() -> list[Column]:
    """Of the results of several jobs."""
    return [*KEY_COLUMNS, *COLUMNS]


def filename(job_id: int, image_filter: ImageFilter, form: ExportFormat) -> str:
    """For example `job-7-failed.csv`: names the job, and the state and the error code if it is filtered by them."""
    parts = [part for part in (image_filter.state, image_filter.code) if part]
    rest = "".join("-" + re.sub(r"[^a-z0-9_]", "", part) for part in parts)
    return f"job-{job_id}{rest}.{form}"


class Export(Chunks):
    """The file of a job's images, in chunks of about CHUNK_BYTES; of an unknown job it is empty."""

    def __init__(self, job_id: int, image_filter: ImageFilter, form: ExportFormat) -> None:
        columns = [column for column in COLUMNS if form is ExportFormat.NDJSON or not column.only_ndjson]
        lines = _csv_lines if form is ExportFormat.CSV else ndjson_lines
        rows = _rows(job_id, image_filter, columns)
        super().__init__(chunks(lines(columns, rows), rows))


def write(job_id: int, image_filter: ImageFilter, form: ExportFormat, file: IO[bytes] | Path) -> int:
    """Export to an open binary file or to a path; returns the number of bytes.

    At a path, the file appears once it is complete; a file that was there before stays until then.
    """
    if isinstance(file, Path):
        with appearing(file) as whole:
            return write(job_id, image_filter, form, whole)
    return sum(file.write(chunk) for chunk in Export(job_id, image_filter, form))


def _rows(job_id: int, image_filter: ImageFilter, columns: Sequence[Column]) -> Generator[Sequence[str | None]]:
    """PostgreSQL's text of every value, in submission order."""
    images = ImageResult.objects.in_order_of(job_id).matching(image_filter)
    yield from copied(images, columns, f"job {job_id}")


def copied(images: QuerySet[ImageResult], columns: Sequence[Column], what: str) -> Generator[Sequence[str | None]]:
    """PostgreSQL's text of every value of these images. Raises ExportTooLong, which names `what` they are."""
    select, parameters = images.values_list(*(column.value for column in columns)).query.sql_with_params()
    with limited(what) as while_read, connection.cursor() as cursor:
        # COPY takes no parameters: the driver inserts them into the statement.
        statement = f"COPY ({cursor.mogrify(select, parameters)}) TO STDOUT"
        with cursor.copy(statement) as copy, while_read(copy.connection):
            yield from copy.rows()


def _csv_lines(columns: Sequence[Column], rows: Iterator[Sequence[str | None]]) -> Iterator[str]:
    cells = [column.kind.cell for column in columns]
    return csv_lines(
        (column.name for column in columns),
        (["" if value is None else cell(value) for cell, value in zip(cells, row, strict=True)] for row in rows),
    )


def ndjson_lines(columns: Sequence[Column], rows: Iterator[Sequence[str | None]]) -> Iterator[str]:
    keys = [(_json_text(column.name), column.kind.json) for column in columns]
    for row in rows:
        members = ("null" if value is None else to_json(value) for (_, to_json), value in zip(keys, row, strict=True))
        yield "{" + ",".join(f"{key}:{member}" for (key, _), member in zip(keys, members, strict=True)) + "}\n"
