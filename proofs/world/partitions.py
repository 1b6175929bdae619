"""The image table partitioned by RANGE (id): what docs/scaling.md describes, done to a database without jobs.

The key stays (id), so that nothing in the service's code changes. Everything that hangs on the table is read from the
catalog and made again: indexes and checks, foreign keys in both directions, the trigger that keeps final rows final.
"""

from collections.abc import Callable
from typing import Any

TABLE = "jobs_imageresult"
_FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND (conrelid = %(table)s::regclass OR confrelid = %(table)s::regclass)
"""
_TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal"
_VACUUM_EARLY = "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = %(table)s::regclass"

type Query = Callable[[str, dict[str, Any]], list[tuple[Any, ...]]]


def partition(query: Query, *, partitions: int, rows: int) -> None:
    """Make the empty table anew with so many partitions of `rows` ids each, and one for all ids beyond.

    `query` executes one statement and returns its rows. PostgreSQL 17 or later, for the identity column.
    """
    keys, triggers = query(_FOREIGN_KEYS, {"table": TABLE}), query(_TRIGGERS, {"table": TABLE})
    ((options,),) = query(_VACUUM_EARLY, {"table": TABLE})
    assert query(f"SELECT count(*) FROM {TABLE}", {}) == [(0,)]  # noqa: S608 - a constant of ours
    statements = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name, _ in keys]
    statements += [
        f"ALTER TABLE {TABLE} RENAME TO unpartitioned",
        f"CREATE TABLE {TABLE} (LIKE unpartitioned INCLUDING ALL) PARTITION BY RANGE (id)",
        "DROP TABLE unpartitioned",
        *(
            f"CREATE TABLE {name_of(number)} PARTITION OF {TABLE}"
            f" FOR VALUES FROM ({number * rows}) TO ({(number + 1) * rows}) WITH ({options})"
            for number in range(partitions)
        ),
        # No DEFAULT partition: beside one, none could be detached concurrently.
        f"CREATE TABLE {TABLE}_beyond PARTITION OF {TABLE}"
        f" FOR VALUES FROM ({partitions * rows}) TO (MAXVALUE) WITH ({options})",
    ]
    statements += [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for table, name, definition in keys]
    for statement in [*statements, *(definition for (definition,) in triggers)]:
        query(statement, {})


def name_of(number: int) -> str:
    """The name of a partition, counted from 0."""
    return f"{TABLE}_p{number:03}"
