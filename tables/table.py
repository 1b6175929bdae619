"""A table of named columns, from a CSV file or a workbook: its header, and the rows below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from tables.cells import visible, without_invisible
from tables.errors import UnreadableFileError
from tables.kinds import HEAD_BYTES, is_archive, refuse_foreign
from tables.text import SEPARATORS, TextRows, open_text
from tables.values import Mark
from tables.workbook import WorkbookRows, letters_of, listed, open_workbook

# Characters of a cell in a sentence, and titles of a header.
SHOWN = 40
MAX_TITLES = 20


class Misfit(NamedTuple):
    """Why a row is none of the table: `column` is its title; None means the whole row."""

    column: str | None
    reason: str


# One row: the line of the file in which it begins, or its number in the sheet; its cells; what a workbook says about
# them, by their place; and why the row is none of the table: where it is one, there is a cell for each title.
# A plain tuple, because a million named ones take a second.
type Row = tuple[int, list[str], Mapping[int, Mark] | None, Misfit | None]


@contextmanager
def open_table(
    file: BinaryIO,
    columns: Mapping[str, str],
    *,
    optional: Mapping[str, str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Iterator[Table]:
    """Read the header of a seekable `file`, which stays open; the rows follow by iterating.

    `columns` are the titles that the header must have, by field, and `optional` those that it may have; their case,
    blanks, hyphens and underscores make no difference, nor does their order. The file is a workbook or CSV by its
    content. `encoding` is that of CSV, detected by default; `sheet` is a workbook's, by default the first that is not
    hidden.
    Raises UnreadableFileError, here and while iterating.
    """
    optional = optional or {}
    needed = set(map(_plain, columns.values()))

    def matches(titles: list[str]) -> bool:
        return needed <= {_plain(title) for title in titles}

    file.seek(0)
    head = file.read(HEAD_BYTES)
    if is_archive(head):
        with open_workbook(file, sheet) as workbook:
            yield Table(workbook, columns, optional)
        return
    refuse_foreign(file, head)
    if sheet is not None:
        raise UnreadableFileError("is no workbook, so that it has no sheets", "name none {sheet}")
    with open_text(file, encoding, matches) as text:
        yield Table(text, columns, optional)


class Table:
    """Iterates over the rows below the header, without those in which nothing is written.

    `places` leads from a field to its column. `read_as` says what is not as usual about the file; often empty.
    """

    def __init__(
        self, source: TextRows | WorkbookRows, columns: Mapping[str, str], optional: Mapping[str, str]
    ) -> None:
        self.encoding = source.encoding
        self.read_as = source.read_as
        self._rows = iter(source)
        titles = {**columns, **optional}
        wanted = {_plain(title): field for field, title in titles.items()}
        first = ",".join(columns.values())
        for at, header, _ in self._rows:
            if any(map(str.strip, header)):
                line = at
                break
        else:
            raise UnreadableFileError("is empty", f"the first line must be {first}")
        # Blank titles at the end, as spreadsheets leave them, ask for no cells.
        self._most = len(header)
        while not header[-1].strip():
            header.pop()
        self.header = header
        self.places: dict[str, int] = {}
        self.ignored: list[str] = []
        for place, title in enumerate(header):
            field = wanted.get(_plain(title))
            if field is None:
                if title.strip():
                    self.ignored.append(title)
            elif field in self.places:
                raise UnreadableFileError(
                    f"the header names the column {titles[field]} twice, as "
                    f"{header[self.places[field]]!r} and as {title!r}",
                    "keep one of them",
                    line=line,
                )
            else:
                self.places[field] = place
        if missing := [title for field, title in columns.items() if field not in self.places]:
            needed = set(map(_plain, columns.values()))
            in_one = len(header) == 1 and any(needed <= _titles(header[0], each) for each in SEPARATORS)
            if in_one and (isinstance(source, WorkbookRows) or source.is_quoted):
                raise UnreadableFileError(*_in_one_cell(source), line=line)
            raise UnreadableFileError(*_without(header, missing, first, source), line=line)
        self._is_workbook = isinstance(source, WorkbookRows)

    def __iter__(self) -> Iterator[Row]:
        header, width, most = self.header, len(self.header), self._most
        at, title = min((place, header[place]) for place in self.places.values())
        for line, cells, marks in self._rows:
            if len(cells) <= at or not cells[at].strip():
                if not marks and not any(map(str.strip, cells)):
                    continue
            elif cells[at] == title and cells[:width] == header:
                yield line, cells, marks, Misfit(None, "repeats the header")
                continue
            while len(cells) > most and not cells[-1].strip() and (not marks or len(cells) - 1 not in marks):
                cells.pop()
            yield line, cells, marks, None if width <= len(cells) <= most else self._misfit(cells)

    def title(self, place: int) -> str:
        return self.header[place]

    def _misfit(self, cells: list[str]) -> Misfit:
        width, number = len(self.header), len(cells)
        if number < width:
            return Misfit(self.header[number], f"has {number} cells where the header has {width}")
        place = next((place for place in range(self._most, number) if cells[place].strip()), number - 1)
        surplus = f"column {letters_of(place)} has no title but holds {visible(cells[place][:SHOWN])!r}"
        if self._is_workbook:
            return Misfit(None, f"{surplus}; give the column a title, or empty the cell")
        return Misfit(
            None,
            f"has {number} cells where the header has {width}: {surplus}; "
            "a text that holds the separator must be quoted",
        )


def _plain(title: str) -> str:
    return re.sub(r"[\s_-]", "", without_invisible(title)).casefold()


def _titles(line: str, separator: str) -> set[str]:
    return {_plain(title) for title in line.split(separator)}


def _in_one_cell(source: TextRows | WorkbookRows) -> tuple[str, str]:
    """What is wrong with a header whose one cell holds all titles, and what to do."""
    if isinstance(source, WorkbookRows):
        return "holds all columns in one cell", "split them in Excel (Data, Text to Columns), and save it again"
    return (
        "is in quotation marks as a whole, and so in one column",
        "remove those around every line, and one of each two within it",
    )


def _without(header: list[str], missing: list[str], first: str, source: TextRows | WorkbookRows) -> tuple[str, str]:
    """What is wrong with a header that lacks these columns, and what to do."""
    if isinstance(source, TextRows) and len(header) == 1:
        for separator, word in (("|", "bars"), (";", "semicolons"), ("\t", "tabs")):
            if separator in header[0] and separator != source.separator:
                return f"the columns are separated by {word}, and the header is not {first}", "separate by commas"
    titles = [title for title in header if title.strip()]
    found = ", ".join(repr(visible(title[:SHOWN])) for title in titles[:MAX_TITLES])
    more = f" and {len(titles) - MAX_TITLES:,} more" if len(titles) > MAX_TITLES else ""
    complaint = f"the header lacks {', '.join(missing)}; it names {found}{more}"
    if isinstance(source, WorkbookRows) and source.others:
        # Braces in a cure stand for options.
        others = listed(source.others).replace("{", "{{").replace("}", "}}")
        return complaint, f"another sheet can be named {{sheet}}: {others}"
    return complaint, ""
