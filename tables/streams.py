"""The XML of a workbook's parts, read element by element by expat, in memory that does not grow with the part.

openpyxl builds a tree of every row and keeps an element of each: it takes three times as long (40 and 14 µs for a row
of three cells), a sheet whose one row holds everything is read whole, and a formula that was never computed looks like
an empty cell.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import IO, Any, NamedTuple
from xml.parsers import expat

from tables.archive import DAMAGED, SAVE_AGAIN, TooLarge, damage
from tables.errors import UnreadableFileError

CHUNK_BYTES = 2**16
# Bytes of one tag, comment or other piece that expat has to hold whole, levels of elements, and different names.
MAX_PIECE = 2**20
MAX_DEPTH = 64
MAX_NAMES = 1_000
# The format's own bounds of a sheet, and what a table needs of them.
MAX_ROWS, MAX_COLUMNS = 2**20, 2**14
MAX_CELLS = 2**22
# Characters of one row; and shared texts, each of which is in the workbook once.
MAX_ROW = 2**20
MAX_SHARED = 2 * MAX_ROWS

# Excel writes characters that XML cannot hold as _x000D_.
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile("([A-Z]{1,3})([0-9]{1,7})")


class RawCell(NamedTuple):
    """A cell as the sheet holds it. `text` is None where there is no value; `has_formula` where one computes it."""

    kind: str
    style: str
    text: str | None
    has_formula: bool


def unescaped(text: str) -> str:
    """Text of a workbook with `_x000D_` and the like as the characters they stand for."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _Part:
    """Reads one part. A subclass has `start` and `end`, called with names without prefix, and `text`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._names: dict[str, str] = {}
        self._attributes: set[str] = set()
        self._depth = 0
        self.done = False
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = self._refuse_doctype

    def chunks(self) -> Iterator[None]:
        """Parses on with each step. Raises UnreadableFileError."""
        fed = 0
        while not self.done:
            with damage():
                chunk = self._stream.read(CHUNK_BYTES)
                fed += len(chunk)
                self._parse(chunk)
            if fed - max(0, self._parser.CurrentByteIndex) > MAX_PIECE + CHUNK_BYTES:
                raise TooLarge(f"is a workbook with a tag or comment of more than {MAX_PIECE:,} bytes")
            yield
            if not chunk:
                return

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            raise UnreadableFileError(DAMAGED, SAVE_AGAIN) from error

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, text: str) -> None: ...

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = self._names.get(tag)
        if name is None:
            name = self._names[tag] = tag.rpartition(":")[2]
        self._depth += 1
        self._attributes.update(attributes)
        if self._depth > MAX_DEPTH or len(self._names) > MAX_NAMES or len(self._attributes) > MAX_NAMES:
            raise TooLarge("is a workbook of more names or levels of elements than any program writes")
        self.start(name, attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self.end(self._names[tag])

    def _refuse_doctype(self, *declaration: Any) -> None:
        raise UnreadableFileError("is a workbook that declares a document type, as no program writes it", SAVE_AGAIN)


class Counter(_Part):
    """Counts elements, before a part is given to a library that builds a tree of it."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__(stream)
        self._left = most

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooLarge("is a workbook of more sheets, names or formats than any program writes")


