"""Gives batches of outcomes their positions in the results feed, see `results_feed.py`."""

from collections.abc import Sequence

from django.db import connection, transaction

# How many batches one request gives their positions.
MOST_GIVEN = 1_000

_IS_ANY_LEFT = """
    SELECT EXISTS (
        SELECT FROM unnest(%(owners)s::bigint[]) AS visible (owner) CROSS JOIN LATERAL (
            SELECT FROM jobs_finishedbatch WHERE owner = visible.owner AND position IS NULL
            ORDER BY owner, position, id LIMIT 1
        ) batch
    )
"""
_IS_ANY_LEFT_OF_ALL = """
    SELECT EXISTS (SELECT FROM jobs_finishedbatch WHERE position IS NULL ORDER BY position, id LIMIT 1)
"""
# Also where the row is missing. It stays locked until the commit.
_LOCK = """
    INSERT INTO jobs_resultsfeed AS feed (id, last_position) VALUES (1, 0)
    ON CONFLICT (id) DO UPDATE SET last_position = feed.last_position
"""
# What has none, in an order that only the indexes made for it have. What is being deleted is passed over.
_WITHOUT = """
    SELECT batch.id FROM unnest(%(owners)s::bigint[]) AS visible (owner) CROSS JOIN LATERAL (
        SELECT id FROM jobs_finishedbatch WHERE owner = visible.owner AND position IS NULL
        ORDER BY owner, position, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    ) batch
"""
_WITHOUT_OF_ALL = """
    SELECT id FROM jobs_finishedbatch WHERE position IS NULL
    ORDER BY position, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
"""
# Each is looked up by its key, however many the planner expects.
_GIVE = """
    UPDATE jobs_finishedbatch batch SET position = feed.last_position + numbered.number
    FROM unnest(%s::bigint[]) WITH ORDINALITY AS numbered (id, number),
        (SELECT last_position FROM jobs_resultsfeed) feed
    WHERE batch.id = numbered.id
"""
_COUNT_ON = "UPDATE jobs_resultsfeed SET last_position = last_position + %s"


def give_positions(owners: Sequence[int] | None) -> bool:
    """Give their positions to batches of these owners, in the order of their ids; whether there may be more of them.

    At most MOST_GIVEN, of each owner an equal share.
    """
    share = MOST_GIVEN if owners is None else max(1, MOST_GIVEN // max(1, len(owners)))
    given = {"owners": None if owners is None else list(owners), "most": share}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_IS_ANY_LEFT_OF_ALL if owners is None else _IS_ANY_LEFT, given)
        if cursor.fetchone() == (False,):
            return False
        cursor.execute(_LOCK)
        # A statement of its own: it sees what was committed while the lock was waited for.
        cursor.execute(_WITHOUT_OF_ALL if owners is None else _WITHOUT, given)
        ids = sorted(batch_id for (batch_id,) in cursor.fetchall())
        cursor.execute(_GIVE, [ids])
        cursor.execute(_COUNT_ON, [len(ids)])
    # Of an owner who has more, the whole share was taken.
    return len(ids) >= share
