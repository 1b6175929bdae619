"""Visits from a file, by its content: the body of a JSON submission, a table, or what this service exported.

A table, CSV or a workbook, has the columns `store_id,visit_time,image_url` (also `StoreID`), perhaps `visited_by`,
`metadata` and `image_metadata` (JSON), `visit_reference` and `image_reference`, and one row per image; others are
ignored. Rows with the same store, time, person, metadata and reference of the visit form one visit, in order of first
appearance. What else is read and what is skipped is said in `tables`.

An exported file can be submitted again, as it is or corrected: what JSON accepted once is taken back, invisible
characters and white space included. Its references are left out, because they belong to the job that it is of. In any
other table odd characters are errors, because nobody means them.
"""

import codecs
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from django.conf import settings
from rest_framework.exceptions import ParseError

from jobs.reporting.exports import COLUMNS as EXPORTED
from jobs.submission.payload import VISITED_BY_RULE, is_name
from jobs.submission.strict_json import load_json
from jobs.submission.visit_rows import (
    COLUMNS,
    MAX_TABLE_BYTES,
    OPTIONAL,
    REFERENCES,
    LineProblem,
    UnreadableVisits,
    VisitRows,
    complaint_about,
    complaint_about_metadata,
    complaint_of_json,
    strict_complaint,
)
from stores.charsets import agreed_encoding
from tables.cells import doubt_about_id
from tables.csv_files import unguard_cell
from tables.doubts import Doubts
from tables.errors import Entry, UnreadableFileError
from tables.kinds import HEAD_BYTES
from tables.table import Table, open_table
from tables.text import MAX_LINE, checked_encoding, codec_of

# Of standard input, what is kept in memory.
SPOOL_BYTES = 2**20

# Exports as they are now end with these; older ones end before them, or before a later one of them.
_LATER = (
    *("visited_by", "metadata", "findings"),
    *("visit_reference", "image_reference", "image_metadata", "job_reference", "job_metadata"),
)
_LEFT_OUT = "The references in the export are left out: they belong to the job that it is of."


@dataclass(frozen=True, slots=True)
class VisitsFile:
    """`body` is the decoded body of a submission; `notes` are sentences about how the file was read."""

    body: Any
    notes: list[str] = field(default_factory=list)


def read_visits(
    file: BinaryIO,
    name: str = "",
    *,
    entry: Entry = Entry.COMMAND,
    declared: str = "",
    encoding: str | None = None,
    sheet: str | None = None,
) -> VisitsFile:
    """The visits of a file that begins anywhere: JSON as the API takes it, a table, or an export as NDJSON.

    Of JSON only the syntax is checked; `parse_submission` checks the rest. `encoding` is the file's, `declared` the
    charset that was sent with it, `sheet` is a workbook's. Raises UnreadableVisits, whose text begins with the file's
    `name` and names options as at `entry`, also for a file of more than MAX_BODY_BYTES (JSON) or MAX_TABLE_BYTES; and
    OSError.
    """
    try:
        with _seekable(file) as opened:
            head = opened.read(HEAD_BYTES)
            opened.seek(0)
            return _read(opened, entry, agreed_encoding(declared, encoding or "", head) or None, sheet)
    except UnreadableFileError as error:
        raise UnreadableVisits([LineProblem(error.line, None, error.predicate(entry))], name) from error
    except UnreadableVisits as unreadable:
        raise UnreadableVisits(unreadable.problems, name) from None


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    if file.seekable():
        if file.seek(0, os.SEEK_END) > MAX_TABLE_BYTES:
            raise _too_large(MAX_TABLE_BYTES)
        file.seek(0)
        yield file
        return
    with SpooledTemporaryFile(SPOOL_BYTES) as copy:
        while block := file.read(SPOOL_BYTES):
            if copy.tell() + len(block) > MAX_TABLE_BYTES:
                raise _too_large(MAX_TABLE_BYTES)
            copy.write(block)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def _too_large(limit: int) -> UnreadableVisits:
    return UnreadableVisits([LineProblem(None, None, f"is larger than {limit:,} bytes")])


def _read(file: BinaryIO, entry: Entry, encoding: str | None, sheet: str | None) -> VisitsFile:
    beginning = _beginning(file, encoding)
    if beginning.startswith(b"{\\rtf") or not beginning.startswith((b"{", b"[")):
        return _read_table(file, entry, encoding, sheet)
    if encoding:
        with SpooledTemporaryFile(SPOOL_BYTES) as copy:
            _write_as_utf_8(file, checked_encoding(file, encoding), cast(BinaryIO, copy))
            return _read_json(cast(BinaryIO, copy), beginning)
    return _read_json(file, beginning)


def _beginning(file: BinaryIO, encoding: str | None) -> bytes:
    """The file's first characters, as UTF-8 without a byte order mark or white space."""
    head = file.read(MAX_LINE)
    file.seek(0)
    if encoding and (codec := codec_of(encoding)):
        try:
            head = codecs.getincrementaldecoder(codec)("replace").decode(head).encode(errors="replace")
        except UnicodeError:
            return b""  # UTF-16 without its mark, which is said where the file is read
    return head.removeprefix(codecs.BOM_UTF8).lstrip()


