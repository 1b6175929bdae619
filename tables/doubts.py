"""Cells that can be taken and are probably not as meant, counted by column and cause."""

from __future__ import annotations

from dataclasses import dataclass

from tables.cells import visible

# Lines named of each group.
MAX_LINES = 3

# What is wrong with such cells; each continues a sentence that begins with their number.
CAUSES = {
    "formula": ("holds a formula instead of a value", "hold a formula instead of a value"),
    "error_value": ("is a spreadsheet's error value", "are a spreadsheet's error values"),
    "apostrophe": ("begins with a quotation mark", "begin with a quotation mark"),
    "shortened": (
        "is a number that a spreadsheet shortened: its last digits are lost",
        "are numbers that a spreadsheet shortened: their last digits are lost",
    ),
    "decimal": ("is written as a decimal number", "are written as decimal numbers"),
    "digits": (
        "has zeros behind its fifteenth digit, where spreadsheets lose digits",
        "have zeros behind their fifteenth digit, where spreadsheets lose digits",
    ),
    "missing": ("is a word for a missing value", "are words for a missing value"),
    "date": ("looks like a date made of an id", "look like dates made of ids"),
    "truth_value": ("is a truth value", "are truth values"),
    "quoted": ("is in quotation marks", "are in quotation marks"),
    "odd_space": (
        "holds white space that only looks like an ordinary blank",
        "hold white space that only looks like an ordinary blank",
    ),
    "origin": (
        "is 0, and so is the longitude: a point in the ocean, which stands for an unknown place",
        "are 0, and so are the longitudes: a point in the ocean, which stands for an unknown place",
    ),
    "number": (
        "is a number in the workbook: leading zeros, if there were any, are lost",
        "are numbers in the workbook: leading zeros, if there were any, are lost",
    ),
}


def says_of_one(cause: str) -> str:
    """Continues a sentence that begins with the one cell's text."""
    return CAUSES[cause][0]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Cells of one column that are doubtful for one cause; `lines` are the first MAX_LINES, `example` is the first."""

    code: str
    column: str
    count: int
    lines: list[int]
    example: str

    @property
    def sentence(self) -> str:
        """For example `'StoreID': 2 cells are a spreadsheet's error values (such as '#N/A' in line 3)`."""
        one = self.count == 1
        cells = "1 cell" if one else f"{self.count:,} cells"
        such = "" if one else "such as "
        return (
            f"{self.column!r}: {cells} {CAUSES[self.code][not one]} ({such}{self.example!r} in line {self.lines[0]:,})"
        )


class Doubts:
    """Collects them, in memory that does not grow with the file."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[list[int], str]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def note(self, column: str, cause: str, line: int, text: str) -> None:
        key = column, cause
        self._counts[key] = self._counts.get(key, 0) + 1
        lines, _ = self._found.setdefault(key, ([], visible(text[:64])))
        if len(lines) < MAX_LINES:
            lines.append(line)

    def listed(self) -> list[Doubt]:
        """In the order in which they were first found."""
        return [
            Doubt(cause, column, self._counts[column, cause], lines, example)
            for (column, cause), (lines, example) in self._found.items()
        ]
