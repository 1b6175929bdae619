"""A store master CSV: bytes in, validated rows out. Nothing here knows the database.

The format: a header `AreaCode,StoreName,StoreID`, recognised by name in any order and any case, also as
`area_code,store_name,store_id`; quoting as in RFC 4180; any line ending.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from stores.models import MAX_LENGTHS

# Rejected rows and repaired names kept in full; beyond, they are only counted, so that a broken file of a
# million rows does not fill the memory.
MAX_LISTED = 1_000
# Characters of one line. A file without line ends would otherwise be read whole, whatever its size.
MAX_LINE = 2**20
BLOCK_BYTES = 2**20


class UnreadableFileError(Exception):
    """The file as a whole cannot be read as a store master; the sentence says where, why and what to do.

    The sentence goes on from the file's name: "stores.csv: is empty; …".
    """

    code = "unreadable_file"


class StoreRow(NamedTuple):
    line: int
    store_id: str
    name: str
    area_code: str


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
    max_length: int
    forbidden: re.Pattern[str]
    is_code: bool


# What a cell may not hold: control characters, and lone surrogates, which some encodings let through and
# UTF-8 cannot store. A name may hold line breaks: quoted, they are part of the format.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LINE_BREAKS = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# Header names, without case, spaces, hyphens and underscores, and the fields they fill.
_FIELDS = {"storeid": "store_id", "storename": "name", "areacode": "area_code"}
_TITLES = {"store_id": "StoreID", "name": "StoreName", "area_code": "AreaCode"}


@contextmanager
def open_stores(file: BinaryIO, encoding: str | None = None) -> Iterator[StoreFile]:
    """Read the header of a seekable `file`; the rows follow by iterating.

    Without `encoding`, UTF-8 (with or without a byte order mark) where the whole file is UTF-8, else cp1252.
    `file` stays open. Raises UnreadableFileError, here and while iterating.
    """
    encoding = _detect_encoding(file) if encoding is None else _python_encoding(encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield StoreFile(text)
    finally:
        text.detach()


class StoreFile:
    """The rows that can be stored, by iterating, or all of them, by `parsed_rows`.

    The attributes count and list what was found so far.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.encoding = text.encoding.removesuffix("-sig")
        self.rows = 0
        self.rejected_rows = 0
        self.rejected: list[Rejection] = []
        self.repaired_names = 0
        self.repaired: list[Repair] = []
        self._reader = csv.reader(_lines(text), strict=True)
        header = self._next_cells()
        while header == []:
            header = self._next_cells()
        if header is None:
            raise UnreadableFileError("is empty; the first line must be AreaCode,StoreName,StoreID.")
        self._read_header(header)

    def _read_header(self, header: list[str]) -> None:
        places: dict[str, int] = {}
        self.ignored_columns: list[str] = []
        for place, title in enumerate(header):
            field = _FIELDS.get(re.sub(r"[\s_-]", "", title).casefold())
            if field is None:
                self.ignored_columns.append(title)
            elif field in places:
                raise UnreadableFileError(f"the header names {title!r} twice.")
            else:
                places[field] = place
        if missing := [title for field, title in _TITLES.items() if field not in places]:
            raise UnreadableFileError(missing_columns(header, missing))
        self.header = header
        self._pick = itemgetter(*(places[field] for field in _TITLES))
        self._columns = [
            _Column(
                title=header[places[field]],
                max_length=MAX_LENGTHS[field],
                forbidden=_CONTROL_BUT_LINE_BREAKS if field == "name" else _CONTROL,
                is_code=field != "name",
            )
            for field in _TITLES
        ]

    def __iter__(self) -> Iterator[StoreRow]:
        for _, _, outcome in self.parsed_rows():
            if isinstance(outcome, StoreRow):
                yield outcome

    def parsed_rows(self) -> Iterator[ParsedRow]:
        """Every row but the blank lines, in the file's order."""
        while True:
            # A row with quoted line breaks is named by the line it begins in.
            line = self._reader.line_num + 1
            cells = self._next_cells()
            if cells is None:
                return
            if not cells:
                continue
            self.rows += 1
            if len(cells) != len(self.header):
                rejection = Rejection(line, self._first_missing(cells), _wrong_width(cells, self.header))
                yield ParsedRow(line, cells, self._reject(rejection))
                continue
            store_id, written, area_code = self._pick(cells)
            name = written if written.isascii() else _repaired(written)
            for column, cell in zip(self._columns, (store_id, name, area_code), strict=True):
                if fault := _fault(cell, column):
                    yield ParsedRow(line, cells, self._reject(Rejection(line, column.title, fault)))
                    break
            else:
                if name != written:
                    self._note_repaired(line, written, name)
                yield ParsedRow(line, cells, StoreRow(line, store_id, name, area_code))

    def _next_cells(self) -> list[str] | None:
        line = self._reader.line_num + 1
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise UnreadableFileError(f"the row that begins in line {line:,}: {explain(error)}") from error

    def _first_missing(self, cells: list[str]) -> str | None:
        return self.header[len(cells)] if len(cells) < len(self.header) else None

    def _reject(self, rejection: Rejection) -> Rejection:
        self.rejected_rows += 1
        if len(self.rejected) < MAX_LISTED:
            self.rejected.append(rejection)
        return rejection

    def _note_repaired(self, line: int, before: str, after: str) -> None:
        self.repaired_names += 1
        if len(self.repaired) < MAX_LISTED:
            self.repaired.append(Repair(line, before, after))


