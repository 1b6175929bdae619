"""Says of photos that could not be kept that they are not there, as a finding that can be searched for."""

from collections.abc import Iterator

from django.db import connection

from photos import kinds
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

MODEL, VERSION = "keeper", "1"
MOST_PHOTOS = 500

# Read from the index of those that are to be told, whatever the planner expects.
_TELL = """
    WITH untold AS (
        UPDATE jobs_keptphoto SET is_told = true WHERE image_id = ANY (ARRAY(
            SELECT image_id FROM jobs_keptphoto WHERE NOT is_told AND why_not <> '' ORDER BY image_id LIMIT %(most)s
        )) RETURNING image_id, why_not
    ), told AS (
        INSERT INTO photos_finding (
            image_id, code, model, version, details, visit_id, job_id, owner_id, store_id, found_at
        )
        SELECT image.id, %(code)s, %(model)s, %(version)s, jsonb_build_object('why', untold.why_not), image.visit_id,
            image.job_id, image.owner_id, image.store_id, statement_timestamp()
        FROM untold CROSS JOIN LATERAL (
            SELECT image.id, image.visit_id, image.job_id, job.owner_id, visit.store_id
            FROM jobs_imageresult image JOIN jobs_visit visit ON visit.id = image.visit_id
            JOIN jobs_job job ON job.id = image.job_id WHERE image.id = untold.image_id OFFSET 0
        ) image
        ORDER BY image.id
        ON CONFLICT (image_id, code) DO NOTHING
    )
    SELECT count(*) FROM untold
"""


def tell_not_kept() -> int:
    """Write the findings of at most MOST_PHOTOS photos that were not kept, once each; returns of how many."""
    with longer("refresh"), connection.cursor() as cursor:
        # As the other findings: two processes take turns, and no finding is written of an image that is being deleted.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.FINDINGS])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.DELETION])
        cursor.execute("SET LOCAL enable_seqscan = off")
        given: dict[str, int | str] = {"most": MOST_PHOTOS, "code": kinds.NOT_KEPT, "model": MODEL, "version": VERSION}
        cursor.execute(_TELL, given)
        (number,) = cursor.fetchone()
    return int(number)


def slices() -> Iterator[int]:
    """A slice at a time, each committed when it is yielded, until none is left."""
    while number := tell_not_kept():
        yield number
