"""A job's image results as a file: CSV for spreadsheets, NDJSON for programs.

One COPY reads everything, so a file is one consistent snapshot, and neither side holds more than a few rows in memory.
It takes EXPORT_SECONDS at most, because a snapshot slows the queue down. COLUMNS defines the content.

CSV follows RFC 4180, in UTF-8 with a byte order mark: without it, spreadsheets assume an old code page and garble every
name that is not ASCII. A text that a spreadsheet would take for a formula is prefixed with `'` (`guard_cell`). Every
cell is quoted: where a spreadsheet separates by `;`, an unquoted `X;=1+1` would be two cells, one of them a formula.
NDJSON holds every value as it is stored, one object per line.

A truncated file must not be mistaken for a complete one, and neither format marks its end. Over HTTP the chunked
encoding does: a stream that fails is closed without its last chunk, which clients report (`curl` by exit code 18).
`write` leaves no truncated file at a path.
"""

import csv
import io
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from socket import SHUT_RDWR, socket
from tempfile import NamedTemporaryFile
from time import monotonic
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import BooleanField, Case, F, Func, JSONField, OuterRef, Subquery, TextField, Value, When
from django.db.models.expressions import Combinable

from jobs.errors import retryable_codes
from jobs.models import ImageFilter, ImageResult
from retail_pulse.db.timeouts import longer
from stores.models import Store

logger = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 2**10

# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection"): = + - @ and their full-width forms,
# also behind white space, which some of them skip, and tabs and line ends. A text that already has such a quote gets
# another one, so that `unguard_cell` restores exactly what was guarded.
_FORMULA = re.compile("'*(?:[\t\r\n]|\\s*[=+@\uff0b\uff0d\uff1d\uff20-])")

# Line separators that PostgreSQL does not escape in JSON.
_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


# PostgreSQL, appendix A: query canceled.
STATEMENT_TIMEOUT = "57014"


class ExportTooLong(OperationalError):
    """An export has held its snapshot for as long as one may; `what` as in `job 17`."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"The export of {what} was broken off after EXPORT_SECONDS ({seconds:g} s), because its snapshot "
            "slows the queue down: export parts of it by a filter, or raise EXPORT_SECONDS."
        )


class ExportFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8" if self is ExportFormat.CSV else "application/x-ndjson"


def guard_cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def unguard_cell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _json_text(text: str) -> str:
    # Everything but ASCII is escaped, because U+2028 and others end a line for many programs.
    return json.dumps(text)


def _json_value(text: str) -> str:
    return text.translate(_LINE_ENDS)


def _unchanged(text: str) -> str:
    return text


def _flag(text: str) -> str:
    return "true" if text == "t" else "false"


@dataclass(frozen=True, slots=True)
class Kind:
    """How PostgreSQL's text of a value becomes a cell and a JSON value."""

    cell: Callable[[str], str]
    json: Callable[[str], str]


TEXT = Kind(guard_cell, _json_text)
_NUMBER = Kind(_unchanged, _unchanged)
_INSTANT = Kind(_unchanged, _json_text)
_FLAG = Kind(_flag, _flag)
_JSON = Kind(guard_cell, _json_value)


def _instant(field: str) -> Combinable:
    """RFC 3339 in UTC, always with microseconds."""
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return Func(F(field), template=template, output_field=TextField())


def _of_store(field: str) -> Combinable:
    """From the current store master; null if it does not have the store."""
    return Subquery(Store.objects.filter(store_id=OuterRef("visit__store_id")).values(field)[:1])


def _if_any(field: str) -> Combinable:
    """Null instead of empty text."""
    return Func(F(field), Value(""), function="nullif", output_field=TextField())


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
# one insert theirs before the last.
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
    Column("metadata", Func(F("visit__metadata"), Value({}, JSONField()), function="nullif"), _JSON),
    # What the model returned.
    Column("gpu_result", F("gpu_result"), _JSON, only_ndjson=True),
]


def filename(job_id: int, image_filter: ImageFilter, form: ExportFormat) -> str:
    """For example `job-7-failed.csv`: names the job, and the state and the error code if it is filtered by them."""
    parts = [part for part in (image_filter.state, image_filter.code) if part]
    rest = "".join("-" + re.sub(r"[^a-z0-9_]", "", part) for part in parts)
    return f"job-{job_id}{rest}.{form}"


class Chunks:
    """Iterates over the chunks of a file, of which the first is made on creation.

    So an unreachable database raises here, before a response has begun. From then on the database connection is in
    use, until the end, an error, or `close`, which WSGI servers call when the client has disconnected.
    """

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._first: bytes | None = next(self._chunks, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._chunks)

    def close(self) -> None:
        self._chunks.close()


