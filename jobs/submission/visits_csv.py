"""Visits from a file: a CSV file becomes the body of a JSON submission; `read_visits` accepts either format.

The CSV file has a header with `store_id,visit_time,image_url` in any order and any case (also `StoreID`; other columns
are ignored, so an exported file can be corrected and submitted again), and one row per image: rows with the same store
and time form one visit, in order of first appearance. Quoting follows RFC 4180; the encoding is UTF-8 with or without a
byte order mark, otherwise cp1252; line endings are arbitrary; blank lines are skipped.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError

from jobs.reporting.exports import unguard_cell
from jobs.submission.payload import (
    MAX_PROBLEMS,
    MAX_STORE_ID,
    MAX_VISIT_TIME,
    URL_RULE,
    is_url_text,
    load_json,
    text_rule,
)
from stores.charsets import agreed_encoding
from stores.reader import UnreadableFileError, explain, missing_columns

# Header names, ignoring case, spaces, hyphens and underscores, and the columns that they name.
_COLUMNS = {"storeid": "store_id", "visittime": "visit_time", "imageurl": "image_url"}


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One thing wrong with a file: its place, and a complaint that continues a sentence beginning with the place.

    Without a `line` the whole file is meant, without a `column` the whole row. `column` is spelled as in the file.
    """

    line: int | None
    column: str | None
    complaint: str

    @property
    def sentence(self) -> str:
        """For example `line 3, 'StoreID': is blank`, without a full stop."""
        if self.line is None:
            return f"the file {self.complaint}"
        column = f", {self.column!r}" if self.column is not None else ""
        return f"line {self.line:,}{column}: {self.complaint}"


class UnreadableVisits(Exception):
    """The file does not hold valid visits; `problems` says why, at most the first MAX_PROBLEMS."""

    def __init__(self, problems: Sequence[LineProblem], name: str = "") -> None:
        self.problems = problems
        file = f"{name}: " if name else ""
        rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{file}{problems[0].sentence}{rest}.")


def read_visits(file: IO[bytes], name: str = "", encoding: str = "") -> Any:
    """The decoded body of a submission: a file that begins with `{` or `[` is JSON, any other is CSV.

    `encoding` is the charset that was declared with it, if any.

    Of JSON only the syntax is checked; `parse_submission` checks the rest. Raises UnreadableVisits, whose text begins
    with the file's `name`, also for a file of more than MAX_BODY_BYTES; and OSError.
    """
    try:
        return _read(file, encoding)
    except UnreadableVisits as unreadable:
        raise UnreadableVisits(unreadable.problems, name) from None


def _read(file: IO[bytes], encoding: str) -> Any:
    content = file.read(settings.MAX_BODY_BYTES + 1)
    if len(content) > settings.MAX_BODY_BYTES:
        raise _unreadable(f"is larger than {settings.MAX_BODY_BYTES:,} bytes")
    if encoding:
        content = _as_utf_8(content, encoding)
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.lstrip().startswith((b"{", b"[")):
        return parse_visits_csv(content)
    try:
        return load_json(content)
    except ParseError as error:
        raise _unreadable(f"cannot be read: {str(error.detail).removesuffix('.')}") from None


def _as_utf_8(content: bytes, declared: str) -> bytes:
    try:
        return content.decode(agreed_encoding(declared)).encode()
    except UnreadableFileError as unknown:
        raise _unreadable(str(unknown).removesuffix(".")) from None
    except UnicodeError:
        raise _unreadable(f"is not {declared}, which is declared as its charset") from None


def parse_visits_csv(content: bytes) -> dict[str, Any]:
    """The body `{"count": …, "visits": […]}`, which `parse_submission` accepts.

    Raises UnreadableVisits, also for more than MAX_IMAGES_PER_JOB rows.
    """
    rows = _Rows(_decode(content))
    visits: dict[tuple[str, str], dict[str, Any]] = {}
    for number, (store_id, visit_time, image_url) in enumerate(rows):
        if number == settings.MAX_IMAGES_PER_JOB:
            rows.complain(None, f"is one image too many; a job has at most {settings.MAX_IMAGES_PER_JOB:,}")
            break
        if (visit := visits.get((store_id, visit_time))) is None:
            visit = {"store_id": store_id, "visit_time": visit_time, "image_url": []}
            visits[store_id, visit_time] = visit
        visit["image_url"].append(image_url)
    if rows.problems:
        raise UnreadableVisits(rows.problems)
    if not visits:
        raise _unreadable("has no rows below its header")
    return {"count": len(visits), "visits": list(visits.values())}


class _Rows:
    """Iterates over store id, time and URL of each row, also of rows with problems, so that all images are counted."""

    def __init__(self, text: str) -> None:
        self.problems: list[LineProblem] = []
        self._line = 1
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        self._header = next((cells for cells in self._cells() if cells), None)
        if self._header is None:
            raise _unreadable(f"is empty; the first line must be {','.join(_COLUMNS.values())}")
        places: dict[str, int] = {}
        for place, title in enumerate(self._header):
            column = _COLUMNS.get(re.sub(r"[\s_-]", "", title).casefold())
            if column in places:
                raise UnreadableVisits([LineProblem(self._line, title, "occurs twice in the header")])
            if column is not None:
                places[column] = place
        if missing := [column for column in _COLUMNS.values() if column not in places]:
            complaint = missing_columns(self._header, missing).removesuffix(".")
            raise UnreadableVisits([LineProblem(self._line, None, complaint)])
        self._places = [places[column] for column in _COLUMNS.values()]

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        assert self._header is not None
        for cells in self._cells():
            if not any(cells):
                continue
            if len(cells) != len(self._header):
                self.complain(None, f"has {len(cells)} cells where the header has {len(self._header)}")
                continue
            store_id, visit_time, image_url = (unguard_cell(cells[place]) for place in self._places)
            self._check_cell(0, store_id, _text_complaint(store_id, MAX_STORE_ID))
            self._check_cell(1, visit_time, _text_complaint(visit_time, MAX_VISIT_TIME))
            self._check_cell(2, image_url, None if is_url_text(image_url) else URL_RULE)
            yield store_id, visit_time, image_url

    def complain(self, column: str | None, complaint: str) -> None:
        """Add a problem of the current row. Raises UnreadableVisits as soon as there are MAX_PROBLEMS."""
        self.problems.append(LineProblem(self._line, column, complaint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise UnreadableVisits(self.problems)

    def _check_cell(self, column: int, cell: str, complaint: str | None) -> None:
        if not cell.strip():
            complaint = "is blank"
        elif len(cell.strip()) != len(cell):
            complaint = "begins or ends with white space"
        if complaint is not None:
            assert self._header is not None
            self.complain(self._header[self._places[column]], complaint)

    def _cells(self) -> Iterator[list[str]]:
        while True:
            # A row with quoted line breaks is named by its first line.
            self._line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                self.complain(None, explain(error).removesuffix("."))
                raise UnreadableVisits(self.problems) from None
            if cells is None:
                return
            yield cells


def _text_complaint(text: str, longest: int) -> str | None:
    return None if len(text) <= longest else text_rule(longest)


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unreadable("is UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise _unreadable("is neither UTF-8 nor cp1252; save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableVisits([LineProblem(line, None, "holds a NUL character; it is damaged, or not a CSV file")])
    return text


def _unreadable(complaint: str) -> UnreadableVisits:
    return UnreadableVisits([LineProblem(None, None, complaint)])
