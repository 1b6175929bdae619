"""CSV files that people open in spreadsheets: RFC 4180, in UTF-8 with a byte order mark, every cell quoted.

Without the mark, spreadsheets assume an old code page and garble every name that is not ASCII. Where one separates by
`;`, an unquoted `X;=1+1` would be two cells, one of them a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"

# What spreadsheets take for the beginning of a formula (OWASP, "CSV injection"): = + - @ and their full-width forms,
# also behind white space, which some of them skip, and tabs and line ends. A text that already has such a quote gets
# another one, so that `unguard_cell` restores exactly what was guarded.
_FORMULA = re.compile("'*(?:[\t\r\n]|\\s*[=+@\uff0b\uff0d\uff1d\uff20-])")


def csv_lines(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The file's lines with their ends, the byte order mark before the first; cells as they are, see `guard_cell`."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    yield f"{BYTE_ORDER_MARK}{line.getvalue()}"
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(row)
        yield line.getvalue()


def guard_cell(text: str) -> str:
    """The text, with a `'` before what a spreadsheet would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard_cell(cell: str) -> str:
    """The text that `guard_cell` made this cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
