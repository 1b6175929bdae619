"""Gives batches of outcomes their positions in the results feed, see `results_feed.py`."""

from collections.abc import Sequence

from django.db.backends.utils import CursorWrapper

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
# Each is looked up by its key: to join them, the planner would rather read all.
_GIVE = """
    WITH chosen AS MATERIALIZED ({without}),
    ids AS MATERIALIZED (SELECT coalesce(array_agg(id ORDER BY id), '{{}}') AS ids FROM chosen),
    given AS (
        UPDATE jobs_finishedbatch SET position =
            (SELECT last_position FROM jobs_resultsfeed) + array_position((SELECT ids FROM ids), id)
        WHERE id = ANY ((SELECT ids FROM ids)::bigint[])
    )
    UPDATE jobs_resultsfeed SET last_position = last_position + cardinality(ids) FROM ids RETURNING cardinality(ids)
"""


def give_positions(cursor: CursorWrapper, owners: Sequence[int] | None) -> bool:
    """Give their positions to batches of these owners, in the order of their ids; whether there may be more of them.

    At most MOST_GIVEN, of each owner an equal share. Within a transaction of `index_look_ups`: the positions hold once
    it has been committed, and until then nobody else gives any.
    """
    share = MOST_GIVEN if owners is None else max(1, MOST_GIVEN // max(1, len(owners)))
    given = {"owners": None if owners is None else list(owners), "most": share}
    cursor.execute(_IS_ANY_LEFT_OF_ALL if owners is None else _IS_ANY_LEFT, given)
    if cursor.fetchone() == (False,):
        return False
    cursor.execute(_LOCK)
    # A statement of its own: it sees what was committed while the lock was waited for.
    cursor.execute(_GIVE.format(without=_WITHOUT_OF_ALL if owners is None else _WITHOUT), given)
    (number,) = cursor.fetchone()
    # Of an owner who has more, the whole share was taken.
    return bool(number >= share)
