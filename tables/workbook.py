"""Excel workbooks, .xlsx and .xlsm: openpyxl reads what sheets there are, `streams` reads the chosen one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple, cast
from zipfile import ZipFile

from tables.archive import DAMAGED, MAX_SHEET, MAX_STRINGS, SAVE_AGAIN, Archive, TooLarge, damage
from tables.cells import visible
from tables.errors import UnreadableFileError
from tables.kinds import refuse_archive
from tables.streams import MAX_CELLS, Counter, SharedTexts, Sheet, Styles
from tables.values import Mark, Values

# Elements of a part of which openpyxl builds a tree.
MAX_ELEMENTS = 50_000
# Names of sheets in a sentence.
MAX_NAMES = 20
_MANIFEST = "[Content_Types].xml"
_IS_WORKBOOK = re.compile(rb"(?:spreadsheetml|ms-excel)\.[\w.]*main\+xml")

type SheetRow = tuple[int, list[str], dict[int, Mark] | None]


class _Tab(NamedTuple):
    name: str
    is_hidden: bool
    part: str


@contextmanager
def open_workbook(file: BinaryIO, sheet: str | None) -> Iterator[WorkbookRows]:
    """The rows of the sheet of that name, without one of the first that is not hidden. `file` is seekable and stays
    open. Raises UnreadableFileError, here and while iterating."""
    with Archive(file) as opened:
        yield WorkbookRows(opened, file, sheet)


class WorkbookRows:
    """Iterates over row number, cells and what there is to say about them, by their place, of each row with a value."""

    encoding = "utf-8"

    def __init__(self, opened: Archive, file: BinaryIO, sheet: str | None) -> None:
        if not _IS_WORKBOOK.search(_part(opened, _MANIFEST)):
            refuse_archive(opened.plain_names(), _part(opened, "mimetype"))
        self._archive = opened
        tabs, self._values = _structure(opened, file)
        tab = _chosen(tabs, sheet)
        self._part = tab.part
        of = f", one of {len(tabs)}" if len(tabs) > 1 else ""
        self.read_as = f"the sheet {visible(tab.name)!r}{of}{' (hidden)' if tab.is_hidden else ''}"
        self.others = [other.name for other in tabs if other is not tab]

    def __iter__(self) -> Iterator[SheetRow]:
        width, padded = 0, MAX_CELLS
        with self._archive.open(self._part, limit=MAX_SHEET) as stream:
            for number, found in Sheet(stream):
                # A cell far to the right is a cell too many; every row with one takes the blanks before it.
                length = max(width, max(found) + 1)
                width = width or length
                padded -= length
                if padded < 0:
                    raise TooLarge(f"is a workbook whose sheet has more than {MAX_CELLS:,} cells")
                cells = [""] * length
                marks: dict[int, Mark] | None = None
                for place, cell in found.items():
                    cells[place], mark = self._values.text_of(cell, f"{letters_of(place)}{number}")
                    if mark is not None:
                        marks = marks or {}
                        marks[place] = mark
                yield number, cells, marks


def letters_of(place: int) -> str:
    """The letters of a column, counted from 0: A, B, …, Z, AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _chosen(tabs: list[_Tab], sheet: str | None) -> _Tab:
    if not tabs:
        raise UnreadableFileError("is a workbook without a sheet of cells", SAVE_AGAIN)
    if sheet is None:
        return next((tab for tab in tabs if not tab.is_hidden), tabs[0])
    for tab in tabs:
        if tab.name == sheet:
            return tab
    for tab in tabs:
        if tab.name.strip().casefold() == sheet.strip().casefold():
            return tab
    raise UnreadableFileError(f"has no sheet {sheet[:64]!r}; it has {listed([tab.name for tab in tabs])}")


def listed(names: list[str]) -> str:
    """The names of sheets, at most MAX_NAMES, for a sentence."""
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return ", ".join(repr(visible(name[:64])) for name in names[:MAX_NAMES]) + more


class _Counted:
    """The archive as openpyxl sees it, which builds trees of the parts it reads: small ones only."""

    filename = "workbook"

    def __init__(self, opened: Archive) -> None:
        self._archive = opened

    def read(self, name: str) -> bytes:
        with self._archive.open(name) as part:
            content = part.read()
        for _ in Counter(BytesIO(content), MAX_ELEMENTS).chunks():
            pass
        return content


def _structure(opened: Archive, file: BinaryIO) -> tuple[list[_Tab], Values]:
    """The sheets in their order, and how to read their cells."""
    # Its modules take 0.2 s to load, and few files need them.
    from openpyxl.reader.excel import ExcelReader

    warnings.filterwarnings("ignore", module=r"openpyxl\.")  # about what it leaves out, which nobody asked for
    reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
    reader.archive.close()
    reader.archive = cast(ZipFile, _Counted(opened))
    try:
        reader.read_manifest()
        reader.read_workbook()
        relations: Any = reader.parser.rels
        parts = {relation.Type.rpartition("/")[2]: relation.target for relation in relations.values()}
        texts, styles = parts.get("sharedStrings", ""), parts.get("styles", "")
        tabs = [
            _Tab(sheet.name or "", sheet.state != "visible", relation.target)
            for sheet, relation in reader.parser.find_sheets()
            if relation.Type.endswith("/worksheet") and relation.target in opened
        ]
    except UnreadableFileError:
        raise
    except Exception as error:
        raise UnreadableFileError(DAMAGED, SAVE_AGAIN) from error
    if not tabs and _is_strict(opened):
        raise UnreadableFileError(
            "is saved as Strict Open XML Spreadsheet", "open it in Excel, and save it as Excel Workbook (.xlsx)"
        )
    with opened.open(texts, limit=MAX_STRINGS) if texts in opened else BytesIO() as part:
        shared = SharedTexts(part) if texts in opened else None
    with opened.open(styles) if styles in opened else BytesIO() as part:
        formats = Styles(part) if styles in opened else None
    return tabs, Values(shared, formats, reader.wb.epoch)


def _part(opened: Archive, name: str) -> bytes:
    """The content of a small part, empty without one."""
    if name not in opened:
        return b""
    with opened.open(name) as part, damage():
        return part.read()


def _is_strict(opened: Archive) -> bool:
    return any(
        b"http://purl.oclc.org/ooxml/" in _part(opened, name)
        for name in opened.plain_names()
        if name.endswith("/workbook.xml")
    )