class _Texts(_Part):
    """Collects the text of `t` elements, but for phonetic hints, which are shown above a text and no part of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.pieces: list[str] = []
        self.length = 0
        self.collects = False
        self._hint = False

    def text(self, text: str) -> None:
        if self.collects:
            self.pieces.append(text)
            self.length += len(text)
            if self.length > MAX_ROW:
                raise TooLarge(f"is a workbook with more than {MAX_ROW:,} characters in one row")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self.collects = not self._hint
        elif name == "rPh":
            self._hint = True

    def end(self, name: str) -> None:
        if name == "t":
            self.collects = False
        elif name == "rPh":
            self._hint = False


class SharedTexts(_Texts):
    """The texts that cells name by their number; in one piece of memory, so that millions of short ones fit."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self._bytes = bytearray()
        self._ends = array("I", [0])
        for _ in self.chunks():
            pass

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise IndexError(number)
        return self._bytes[self._ends[number] : self._ends[number + 1]].decode(errors="surrogatepass")

    def end(self, name: str) -> None:
        super().end(name)
        if name == "si":
            self._bytes += unescaped("".join(self.pieces)).encode(errors="surrogatepass")
            self._ends.append(len(self._bytes))
            self.pieces.clear()
            self.length = 0
            if len(self._ends) > MAX_SHARED:
                raise TooLarge(f"is a workbook of more than {MAX_SHARED:,} different texts")


class Styles(_Part):
    """The number format of every style of a cell: `formats[style]` is its code's number, `codes` has the workbook's own
    codes by their number."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.formats = array("I")
        self.codes: dict[int, str] = {}
        self._in_cells = False
        for _ in self.chunks():
            pass

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "cellXfs":
            self._in_cells = True
        elif name == "xf" and self._in_cells:
            self.formats.append(int(attributes.get("numFmtId", 0)))
        elif name == "numFmt":
            self.codes[int(attributes["numFmtId"])] = attributes["formatCode"]

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cells = False


class Sheet(_Texts):
    """Iterates over the rows that a sheet holds: its number, from 1, and its cells by their column, from 0."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self._rows: list[tuple[int, dict[int, RawCell]]] = []
        self._row = self._column = 0
        self._cells: dict[int, RawCell] = {}
        self._left = MAX_CELLS
        self._places: dict[str, int] = {}
        self._kind = self._style = ""
        self._has_value = self._has_formula = False
        self._in_row = 0

    def __iter__(self) -> Iterator[tuple[int, dict[int, RawCell]]]:
        for _ in self.chunks():
            yield from self._rows
            self._rows.clear()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._column = self._place(attributes["r"]) if "r" in attributes else self._column + 1
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            self._has_value = self._has_formula = False
        elif name == "v":
            self._has_value = self.collects = True
        elif name == "f":
            self._has_formula = True
        elif name == "is":
            self._has_value = True
        elif name == "row":
            self._begin_row(attributes.get("r"))
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name == "v":
            self.collects = False
        elif name == "row":
            if self._cells:
                self._rows.append((self._row, self._cells))
                self._cells = {}
        elif name == "sheetData":
            self.done = True
        else:
            super().end(name)

    def _begin_row(self, number: str | None) -> None:
        row = self._row + 1 if number is None else int(number)
        if row <= self._row:
            raise UnreadableFileError(DAMAGED, SAVE_AGAIN)
        if row > MAX_ROWS:
            raise TooLarge(f"is a workbook whose sheet has more than {MAX_ROWS:,} rows")
        self._row, self._column = row, -1
        self._in_row = 0

    def _end_cell(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"is a workbook whose sheet has more than {MAX_CELLS:,} cells")
        if self._column >= MAX_COLUMNS:
            raise TooLarge(f"is a workbook whose sheet has more than {MAX_COLUMNS:,} columns")
        text = "".join(self.pieces) if self._has_value else None
        if self.pieces:
            self.pieces.clear()
            # The texts of the row's other cells are kept until it ends.
            self._in_row += self.length
            self.length = 0
            if self._in_row > MAX_ROW:
                raise TooLarge(f"is a workbook with more than {MAX_ROW:,} characters in row {self._row:,}")
        if text is not None or self._has_formula:
            self._cells[self._column] = RawCell(self._kind, self._style, text, self._has_formula)

    def _place(self, reference: str) -> int:
        letters = reference.rstrip("0123456789")
        place = self._places.get(letters)
        if place is None:
            if not _REFERENCE.fullmatch(reference):
                raise UnreadableFileError(DAMAGED, SAVE_AGAIN)
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            place -= 1
            self._places[letters] = place
        return place
