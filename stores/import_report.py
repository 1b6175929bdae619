"""What an import of stores found and did, for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from stores.reader import OPTIONAL_COLUMNS, Rejection, Repair
from tables.doubts import Doubt


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One store id that is in several lines of one file."""

    store_id: str
    lines: list[int]


@dataclass(frozen=True, slots=True)
class Labels:
    """What may change about a store."""

    name: str
    area_code: str
    # In degrees, and the zone of the store's clock; as they are where the file has no columns for them.
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""

    @property
    def coordinates(self) -> str:
        return "" if self.latitude is None else f"{self.latitude:g}, {self.longitude:g}"


@dataclass(frozen=True, slots=True)
class NewStore:
    line: int
    store_id: str
    name: str
    area_code: str
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class ChangedStore:
    line: int
    store_id: str
    before: Labels
    after: Labels


@dataclass(frozen=True, slots=True)
class MissingStore:
    store_id: str
    name: str
    area_code: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found and did. `rows = new + changed + unchanged + rejected_rows`, always.

    Where `stored` is False, the counts say what would have been done. `rejected` and `mended` hold the first
    `reader.MAX_LISTED` entries, `duplicates` the first `importer.MAX_DUPLICATES`; `new_stores` and `changed_stores` the
    first `importer.MAX_DIFF` in the file's order, `missing_stores` in the order of their ids.

    `read_as` is what is not as usual about the file: its encoding, its separator, or a workbook's sheet.

    The fields are keys of the API's answers and of reports in the database: `mended`, the repaired names, is called
    so there.
    """

    stored: bool
    dry_run: bool
    encoding: str
    read_as: str
    ignored_columns: list[str]
    rows: int
    new: int
    changed: int
    unchanged: int
    # Stores that the database holds and the file does not; `pruned` of them were deleted.
    missing: int
    pruned: int
    rejected_rows: int
    rejected: list[Rejection]
    mended_names: int
    mended: list[Repair]
    duplicate_ids: int
    duplicates: list[Duplicate]
    new_stores: list[NewStore]
    changed_stores: list[ChangedStore]
    missing_stores: list[MissingStore]
    # Of rows that are not rejected.
    warnings: list[Doubt]

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, as JSON has them, and the `summary`; places that are not known are left out.

        Halves of surrogate pairs, which a column's title may hold, become question marks: no JSON column takes them.
        """
        warnings = [{**asdict(doubt), "message": f"{doubt.sentence}."} for doubt in self.warnings]
        document = {
            **asdict(self, dict_factory=_without_unknown_places),
            "warnings": warnings,
            "summary": self.summary(),
        }
        text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        report: dict[str, Any] = json.loads(text)
        return report

    def summary(self) -> str:
        parts = [
            f"{self.new:,} new",
            f"{self.changed:,} changed",
            f"{self.unchanged:,} unchanged",
            f"{self.rejected_rows:,} rejected",
            f"{_plural(self.mended_names, 'name')} repaired",
        ]
        if self.duplicate_ids:
            parts.append(f"{_plural(self.duplicate_ids, 'duplicate id')}")
        if self.pruned:
            parts.append(f"{self.pruned:,} pruned")
        elif self.missing:
            parts.append(f"{self.missing:,} kept though missing from the file")
        if self.warnings:
            parts.append(_plural(sum(doubt.count for doubt in self.warnings), "doubtful cell"))
        if self.read_as:
            parts.append(f"read as {self.read_as}")
        end = "" if self.stored else "; dry run, nothing stored" if self.dry_run else "; nothing stored"
        return f"{_plural(self.rows, 'row')}: {', '.join(parts)}{end}"


def _without_unknown_places(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in items if key not in OPTIONAL_COLUMNS or value not in (None, "")}


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
