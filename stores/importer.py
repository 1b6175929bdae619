"""The store master: a file into the database, in one transaction and in bounded memory.

The file is streamed through COPY into a temporary table, compared with what is stored by one statement, and
written by one more: a million rows cost seconds, and a second import of the same file writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from typing import BinaryIO

from django.db import connection
from django.db.backends.utils import CursorWrapper

from retail_pulse.db.timeouts import longer
from stores.categorising import judge_staged
from stores.import_report import ChangedStore, Duplicate, ImportReport, Labels, MissingStore, NewStore
from stores.reader import FIELDS, StoreFile, StoreRow, open_stores
from tables.errors import UnreadableFileError

# Stores listed in the report as new, as changed and as missing: at most this many of each.
MAX_DIFF = 200
# Ids listed in the report because they are in several lines, and lines listed of each.
MAX_DUPLICATES = 20
ROWS_BETWEEN_REPORTS = 5_000

# Called with the report within the transaction of an import that has changed stores: of apps above this one.
listeners: list[Callable[[ImportReport], None]] = []

# Called with what is being done ("reading", then "storing", or "comparing" in a dry run) and the bytes read so far.
Progress = Callable[[str, int], None]


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
        fields = stores.fields
        if not dry_run:
            # Until the commit: another import waits here, and nobody edits a store between comparing and writing.
            # Reading goes on.
            cursor.execute("LOCK TABLE stores_store IN SHARE ROW EXCLUSIVE MODE")
        duplicate_ids, duplicates = _find_duplicates(cursor)
        new, changed, unchanged, missing = _compare(cursor, fields)
        new_stores = _new_stores(cursor) if new else []
        changed_stores = _changed_stores(cursor, fields) if changed else []
        missing_stores = _missing_stores(cursor) if missing else []
        acceptable = not duplicates and (skip_rejected or not stores.rejected_rows)
        if acceptable and not dry_run:
            if new or changed:
                _store(cursor, fields)
            if prune:
                _prune(cursor)
        cursor.execute("DROP TABLE staged_store")
        report = ImportReport(
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
        if report.stored and (new or changed or report.pruned):
            for listener in listeners:
                listener(report)
    return report


def _stage(cursor: CursorWrapper, stores: StoreFile, file: BinaryIO, progress: Progress) -> None:
    cursor.execute(
        "CREATE TEMPORARY TABLE staged_store AS "
        "SELECT 0::bigint AS line, store_id, name, area_code, latitude, longitude, timezone FROM stores_store "
        "WITH NO DATA"
    )
    # Nothing that few files have is copied for all.
    columns = StoreRow._fields if len(stores.fields) > len(FIELDS) else ("line", *FIELDS)
    number = len(columns)
    with (
        connection.wrap_database_errors,
        cursor.copy(f"COPY staged_store ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in stores:
            if stores.rows % ROWS_BETWEEN_REPORTS == 0:
                progress("reading", file.tell())
            copy.write_row(row[:number])
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


def _differs(fields: tuple[str, ...]) -> str:
    """Whether a row has other values than its store, in the columns that the file has; false for equal ones."""
    ours, theirs = (", ".join(f"{table}.{field}" for field in fields[1:]) for table in ("store", "staged"))
    # Names and areas are never null: the plain comparison, where it is enough, is the faster one.
    return f"({ours}) {'IS DISTINCT FROM' if len(fields) > len(FIELDS) else '<>'} ({theirs})"


def _compare(cursor: CursorWrapper, fields: tuple[str, ...]) -> tuple[int, int, int, int]:
    """The rows that are new, changed and unchanged, and the stores that no row names."""
    both = "staged.store_id IS NOT NULL AND store.store_id IS NOT NULL"
    cursor.execute(
        f"""
        SELECT count(*) FILTER (WHERE store.store_id IS NULL),
               count(*) FILTER (WHERE {both} AND {_differs(fields)}),
               count(*) FILTER (WHERE {both} AND NOT {_differs(fields)}),
               count(*) FILTER (WHERE staged.store_id IS NULL)
        FROM staged_store AS staged FULL JOIN stores_store AS store USING (store_id)
        """  # noqa: S608 - columns of ours
    )
    new, changed, unchanged, missing = cursor.fetchone()
    return new, changed, unchanged, missing


def _new_stores(cursor: CursorWrapper) -> list[NewStore]:
    cursor.execute(
        """
        SELECT line, store_id, name, area_code, latitude, longitude, coalesce(timezone, '')
        FROM staged_store AS staged
        WHERE NOT EXISTS (SELECT FROM stores_store AS store WHERE store.store_id = staged.store_id)
        ORDER BY line LIMIT %s
        """,
        [MAX_DIFF],
    )
    return [NewStore(*row) for row in cursor.fetchall()]


def _changed_stores(cursor: CursorWrapper, fields: tuple[str, ...]) -> list[ChangedStore]:
    labels = [field.name for field in dataclass_fields(Labels)]
    before = ", ".join(f"store.{label}" for label in labels)
    after = ", ".join(f"{'staged' if label in fields else 'store'}.{label}" for label in labels)
    cursor.execute(
        f"""
        SELECT staged.line, store_id, {before}, {after}
        FROM staged_store AS staged JOIN stores_store AS store USING (store_id)
        WHERE {_differs(fields)}
        ORDER BY staged.line LIMIT %s
        """,  # noqa: S608 - columns of ours
        [MAX_DIFF],
    )
    number = len(labels)
    return [
        ChangedStore(line, store_id, before=Labels(*values[:number]), after=Labels(*values[number:]))
        for line, store_id, *values in cursor.fetchall()
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


def _store(cursor: CursorWrapper, fields: tuple[str, ...]) -> None:
    judge_staged(
        cursor,
        "SELECT DISTINCT staged.name FROM staged_store AS staged LEFT JOIN stores_store AS store USING (store_id) "
        "WHERE store.name IS DISTINCT FROM staged.name",
    )
    optional = fields[len(FIELDS) :]
    columns = "".join(f", {field}" for field in optional)
    cursor.execute(
        f"""
        INSERT INTO stores_store (
            store_id, name, area_code, category_id, category_why, words, created_at, updated_at{columns}
        )
        SELECT staged.store_id, staged.name, staged.area_code, judged.category_id, coalesce(judged.category_why, ''),
               coalesce(string_to_array(judged.words, ' '), '{{}}'), now(), now()
               {"".join(f", staged.{field}" for field in optional)}
        FROM staged_store AS staged LEFT JOIN stores_store AS store USING (store_id)
             LEFT JOIN judged_name AS judged ON judged.name = staged.name
        WHERE store.store_id IS NULL OR {_differs(fields)}
        ORDER BY staged.line
        ON CONFLICT (store_id) DO UPDATE
        SET name = excluded.name, area_code = excluded.area_code, updated_at = excluded.updated_at
            {"".join(f", {field} = excluded.{field}" for field in optional)},
            words = CASE WHEN stores_store.name = excluded.name THEN stores_store.words ELSE excluded.words END,
            category_id = CASE WHEN stores_store.name = excluded.name OR stores_store.category_by_hand
                          THEN stores_store.category_id ELSE excluded.category_id END,
            category_why = CASE WHEN stores_store.name = excluded.name OR stores_store.category_by_hand
                           THEN stores_store.category_why ELSE excluded.category_why END
        """  # noqa: S608 - columns of ours
    )
    cursor.execute("DROP TABLE judged_name")


def _prune(cursor: CursorWrapper) -> None:
    cursor.execute(
        "DELETE FROM stores_store AS store "
        "WHERE NOT EXISTS (SELECT FROM staged_store AS staged WHERE staged.store_id = store.store_id)"
    )
