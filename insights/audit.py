"""What an audit checks of the summaries."""

from insights.day_sums import WRONG_DAYS
from insights.refresh import OVERLAP_SECONDS
from insights.sums import CHANGING, SUMS, TURNAROUND
from jobs.reporting.audit_checks import Check

_OURS = ", ".join(f"summary.{name}" for name in CHANGING)
_THEIRS = ", ".join(
    {"owner_id": "job.owner_id", "turnaround": TURNAROUND}.get(name, f"sums.{name}") for name in CHANGING
)

# Of visits whose images are still there, and whose last change the mark has passed: the next refresh sums once more
# what ended within the overlap before it.
SUMMARIES = Check(
    "summaries",
    "A visit's summary says what its images do, as far as they are summed",
    f"""
        SELECT visit.id, format(
            'visit %s has %s images, %s completed, %s failed and %s unprocessed; summed are %s, %s, %s and %s',
            visit.id, sums.images, sums.completed, sums.failed, sums.unprocessed, coalesce(summary.images, 0),
            coalesce(summary.completed, 0), coalesce(summary.failed, 0), coalesce(summary.unprocessed, 0)
        ) || CASE WHEN (sums.images, sums.completed, sums.failed, sums.unprocessed) IS NOT DISTINCT FROM
            (summary.images, summary.completed, summary.failed, summary.unprocessed)
            THEN ', and the rest differs' ELSE '' END
        FROM (SELECT visit_id, job_id, {SUMS} FROM jobs_imageresult GROUP BY visit_id, job_id) sums
        JOIN jobs_job job ON job.id = sums.job_id AND NOT job.is_deleted
        JOIN jobs_visit visit ON visit.id = sums.visit_id
        CROSS JOIN (SELECT mark - make_interval(secs => {OVERLAP_SECONDS:g}) AS mark FROM insights_refreshed) covered
        LEFT JOIN insights_visitsummary summary ON summary.visit_id = visit.id
        WHERE (sums.last_at < covered.mark OR (sums.last_at IS NULL AND summary.visit_id IS NOT NULL))
            AND NOT EXISTS (
                SELECT FROM jobs_jobaction
                WHERE job_id = job.id AND verb = 'retry' AND done_at >= covered.mark
            )
            AND ({_OURS}, summary.job_id, summary.store_id, summary.visited_at)
                IS DISTINCT FROM ({_THEIRS}, visit.job_id, visit.store_id, visit.visited_at)
    """,  # noqa: S608 - constants
)
DAYS = Check("days", "The sums of a day are those of its visits", WRONG_DAYS, is_of_jobs=False)
