"""The store master: a file into the database, in one transaction and in bounded memory.

The file is streamed through COPY into a temporary table, compared with what is stored by one statement, and
written by one more: a million rows cost seconds, and a second import of the same file writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from django.db import connection
from django.db.backends.utils import CursorWrapper

from retail_pulse.db.timeouts import longer
from stores.reader import Rejection, Repair, StoreFile, open_stores
from tables.doubts import Doubt
from tables.errors import UnreadableFileError

# Stores listed in the report as new, as changed and as missing: at most this many of each.
MAX_DIFF = 200
# Ids listed in the report because they are in several lines, and lines listed of each.
MAX_DUPLICATES = 20
ROWS_BETWEEN_REPORTS = 5_000

# Called with what is being done ("reading", then "storing", or "comparing" in a dry run) and the bytes read so far.
Progress = Callable[[str, int], None]


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


@dataclass(frozen=True, slots=True)
class NewStore:
    line: int
    store_id: str
    name: str
    area_code: str


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
    `reader.MAX_LISTED` entries, `duplicates` the first MAX_DUPLICATES; `new_stores` and `changed_stores` the first
    MAX_DIFF in the file's order, `missing_stores` in the order of their ids.

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
        """Plain lists and dictionaries, as JSON has them, and the `summary`.

        Halves of surrogate pairs, which a column's title may hold, become question marks: no JSON column takes them.
        """
        warnings = [{**asdict(doubt), "message": f"{doubt.sentence}."} for doubt in self.warnings]
        document = {**asdict(self), "warnings": warnings, "summary": self.summary()}
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


def import_stores(
    file: BinaryIO,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    dry_run: bool = False,
    prune: bool = False,
    skip_rejected: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Make the stored stores those of `file`, seekable, CSV or a workbook; stores it does not name stay unless `prune`.

    Nothing is stored where the same id is in the file twice, or where a row is rejected and `skip_rejected` is not
    set; the report says so. A second import at the same time waits for the first one's commit; a dry run only reads,
    and neither waits nor keeps anybody waiting.
    Raises UnreadableFileError, and ValueError where both `prune` and `skip_rejected` are set: the store of
    a rejected row would be deleted because of the row's fault.
    """
    if prune and skip_rejected:
        raise ValueError("prune and skip_rejected exclude each other: see the docstring.")
    progress = progress or (lambda step, position: None)
    with open_stores(file, encoding, sheet) as stores, longer("store import"), connection.cursor() as cursor:
        _stage(cursor, stores, file, progress)
        if prune and not stores.rows:
            raise UnreadableFileError("names no store", "pruning by it would delete every store")
        progress("comparing" if dry_run else "storing", file.tell())
        if not dry_run:
            # Until the commit: another import waits here, and nobody edits a store between comparing and writing.
            # Reading goes on.
            cursor.execute("LOCK TABLE stores_store IN SHARE ROW EXCLUSIVE MODE")
        duplicate_ids, duplicates = _find_duplicates(cursor)
        new, changed, unchanged, missing = _compare(cursor)
        new_stores = _new_stores(cursor) if new else []
        changed_stores = _changed_stores(cursor) if changed else []
        missing_stores = _missing_stores(cursor) if missing else []
        acceptable = not duplicates and (skip_rejected or not stores.rejected_rows)
        if acceptable and not dry_run:
            _store(cursor, prune)
        cursor.execute("DROP TABLE staged_store")
    return ImportReport(
        stored=acceptable and not dry_run,
        dry_run=dry_run,
        encoding=stores.encoding,
        read_as=stores.read_as,
        ignored_columns=stores.ignored_columns,
        rows=stores.rows,
        new=new,
        changed=changed,
        unchanged=unchanged,
        missing=missing,
        pruned=missing if prune and acceptable else 0,
        rejected_rows=stores.rejected_rows,
        rejected=stores.rejected,
        mended_names=stores.repaired_names,
        mended=stores.repaired,
        duplicate_ids=duplicate_ids,
        duplicates=duplicates,
        new_stores=new_stores,
        changed_stores=changed_stores,
        missing_stores=missing_stores,
        warnings=stores.doubts,
    )