class Export(Chunks):
    """The file of a job's images, in chunks of about CHUNK_BYTES; of an unknown job it is empty."""

    def __init__(self, job_id: int, image_filter: ImageFilter, form: ExportFormat) -> None:
        columns = [column for column in COLUMNS if form is ExportFormat.NDJSON or not column.only_ndjson]
        lines = _csv_lines if form is ExportFormat.CSV else _ndjson_lines
        rows = _rows(job_id, image_filter, columns)
        super().__init__(chunks(lines(columns, rows), rows))


def write(job_id: int, image_filter: ImageFilter, form: ExportFormat, file: IO[bytes] | Path) -> int:
    """Export to an open binary file or to a path; returns the number of bytes.

    At a path, the file appears once it is complete; a file that was there before stays until then.
    """
    if isinstance(file, Path):
        return _write_whole(job_id, image_filter, form, file)
    return sum(file.write(chunk) for chunk in Export(job_id, image_filter, form))


def _write_whole(job_id: int, image_filter: ImageFilter, form: ExportFormat, path: Path) -> int:
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            written = write(job_id, image_filter, form, file.file)
            file.flush()
            # The mode of any new file; a temporary one is accessible only to its owner.
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise
    return written


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def chunks(lines: Iterable[str], rows: Generator[Any]) -> Generator[bytes]:
    """The lines together, in chunks of about CHUNK_BYTES; `rows` is what they are made of, and reads the database."""
    is_within = connection.in_atomic_block
    try:
        pending = io.StringIO()
        for line in lines:
            pending.write(line)
            if pending.tell() >= CHUNK_BYTES:
                yield pending.getvalue().encode()
                pending = io.StringIO()
        yield pending.getvalue().encode()
    finally:
        # First, because an export that is given up is still in the midst of them.
        rows.close()
        # Within a transaction the connection belongs to the code that began it.
        if not is_within:
            connection.close()


@contextmanager
def limited(what: str) -> Iterator[Callable[[psycopg.Connection[Any]], AbstractContextManager[None]]]:
    """A transaction of at most EXPORT_SECONDS. Within it, what is given back is entered for as long as rows are read.

    Raises ExportTooLong where it takes longer.
    """
    seconds = settings.LONG_STATEMENT_SECONDS["export"]
    deadline = monotonic() + seconds
    try:
        with longer("export"), connection.wrap_database_errors:
            yield partial(_hung_up_after, seconds)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == STATEMENT_TIMEOUT or monotonic() >= deadline:
            logger.warning("export broken off", extra={"export_of": what, "seconds": seconds})
            raise ExportTooLong(what, seconds) from error
        raise


def _rows(job_id: int, image_filter: ImageFilter, columns: Sequence[Column]) -> Generator[Sequence[str | None]]:
    """PostgreSQL's text of every value, in submission order."""
    images = ImageResult.objects.in_order_of(job_id).matching(image_filter)
    select, parameters = images.values_list(*(column.value for column in columns)).query.sql_with_params()
    with limited(f"job {job_id}") as while_read, connection.cursor() as cursor:
        # COPY takes no parameters: the driver inserts them into the statement.
        statement = f"COPY ({cursor.mogrify(select, parameters)}) TO STDOUT"
        with cursor.copy(statement) as copy, while_read(copy.connection):
            yield from copy.rows()


@contextmanager
def _hung_up_after(seconds: float, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Where the block takes longer, the connection breaks.

    The server does not end a statement while it waits for a reader, and a reader who waits does not look at the clock.
    """

    def hang_up() -> None:
        with socket(fileno=os.dup(connection.fileno())) as same, suppress(OSError):
            same.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _csv_lines(columns: Sequence[Column], rows: Iterator[Sequence[str | None]]) -> Iterator[str]:
    yield "\ufeff" + ",".join(f'"{column.name}"' for column in columns) + "\r\n"
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    cells = [column.kind.cell for column in columns]
    for row in rows:
        writer.writerow(["" if value is None else cell(value) for cell, value in zip(cells, row, strict=True)])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _ndjson_lines(columns: Sequence[Column], rows: Iterator[Sequence[str | None]]) -> Iterator[str]:
    keys = [(_json_text(column.name), column.kind.json) for column in columns]
    for row in rows:
        members = ("null" if value is None else to_json(value) for (_, to_json), value in zip(keys, row, strict=True))
        yield "{" + ",".join(f"{key}:{member}" for (key, _), member in zip(keys, members, strict=True)) + "}\n"
