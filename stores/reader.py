"""A store master, as a CSV file or a workbook: bytes in, validated rows out. Nothing here knows the database.

The format: a header `AreaCode,StoreName,StoreID`, recognised by name in any order and any case, also as
`area_code,store_name,store_id`. It may have `Latitude` and `Longitude`, both or neither, and `Timezone`; a blank cell
there says that it is not known. What else `tables` reads and skips is said there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from stores.models import MAX_LENGTHS
from stores.places import NOWHERE, Misplaced, Place, read_place
from tables.cells import doubt_about_id, invisible_complaint, is_error_value
from tables.doubts import Doubt, Doubts
from tables.table import Table, open_table
from tables.values import Mark

# Rejected rows and repaired names kept in full; beyond, they are only counted, so that a broken file of a
# million rows does not fill the memory.
MAX_LISTED = 1_000

# The titles of the columns, by the field that they fill.
COLUMNS = {"area_code": "AreaCode", "name": "StoreName", "store_id": "StoreID"}
COORDINATES = {"latitude": "Latitude", "longitude": "Longitude"}
OPTIONAL_COLUMNS = {**COORDINATES, "timezone": "Timezone"}
FIELDS = ("store_id", "name", "area_code")


class StoreRow(NamedTuple):
    """The last three, which may not be known, are in every row, also where the file has no columns for them."""

    line: int
    store_id: str
    name: str
    area_code: str
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one row cannot be stored. `column` is spelled as in the file; None means the whole row."""

    line: int
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A name that had been encoded twice (`CAFÃ‰`), and what it was meant to be (`CAFÉ`)."""

    line: int
    before: str
    after: str


class ParsedRow(NamedTuple):
    """One row of the file as it is written there, and its outcome: a row to store, or why it cannot be stored."""

    line: int
    cells: list[str]
    outcome: StoreRow | Rejection


class _Column(NamedTuple):
    title: str
    place: int
    max_length: int
    is_code: bool


# The usual ids and area codes, of which nothing needs to be asked.
_PLAIN_CODE = re.compile("[A-Za-z]{0,16}(?:[0-9]{1,14}|[-_][0-9]{5,14})")
# What a name may not hold: control characters, and lone surrogates, which some encodings let through and UTF-8 cannot
# store. It may hold line breaks: quoted, they are part of the format.
_CONTROL_BUT_LINE_BREAKS = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@contextmanager
def open_stores(file: BinaryIO, encoding: str | None = None, sheet: str | None = None) -> Iterator[StoreFile]:
    """Read the header of a seekable `file`, which stays open; the rows follow by iterating.

    `encoding` is that of CSV, detected by default; `sheet` is a workbook's, by default the first that is not hidden.
    Raises UnreadableFileError, here and while iterating.
    """
    with open_table(file, COLUMNS, optional=OPTIONAL_COLUMNS, encoding=encoding, sheet=sheet) as table:
        yield StoreFile(table)


class StoreFile:
    """The rows that can be stored, by iterating, or all of them, by `parsed_rows`.

    The attributes count and list what was found so far.
    """

    def __init__(self, table: Table) -> None:
        self.encoding = table.encoding
        self.read_as = table.read_as
        self.header = table.header
        found = set(OPTIONAL_COLUMNS) & table.places.keys()
        # One coordinate without the other says nothing.
        lonely = set() if COORDINATES.keys() <= found else found & COORDINATES.keys()
        self.ignored_columns = [*table.ignored, *(table.header[table.places[field]] for field in sorted(lonely))]
        # The columns that the file has, as fields of a store.
        self.fields = (*FIELDS, *(field for field in OPTIONAL_COLUMNS if field in found - lonely))
        self._places = {field: table.places[field] for field in self.fields[len(FIELDS) :]}
        self.rows = 0
        self.rejected_rows = 0
        self.rejected: list[Rejection] = []
        self.repaired_names = 0
        self.repaired: list[Repair] = []
        self._doubts = Doubts()
        self._table = table
        self._pick = itemgetter(*(table.places[field] for field in FIELDS))
        self._columns = [
            _Column(
                title=table.header[table.places[field]],
                place=table.places[field],
                max_length=MAX_LENGTHS[field],
                is_code=field != "name",
            )
            for field in FIELDS
        ]

    @property
    def doubts(self) -> list[Doubt]:
        """Cells of stored rows that are probably not as meant, by column and cause."""
        return self._doubts.listed()

    def __iter__(self) -> Iterator[StoreRow]:
        for _, _, outcome in self.parsed_rows():
            if isinstance(outcome, StoreRow):
                yield outcome

    def parsed_rows(self) -> Iterator[ParsedRow]:
        """Every row in which something is written, in the file's order."""
        columns, is_plain = self._columns, _PLAIN_CODE.fullmatch
        # Those of many rows, of which nothing needs to be asked twice.
        areas: set[str] = set()
        for line, cells, marks, misfit in self._table:
            self.rows += 1
            if misfit is not None:
                yield ParsedRow(line, cells, self._reject(Rejection(line, *misfit)))
                continue
            store_id, written, area_code = self._pick(cells)
            name = written if written.isascii() else _repaired(written)
            values = store_id, name, area_code
            # Nearly every row: nothing is wrong with its codes, nor doubtful.
            fine = (
                marks is None
                and (is_plain(store_id) or _is_fine(store_id, columns[0]))
                and (area_code in areas or _is_fine(area_code, columns[2]))
            )
            if fine and len(areas) < MAX_LISTED:
                areas.add(area_code)
            for column, cell in [(columns[1], name)] if fine else zip(columns, values, strict=True):
                if fault := (marks and _marked_fault(marks, column.place)) or _fault(cell, column):
                    yield ParsedRow(line, cells, self._reject(Rejection(line, column.title, fault)))
                    break
            else:
                try:
                    place = self._place(cells, marks) if self._places else NOWHERE
                except Misplaced as fault:
                    title = self.header[self._places[fault.field]]
                    yield ParsedRow(line, cells, self._reject(Rejection(line, title, fault.reason)))
                    continue
                if name is not written and name != written:
                    self._note_repaired(line, written, name)
                if place.latitude == 0 and place.longitude == 0:
                    at = self._places["latitude"]
                    self._doubts.note(self.header[at], "origin", line, cells[at])
                if not fine or name[0] == "#":
                    self._note_doubts(line, values, marks)
                yield ParsedRow(line, cells, StoreRow(line, *values, *place))

    def _place(self, cells: list[str], marks: Mapping[int, Mark] | None) -> Place:
        """Raises Misplaced."""
        if marks:
            for field, at in self._places.items():
                if fault := _marked_fault(marks, at):
                    raise Misplaced(field, fault)
        return read_place({field: cells[at] for field, at in self._places.items()})

    def _reject(self, rejection: Rejection) -> Rejection:
        self.rejected_rows += 1
        if len(self.rejected) < MAX_LISTED:
            self.rejected.append(rejection)
        return rejection

    def _note_repaired(self, line: int, before: str, after: str) -> None:
        self.repaired_names += 1
        if len(self.repaired) < MAX_LISTED:
            self.repaired.append(Repair(line, before, after))

    def _note_doubts(self, line: int, cells: tuple[str, str, str], marks: Mapping[int, Mark] | None) -> None:
        for column, cell in zip(self._columns, cells, strict=True):
            if not column.is_code:
                doubt = "error_value" if is_error_value(cell) else None
            elif marks and (mark := marks.get(column.place)):
                doubt = mark.doubt
            else:
                doubt = doubt_about_id(cell)
            if doubt is not None:
                self._doubts.note(column.title, doubt, line, cell)


def _repaired(name: str) -> str:
    """`name` with a double encoding undone."""
    import ftfy  # its tables of characters take longer to load than all of this package, and few files need them

    return ftfy.fix_encoding(name)


def _marked_fault(marks: Mapping[int, Mark], place: int) -> str | None:
    mark = marks.get(place)
    return mark.fault if mark is not None else None


def _is_fine(cell: str, column: _Column) -> bool:
    return _fault(cell, column) is None and doubt_about_id(cell) is None


def _fault(cell: str, column: _Column) -> str | None:
    stripped = cell.strip()
    if not stripped:
        return "is blank"
    if len(cell) > column.max_length:
        return f"has {len(cell):,} characters; at most {column.max_length} are allowed"
    if not column.is_code:
        if not cell.isprintable() and (found := _CONTROL_BUT_LINE_BREAKS.search(cell)):
            return f"holds the control character U+{ord(found[0]):04X}"
        return None
    # An id that ends in white space, or holds what nobody sees, would never be found again. A name is kept as it is.
    if not cell.isprintable() or not cell.isascii():
        complaint = invisible_complaint(cell)
        if complaint is not None:
            return complaint
    return "begins or ends with white space" if len(stripped) != len(cell) else None
