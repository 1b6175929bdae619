"""The findings of a proof: tables for people, and whether every bar was met."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


class CannotProve(Exception):
    """This machine lacks what the proof needs; the text says what. Ends with exit code 3, neither met nor missed."""


@dataclass(frozen=True, slots=True)
class Row:
    cells: tuple[str, ...]
    ok: bool


@dataclass(slots=True)
class Findings:
    """One table: a row per case or figure, each of which is as expected or not."""

    title: str
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)

    def add(self, *cells: Any, ok: bool) -> None:
        """Add one row; a cell per column."""
        assert len(cells) == len(self.columns), f"{len(cells)} cells for {len(self.columns)} columns"
        self.rows.append(Row(tuple(map(str, cells)), ok))

    @property
    def missed(self) -> list[Row]:
        return [row for row in self.rows if not row.ok]


class Report:
    """A proof's tables: `bars` compares the figures with what was promised, the others hold the single cases."""

    def __init__(self) -> None:
        self.tables: list[Findings] = []
        self.bars = Findings("Bars", ("what", "found", "bar"))

    def table(self, title: str, *columns: str) -> Findings:
        """A new table of cases, shown before the bars."""
        self.tables.append(Findings(title, columns))
        return self.tables[-1]

    def bar(self, what: str, found: Any, bar: Any, *, ok: bool) -> None:
        self.bars.add(what, found, bar, ok=ok)

    @property
    def missed(self) -> list[Row]:
        """Every row of every table that is not as expected."""
        return [row for table in [*self.tables, self.bars] for row in table.missed]

    def show(self, console: Console) -> None:
        for findings in [*self.tables, self.bars]:
            if not findings.rows:
                continue
            table = Table("", *findings.columns, title=findings.title, title_justify="left")
            for row in findings.rows:
                table.add_row("ok" if row.ok else "MISSED", *row.cells)
            console.print(table, markup=False, highlight=False)
