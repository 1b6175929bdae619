"""Deleting the evidence of photos once it is old: what was found by it stays, for as long as its job does."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from jobs.deletion.belongings import of_evidence, with_belongings
from jobs.models import PhotoEvidence
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

# Rows of one transaction.
MOST_ROWS = 5_000

_FORGET = """
    WITH slice AS MATERIALIZED (
        SELECT image_id AS id FROM jobs_photoevidence WHERE recorded_at < %(before)s
        ORDER BY recorded_at, image_id LIMIT %(most)s
    ), {belongings} deleted AS (
        DELETE FROM jobs_photoevidence WHERE image_id = ANY (ARRAY(SELECT id FROM slice)) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""


def forget_evidence(before: datetime) -> int:
    """Delete at most MOST_ROWS of what was recorded before `before`, the oldest first; returns how many there were."""
    # Mostly there is none, and then nobody is to wait.
    if not PhotoEvidence.objects.filter(recorded_at__lt=before).exists():
        return 0
    statement = with_belongings(_FORGET, "image_id", of_evidence)
    with longer("prune"), connection.cursor() as cursor:
        # Nothing is worked out of it meanwhile, and no job deleted.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.DELETION])
        cursor.execute(statement, {"before": before, "most": MOST_ROWS})
        (number,) = cursor.fetchone()
    return int(number)