def _write_as_utf_8(file: BinaryIO, encoding: str, copy: BinaryIO) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while block := file.read(SPOOL_BYTES):
            copy.write(decoder.decode(block).encode())
        copy.write(decoder.decode(b"", final=True).encode())
    except UnicodeError:
        name = encoding.removesuffix("-sig")
        raise UnreadableFileError(
            f"is not {name}, as it is said to be", "name the encoding it was saved in {encoding}"
        ) from None
    copy.seek(0)


def _read_json(file: BinaryIO, beginning: bytes) -> VisitsFile:
    if _is_exported_line(beginning.partition(b"\n")[0]):
        return _read_ndjson(file)
    content = file.read(settings.MAX_BODY_BYTES + 1)
    if len(content) > settings.MAX_BODY_BYTES:
        raise _too_large(settings.MAX_BODY_BYTES)
    try:
        return VisitsFile(load_json(content.removeprefix(codecs.BOM_UTF8)))
    except ParseError as error:
        raise UnreadableVisits([LineProblem(None, None, complaint_of_json(error))]) from None


def _is_exported_line(line: bytes) -> bool:
    """Whether this is an image as the export writes it, and no submission."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and isinstance(row.get("image_url"), str) and "visits" not in row


def _export_headers() -> list[list[str]]:
    names = [column.name for column in EXPORTED if not column.only_ndjson]
    return [[name for name in names if name not in _LATER[first:]] for first in range(len(_LATER) + 1)]


def _read_ndjson(file: BinaryIO) -> VisitsFile:
    visits = VisitRows()
    left_out = False
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            visits.complain(number, None, f"is longer than {MAX_LINE:,} bytes")
            raise UnreadableVisits(visits.problems)
        line = line.removeprefix(codecs.BOM_UTF8).strip()
        if not line:
            continue
        try:
            row = load_json(line)
        except ParseError as error:
            visits.complain(number, None, complaint_of_json(error))
            continue
        if not isinstance(row, dict):
            visits.complain(number, None, "must be an object with store_id, visit_time and image_url")
            continue
        cells = {}
        for name in COLUMNS:
            cell = row.get(name)
            if not isinstance(cell, str):
                visits.complain(number, name, "must be a string" if name in row else "is missing")
            elif complaint := complaint_about(name, cell):
                visits.complain(number, name, complaint)
            else:
                cells[name] = cell
        left_out = left_out or any(map(row.get, REFERENCES))
        name, metadata, of_image = (row.get(key) or empty for key, empty in _OPTIONAL_OF_EXPORTS.items())
        if not isinstance(name, str) or not is_name(name):
            visits.complain(number, "visited_by", VISITED_BY_RULE)
        elif complaint := complaint_about_metadata(metadata):
            visits.complain(number, "metadata", complaint)
        elif complaint := complaint_about_metadata(of_image):
            visits.complain(number, "image_metadata", complaint)
        elif len(cells) == len(COLUMNS):
            texts = [json.dumps(each) if each else "" for each in (metadata, of_image)]
            visits.add(number, **cells, visited_by=name, metadata=texts[0], image_metadata=texts[1])
    return VisitsFile(visits.body(), [_LEFT_OUT] if left_out else [])


# What a line may lack, and what that means.
_OPTIONAL_OF_EXPORTS: dict[str, Any] = {"visited_by": "", "metadata": {}, "image_metadata": {}}


def _read_table(file: BinaryIO, entry: Entry, encoding: str | None, sheet: str | None) -> VisitsFile:
    most = settings.MAX_BODY_BYTES if entry is Entry.API else MAX_TABLE_BYTES
    visits, doubts = VisitRows(most), Doubts()
    with open_table(file, COLUMNS, optional=OPTIONAL, encoding=encoding, sheet=sheet) as table:
        is_export = table.header in _export_headers()
        check = complaint_about if is_export else strict_complaint
        read = [name for name in (*COLUMNS, *OPTIONAL) if name in table.places]
        skipped: list[int] = []
        if is_export:
            skipped = [table.places[name] for name in REFERENCES if name in table.places]
            read = [name for name in read if name not in REFERENCES]
        left_out = False
        places = [(name, table.places[name], table.header[table.places[name]]) for name in read]
        try:
            for line, cells, marks, misfit in table:
                if misfit is not None:
                    visits.complain(line, *misfit)
                    continue
                left_out = left_out or any(cells[place] for place in skipped)
                values = {}
                for name, place, title in places:
                    cell = values[name] = unguard_cell(cells[place])
                    mark = marks.get(place) if marks else None
                    if complaint := (mark and mark.fault) or check(name, cell):
                        visits.complain(line, title, complaint)
                    elif mark and mark.doubt and name == "store_id" and doubt_about_id(cell) is None:
                        doubts.note(title, mark.doubt, line, cell)
                visits.add(line, **values)
        except UnreadableFileError as error:
            if not visits.problems:
                raise
            visits.complain(error.line, None, error.predicate(entry))
    body = visits.body()
    notes = [*_read_as(table), *([_LEFT_OUT] if left_out else [])]
    return VisitsFile(body, [*notes, *(f"{doubt.sentence}." for doubt in doubts.listed())])


def _read_as(table: Table) -> Iterator[str]:
    if table.read_as:
        yield f"The file is read as {table.read_as}."
