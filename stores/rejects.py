"""The rows of a store master that cannot be stored, as a file that people correct and upload again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, BinaryIO

from django.db import connection

from retail_pulse.db.timeouts import longer
from stores.reader import Rejection, StoreFile, open_stores
from tables.csv_files import csv_lines

COLUMNS = ["Line", "Reason"]
# Lines named in the reason of a doubled id.
MAX_LINES = 20
BLOCK_BYTES = 2**16


def rejects_csv(file: BinaryIO, encoding: str | None = None, sheet: str | None = None) -> Iterator[bytes]:
    """The rejected rows of `file`, a seekable store master, as the blocks of a CSV file; none is left out.

    Its columns are the file's own and two last ones, `Line` (in `file`) and `Reason`; rows whose id is in several
    lines are among them. It is UTF-8 with a byte order mark, by which spreadsheets recognise it. A row that is too
    short is filled up with blank cells, so that its reason is in the right column.

    What the file's cells hold is never touched, formulas included: corrected and uploaded again the file must store
    what its owner wrote, and a name that begins with `=`, `-` or `@` is a name; opening it is as safe as opening the
    uploaded file. The text that is ours is safe: where a reason would begin like a formula it gets an apostrophe, and
    an import ignores that column. Columns of an earlier rejects file are replaced by the new ones.

    Bounded memory: doubled ids are found by the database, before the first block. Raises UnreadableFileError and
    database errors at the call; no connection is held while the blocks are read.
    """
    return _blocks(file, encoding, sheet, _note_doubled(file, encoding, sheet))


def _note_doubled(file: BinaryIO, encoding: str | None, sheet: str | None) -> IO[str]:
    """A temporary file of the lines whose id is in others too, each with those lines, in the file's order."""
    notes = TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - closed by its reader
    with open_stores(file, encoding, sheet) as stores, longer("store import"), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE staged_id (line bigint, store_id text)")
        with connection.wrap_database_errors, cursor.copy("COPY staged_id FROM STDIN") as copy:
            for row in stores:
                copy.write_row((row.line, row.store_id))
        doubled = f"""
            COPY (
                WITH twice AS (
                    SELECT store_id, (array_agg(line ORDER BY line))[1:{MAX_LINES}] AS lines, count(*) AS number
                    FROM staged_id GROUP BY store_id HAVING count(*) > 1
                )
                SELECT line, array_to_string(lines, ' '), number
                FROM staged_id JOIN twice USING (store_id) ORDER BY line
            ) TO STDOUT
        """  # noqa: S608 - a number of ours
        with connection.wrap_database_errors, cursor.copy(doubled) as copy:
            for line, lines, number in copy.rows():
                notes.write(f"{line}\t{lines}\t{number}\n")
        cursor.execute("DROP TABLE staged_id")
    notes.seek(0)
    return notes


def _blocks(file: BinaryIO, encoding: str | None, sheet: str | None, notes: IO[str]) -> Iterator[bytes]:
    block = io.StringIO()
    with notes, open_stores(file, encoding, sheet) as stores:
        own = stores.header
        # The rejects of a rejects file: its two columns give way to ours.
        surplus = len(COLUMNS) if own[-len(COLUMNS) :] == COLUMNS else 0
        width = len(own) - surplus

        def rows() -> Iterator[list[object]]:
            for line, cells, reason in _rejected(stores, notes):
                if len(cells) >= len(own):
                    cells = cells[: len(cells) - surplus]
                yield [*cells, *[""] * (width - len(cells)), line, _harmless(reason)]

        for written in csv_lines([*own[:width], *COLUMNS], rows()):
            block.write(written)
            if block.tell() >= BLOCK_BYTES:
                yield _take(block)
        yield _take(block)


def _rejected(stores: StoreFile, notes: IO[str]) -> Iterator[tuple[int, list[str], str]]:
    doubled = _next_note(notes)
    for line, cells, outcome in stores.parsed_rows():
        if isinstance(outcome, Rejection):
            place = f"{outcome.column}: " if outcome.column is not None else ""
            yield line, cells, f"{place}{outcome.reason}"
        elif doubled is not None and doubled[0] == line:
            yield line, cells, doubled[1]
            doubled = _next_note(notes)


def _next_note(notes: IO[str]) -> tuple[int, str] | None:
    note = notes.readline()
    if not note:
        return None
    line, lines, number = note.rstrip("\n").split("\t")
    named = lines.split()
    more = int(number) - len(named)
    rest = f" and {more} more" if more else ""
    return int(line), f"the store id is in lines {', '.join(named)}{rest}; keep one of them"


def _harmless(reason: str) -> str:
    """A column's title, with which a reason begins, is the file's own and may begin like a formula."""
    return f"'{reason}" if reason[:1] in {"=", "+", "-", "@", "\t", "\r"} else reason


def _take(block: io.StringIO) -> bytes:
    # Halves of surrogate pairs, for which a row may have been rejected, are shown by their number.
    taken = block.getvalue().encode("utf-8", "backslashreplace")
    block.seek(0)
    block.truncate()
    return taken
