"""CSV: its encoding, its separator, its lines and rows. Quoting follows RFC 4180; line ends are arbitrary."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO

from tables.errors import UnreadableFileError

# Characters of one line. A file without line ends would otherwise be read whole, whatever its size.
MAX_LINE = 2**20
# Of a row, which has several lines where line breaks are quoted.
MAX_ROW = 2**20
BLOCK_BYTES = 2**20

# The first that the header matches is taken; commas where none does.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# A first line in which Excel names the separator, quoted by programs that do not know it, then perhaps filled up.
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t ]*[\r\n]*', re.IGNORECASE)
_NOTHING = re.compile(r'[\s,;|"]*')
_NAME_IT = "name the encoding it was saved in {encoding}"
# Codecs of text that no file is saved in; two take time by the square of its length.
_NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "unicode-escape"}
# UTF-32 before UTF-16, with which the mark of the first begins.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

type TextRow = tuple[int, list[str], None]


@contextmanager
def open_text(file: BinaryIO, encoding: str | None, matches: Callable[[list[str]], bool]) -> Iterator[TextRows]:
    """The rows of a seekable `file`, which stays open; `matches` says whether these titles are the header looked for.

    Without `encoding`, UTF-8 (with or without a byte order mark) where the whole file is UTF-8, else cp1252.
    Raises UnreadableFileError, here and while iterating.
    """
    encoding = _detect_encoding(file) if encoding is None else checked_encoding(file, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield TextRows(text, matches)
    finally:
        text.detach()


class TextRows:
    """Iterates over line number and cells of each row from the header on."""

    def __init__(self, text: io.TextIOWrapper, matches: Callable[[list[str]], bool]) -> None:
        self.encoding = text.encoding.removesuffix("-sig")
        self._row_length = 0
        lines = self._lines(text)
        self._before = -1
        named = None
        for first in lines:
            self._before += 1
            if named is None and (sep := _SEP_LINE.fullmatch(first)):
                named = sep[1]
                if named not in SEPARATORS and named != "|":
                    raise UnreadableFileError(
                        f"names {named!r} as the separator", "separate by commas, semicolons or tabs", line=1
                    )
            elif not _NOTHING.fullmatch(first):
                break
        else:
            first = ""
            self._before += 1
        # Whether the header begins with a quoted title.
        self.is_quoted = first.startswith('"')
        self.separator = named or next((each for each in SEPARATORS if matches(_split(first, each))), ",")
        self._reader = csv.reader(chain([first], lines), delimiter=self.separator, strict=True)

    @property
    def read_as(self) -> str:
        """What is not as usual about the file, such as `cp1252, separated by semicolons`; often empty."""
        encoding = [] if self.encoding == "utf-8" else [self.encoding]
        separator = SEPARATORS.get(self.separator, "bars")
        return ", ".join([*encoding, *([] if separator == "commas" else [f"separated by {separator}"])])

    def __iter__(self) -> Iterator[TextRow]:
        reader, before = self._reader, self._before + 1
        while True:
            # A row with quoted line breaks is named by the line it begins in.
            line = reader.line_num + before
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise UnreadableFileError(*_explain(error), line=line) from error
            if cells is None:
                return
            self._row_length = 0
            yield line, cells, None

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            try:
                line = text.readline(MAX_LINE)
            except UnicodeError:
                # The decoder works in blocks, so the place is known to a few thousand bytes only.
                raise UnreadableFileError(
                    f"this line or one shortly after is not {self.encoding}", _NAME_IT, line=number
                ) from None
            if not line:
                return
            if "\0" in line:
                raise UnreadableFileError(
                    "holds a NUL character: the file is damaged, no table at all, or UTF-16",
                    "if it is UTF-16, name that encoding, utf-16le or utf-16be, {encoding}",
                    line=number,
                )
            if len(line) == MAX_LINE:
                raise UnreadableFileError(f"is longer than {MAX_LINE - 1:,} characters", line=number)
            self._row_length += len(line)
            if self._row_length > MAX_ROW:
                raise UnreadableFileError(
                    f"is in a row of more than {MAX_ROW:,} characters",
                    "look for a quotation mark that is never closed",
                    line=number,
                )
            if line.endswith("\x1a"):
                # Programs of DOS end a file with it, and only a last line has no line end behind it.
                line = line.rstrip("\x1a")
                if not line:
                    return
            # Only some encodings take it away.
            yield line.removeprefix("\ufeff") if number == 1 else line


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _marked(file: BinaryIO) -> tuple[str, str]:
    """The encoding of whose byte order mark `file` begins with, and that with the order of bytes; empty without one."""
    file.seek(0)
    head = file.read(4)
    return next(((each[:6].rstrip("-"), each) for mark, each in _MARKS.items() if head.startswith(mark)), ("", ""))


def _detect_encoding(file: BinaryIO) -> str:
    marked, _ = _marked(file)
    if marked not in ("", "utf-8"):
        raise UnreadableFileError(
            f"is {marked.upper()}", f"name that encoding, {marked}, {{encoding}}, or save it as UTF-8"
        )
    for encoding in ("utf-8-sig", "cp1252"):
        file.seek(0)
        try:
            for _ in codecs.iterdecode(iter(lambda: file.read(BLOCK_BYTES), b""), encoding):
                pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise UnreadableFileError("is neither UTF-8 nor cp1252", _NAME_IT)


def codec_of(name: str) -> str:
    """Python's name for an encoding in which files are saved; empty for anything else."""
    try:
        codec = codecs.lookup(name)
        "".encode(codec.name)  # refuses codecs that are not of text, such as hex
    except (LookupError, ValueError):
        return ""
    return "" if codec.name in _NOT_OF_FILES else codec.name


def checked_encoding(file: BinaryIO, name: str) -> str:
    """Python's name for the encoding of that name, to read a seekable `file` in; with UTF-8, a byte order mark is left
    out. Raises UnreadableFileError where it is not known, or the file begins with the mark of another."""
    codec = codec_of(name)
    if not codec:
        raise UnreadableFileError(
            f"cannot be read in the encoding {name!r}, which is not known",
            "known are utf-8, utf-16, cp1252, latin-1 and Python's others",
        )
    if codec == "utf-8-sig":
        codec = "utf-8"
    marked, with_order = _marked(file)
    if marked and codec not in (marked, with_order):
        or_none = ", or no encoding" if marked == "utf-8" else ""
        raise UnreadableFileError(
            f"begins with the byte order mark of {marked.upper()}, and is said to be {codec}", f"name {marked}{or_none}"
        )
    return "utf-8-sig" if codec == "utf-8" else codec


def _explain(error: csv.Error) -> tuple[str, str]:
    """What the strict reader of CSV complains of, and what to do."""
    text = str(error)
    if text.startswith("unexpected end of data"):
        return "opens a quotation mark that is never closed", "close it, or double it where it is part of the text"
    if text.startswith("field larger than"):
        limit = f"{csv.field_size_limit():,}"
        return f"holds a cell of more than {limit} characters", "look for a quotation mark that is never closed"
    return "has text behind a closing quotation mark", "double a quotation mark that is part of the text"
