"""The oldest snapshot of the database: what was deleted or changed since it was taken has to be kept.

A queue changes every row several times. With a snapshot held, a claim of 64 images took three times as long after
20,000 images, and twenty times as long after 60,000.
"""

from django.db import connection

# From this age on, people are told.
OLD_SECONDS = 120.0

# A transaction that has written holds as much as one that reads in a snapshot. What other roles do is only visible to
# members of pg_read_all_stats.
_OLDEST = """
    SELECT greatest(0, extract(epoch FROM clock_timestamp() - least(
        (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type <> 'autovacuum worker' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)),
        (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database())
    )))::float8
"""


def oldest_snapshot_seconds() -> float:
    """How long ago the oldest transaction began that holds a snapshot of this database; 0 where none does.

    Of those that the service's role may see. Takes less than a millisecond.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        seconds: float = cursor.fetchone()[0]
    return seconds


def old_snapshot() -> str | None:
    """A sentence where a snapshot is so old that it slows the queue down."""
    seconds = oldest_snapshot_seconds()
    if seconds < OLD_SECONDS:
        return None
    return f"A transaction has held a snapshot of the database for {seconds:.0f} s, which slows the queue down."