def _detect_encoding(file: BinaryIO) -> str:
    file.seek(0)
    if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise UnreadableFileError("is UTF-16; name that encoding (--encoding utf-16), or save it as UTF-8.")
    for encoding in ("utf-8-sig", "cp1252"):
        file.seek(0)
        try:
            for _ in codecs.iterdecode(iter(lambda: file.read(BLOCK_BYTES), b""), encoding):
                pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise UnreadableFileError("is neither UTF-8 nor cp1252; name the encoding it was saved in (--encoding).")


def _python_encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name)
        "".encode(codec.name)  # refuses codecs that are not of text, such as hex
    except (LookupError, ValueError):
        raise UnreadableFileError(
            f"no such encoding: {name!r}; known are utf-8, utf-16, cp1252, latin-1 and Python's others."
        ) from None
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _repaired(name: str) -> str:
    """`name` with a double encoding undone."""
    import ftfy  # its tables of characters take longer to load than all of this package, and few files need them

    return ftfy.fix_encoding(name)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(MAX_LINE)
        except UnicodeError:
            # The decoder works in blocks, so the place is known to a few thousand bytes only.
            raise UnreadableFileError(
                f"line {number:,} or shortly after: not {text.encoding}; "
                "name the encoding it was saved in (--encoding)."
            ) from None
        if not line:
            return
        if "\0" in line:
            raise UnreadableFileError(
                f"line {number:,} holds a NUL character: it is damaged, no CSV at all, "
                "or UTF-16 (then name it: --encoding utf-16le or utf-16be)."
            )
        if len(line) == MAX_LINE:
            raise UnreadableFileError(f"line {number:,} is longer than {MAX_LINE - 1:,} characters.")
        yield line


def missing_columns(header: list[str], missing: list[str]) -> str:
    """What is wrong with a header that lacks these columns."""
    for delimiter, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and delimiter in header[0]:
            return f"the columns are separated by {word}; save it with commas."
    found = ", ".join(repr(title) for title in header)
    return f"the header lacks {', '.join(missing)}; it names {found}."


def _wrong_width(cells: list[str], header: list[str]) -> str:
    reason = f"has {len(cells)} cells where the header has {len(header)}"
    return reason if len(cells) < len(header) else f"{reason}; a name with a comma must be quoted"


def _fault(cell: str, column: _Column) -> str | None:
    stripped = cell.strip()
    if not stripped:
        return "is blank"
    if len(cell) > column.max_length:
        return f"has {len(cell):,} characters; at most {column.max_length} are allowed"
    # An id that ends in an invisible space would never be found again. A name is kept as it is.
    if column.is_code and len(stripped) != len(cell):
        return "begins or ends with white space"
    if not cell.isprintable() and (found := column.forbidden.search(cell)):
        return f"holds the control character U+{ord(found[0]):04X}"
    return None


def explain(error: csv.Error) -> str:
    """What the strict reader of CSV complains of, in words that follow the place."""
    text = str(error)
    if text.startswith("unexpected end of data"):
        return "a quotation mark is opened and never closed."
    if text.startswith("field larger than"):
        return (
            f"a cell is longer than {csv.field_size_limit():,} characters; is a quotation mark opened and never closed?"
        )
    return "text follows a closing quotation mark; a mark inside a cell must be doubled."