def _stage(cursor: CursorWrapper, stores: StoreFile, file: BinaryIO, progress: Progress) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE staged_store AS "
        "SELECT 0::bigint AS line, store_id, name, area_code FROM stores_store WITH NO DATA"
    )
    with connection.wrap_database_errors, cursor.copy("COPY staged_store FROM STDIN") as copy:
        for row in stores:
            if stores.rows % ROWS_BETWEEN_REPORTS == 0:
                progress("reading", file.tell())
            copy.write_row(row)
    # Autovacuum gathers no statistics of a temporary table; without them a million rows may be joined in loops.
    cursor.execute("ANALYZE staged_store")


def _find_duplicates(cursor: CursorWrapper) -> tuple[int, list[Duplicate]]:
    cursor.execute(
        """
        WITH twice AS (SELECT store_id FROM staged_store GROUP BY store_id HAVING count(*) > 1)
        SELECT store_id, (array_agg(line ORDER BY line))[1:%(limit)s], count(*) OVER ()
        FROM staged_store JOIN twice USING (store_id)
        GROUP BY store_id ORDER BY min(line) LIMIT %(limit)s
        """,
        {"limit": MAX_DUPLICATES},
    )
    found = cursor.fetchall()
    return (found[0][2] if found else 0), [Duplicate(store_id, lines) for store_id, lines, _ in found]


def _compare(cursor: CursorWrapper) -> tuple[int, int, int, int]:
    """The rows that are new, changed and unchanged, and the stores that no row names."""
    cursor.execute(
        """
        SELECT count(*) FILTER (WHERE store.store_id IS NULL),
               count(*) FILTER (WHERE (store.name, store.area_code) <> (staged.name, staged.area_code)),
               count(*) FILTER (WHERE (store.name, store.area_code) = (staged.name, staged.area_code)),
               count(*) FILTER (WHERE staged.store_id IS NULL)
        FROM staged_store AS staged FULL JOIN stores_store AS store USING (store_id)
        """
    )
    new, changed, unchanged, missing = cursor.fetchone()
    return new, changed, unchanged, missing


def _new_stores(cursor: CursorWrapper) -> list[NewStore]:
    cursor.execute(
        """
        SELECT line, store_id, name, area_code FROM staged_store AS staged
        WHERE NOT EXISTS (SELECT FROM stores_store AS store WHERE store.store_id = staged.store_id)
        ORDER BY line LIMIT %s
        """,
        [MAX_DIFF],
    )
    return [NewStore(*row) for row in cursor.fetchall()]


def _changed_stores(cursor: CursorWrapper) -> list[ChangedStore]:
    cursor.execute(
        """
        SELECT staged.line, store_id, store.name, store.area_code, staged.name, staged.area_code
        FROM staged_store AS staged JOIN stores_store AS store USING (store_id)
        WHERE (store.name, store.area_code) <> (staged.name, staged.area_code)
        ORDER BY staged.line LIMIT %s
        """,
        [MAX_DIFF],
    )
    return [
        ChangedStore(line, store_id, before=Labels(*labels[:2]), after=Labels(*labels[2:]))
        for line, store_id, *labels in cursor.fetchall()
    ]


def _missing_stores(cursor: CursorWrapper) -> list[MissingStore]:
    cursor.execute(
        """
        SELECT store_id, name, area_code FROM stores_store AS store
        WHERE NOT EXISTS (SELECT FROM staged_store AS staged WHERE staged.store_id = store.store_id)
        ORDER BY store_id LIMIT %s
        """,
        [MAX_DIFF],
    )
    return [MissingStore(*row) for row in cursor.fetchall()]


def _store(cursor: CursorWrapper, prune: bool) -> None:
    cursor.execute(
        """
        INSERT INTO stores_store (store_id, name, area_code, created_at, updated_at)
        SELECT staged.store_id, staged.name, staged.area_code, now(), now()
        FROM staged_store AS staged LEFT JOIN stores_store AS store USING (store_id)
        WHERE (store.name, store.area_code) IS DISTINCT FROM (staged.name, staged.area_code)
        ON CONFLICT (store_id) DO UPDATE
        SET name = excluded.name, area_code = excluded.area_code, updated_at = excluded.updated_at
        """
    )
    if prune:
        cursor.execute(
            "DELETE FROM stores_store AS store "
            "WHERE NOT EXISTS (SELECT FROM staged_store AS staged WHERE staged.store_id = store.store_id)"
        )


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
