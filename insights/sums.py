"""The statements that sum images: by visit, and by host and hour. What is summed from when on, `refresh.py` says."""

from insights.models.host_hour import BUCKET_RATIO, BUCKETS
from jobs.errors import unprocessed_codes

# Codes of images that failed without a try, or with none that counts: they say nothing of a photo or its host.
UNPROCESSED = tuple(unprocessed_codes())

_UNPROCESSED = f"({', '.join(f"'{code}'" for code in UNPROCESSED)})"
# As written here they are compared byte by byte in every database, so that the first of equals is the same everywhere.
_MOST_FREQUENT_HOST = 'mode() WITHIN GROUP (ORDER BY host COLLATE "C")'
_MOST_FREQUENT_CODE = 'mode() WITHIN GROUP (ORDER BY error_code COLLATE "C")'
_TRIED = f"state = 'completed' OR (state = 'failed' AND error_code NOT IN {_UNPROCESSED})"

# The columns of a summary that its images give.
SUMS = f"""
    count(*) AS images,
    count(*) FILTER (WHERE state = 'completed') AS completed,
    count(*) FILTER (WHERE state = 'failed' AND error_code NOT IN {_UNPROCESSED}) AS failed,
    count(*) FILTER (WHERE state = 'failed' AND error_code IN {_UNPROCESSED}) AS unprocessed,
    count(fetch_ms) FILTER (WHERE {_TRIED}) AS fetched,
    coalesce(sum(fetch_ms) FILTER (WHERE {_TRIED}), 0) AS fetch_ms,
    CASE WHEN count(finished_at) = count(*) AND bool_or({_TRIED}) THEN max(finished_at) END AS ended_at,
    max(finished_at) AS last_at,
    {_MOST_FREQUENT_HOST} AS host,
    coalesce({_MOST_FREQUENT_CODE} FILTER (WHERE state = 'failed' AND error_code NOT IN {_UNPROCESSED}), '') AS code
"""
TURNAROUND = "extract(epoch FROM sums.ended_at - job.created_at)::float8"
# What may change of a summary while its visit exists.
CHANGING = (
    "owner_id",
    "images",
    "completed",
    "failed",
    "unprocessed",
    "fetched",
    "fetch_ms",
    "turnaround",
    "host",
    "code",
)  # fmt: skip

_NAMES = ", ".join(CHANGING)
_EXCLUDED = ", ".join(f"excluded.{name}" for name in CHANGING)
_PRESENT = ", ".join(f"summary.{name}" for name in CHANGING)
# Each visit's images, row and job are looked up by their keys, whatever the planner expects. A deleted job's images go
# slice by slice: what is left of them is no visit any more, so that its summary stays as it is. The summaries are
# written in the order of their keys, so that two statements that write them would wait for one another in no circle.
_SUM_VISITS = f"""
    INSERT INTO insights_visitsummary AS summary (visit_id, job_id, store_id, visited_at, {_NAMES})
    SELECT visit.id, visit.job_id, visit.store_id, visit.visited_at, job.owner_id,
        sums.images, sums.completed, sums.failed, sums.unprocessed, sums.fetched, sums.fetch_ms, {TURNAROUND},
        sums.host, sums.code
    FROM (SELECT DISTINCT visit_id FROM touched) each
    CROSS JOIN LATERAL (
        SELECT id, job_id, store_id, visited_at FROM jobs_visit WHERE id = each.visit_id OFFSET 0
    ) visit
    CROSS JOIN LATERAL (
        SELECT owner_id, created_at FROM jobs_job WHERE id = visit.job_id AND NOT is_deleted OFFSET 0
    ) job
    CROSS JOIN LATERAL (SELECT {SUMS} FROM jobs_imageresult WHERE visit_id = visit.id) sums
    WHERE sums.last_at IS NOT NULL OR EXISTS (SELECT FROM insights_visitsummary WHERE visit_id = visit.id)
    ORDER BY visit.id
    ON CONFLICT (visit_id) DO UPDATE SET ({_NAMES}) = ROW ({_EXCLUDED})
    WHERE ({_PRESENT}) IS DISTINCT FROM ({_EXCLUDED})
    RETURNING visited_at
"""  # noqa: S608 - constants
# The sums of these visits' days do not hold any more, see `day_sums.py`.
_DROP_DAYS = """
    DELETE FROM insights_keptday WHERE (day, zone) IN (
        SELECT DISTINCT (visited_at AT TIME ZONE known.zone)::date, known.zone
        FROM summed CROSS JOIN (SELECT DISTINCT zone FROM insights_keptday) known
    )
"""

_BOUNDS = ", ".join(f"{BUCKET_RATIO**bucket:.6f}" for bucket in range(1, BUCKETS))
_COUNTS = ", ".join(f"coalesce(sum(n) FILTER (WHERE bucket = {bucket}), 0)::int" for bucket in range(BUCKETS))
# Of the images in `ended`: those that were tried, by owner, host and hour.
_SUM_HOURS = f"""
    answer AS MATERIALIZED (
        SELECT job.owner_id, ended.host, date_trunc('hour', ended.finished_at, 'UTC') AS hour, ended.error_code AS code,
            width_bucket(ended.fetch_ms::float8, ARRAY[{_BOUNDS}]::float8[]) AS bucket, count(*) AS n
        FROM ended CROSS JOIN LATERAL (SELECT owner_id FROM jobs_job WHERE id = ended.job_id OFFSET 0) job
        WHERE ended.error_code NOT IN {_UNPROCESSED}
        GROUP BY 1, 2, 3, 4, 5
    ), codes AS (
        SELECT owner_id, host, hour, jsonb_object_agg(code, n) AS codes
        FROM (SELECT owner_id, host, hour, code, sum(n) AS n FROM answer GROUP BY 1, 2, 3, 4) of_code GROUP BY 1, 2, 3
    ), durations AS (
        SELECT owner_id, host, hour, ARRAY[{_COUNTS}] AS "fetch" FROM answer GROUP BY 1, 2, 3
    ), host_hour AS (
        SELECT codes.owner_id, host, hour, codes.codes, durations."fetch" FROM codes JOIN durations USING (host, hour)
        WHERE codes.owner_id IS NOT DISTINCT FROM durations.owner_id ORDER BY host, hour, codes.owner_id
    )
"""  # noqa: S608 - constants
_INSERT_HOURS = 'INSERT INTO insights_hosthour AS total (owner_id, host, hour, codes, "fetch") SELECT * FROM host_hour'
_ADD_TO_HOURS = f"""
    {_INSERT_HOURS}
    ON CONFLICT (host, hour, owner_id) DO UPDATE SET codes = (
        SELECT jsonb_object_agg(key, n) FROM (
            SELECT key, sum(value::bigint) AS n FROM (
                SELECT * FROM jsonb_each_text(total.codes) UNION ALL SELECT * FROM jsonb_each_text(excluded.codes)
            ) each GROUP BY key
        ) code
    ), "fetch" = ARRAY(
        SELECT was + came FROM unnest(total."fetch", excluded."fetch") WITH ORDINALITY AS each (was, came, bucket)
        ORDER BY bucket
    )
"""  # noqa: S608 - constants
_TOTAL = "(SELECT sum(value::bigint) FROM jsonb_each_text({codes}))"
_REPLACE_HOURS = f"""
    {_INSERT_HOURS}
    ON CONFLICT (host, hour, owner_id) DO UPDATE SET codes = excluded.codes, "fetch" = excluded."fetch"
    WHERE {_TOTAL.format(codes="excluded.codes")} >= {_TOTAL.format(codes="total.codes")}
        AND (total.codes, total."fetch") IS DISTINCT FROM (excluded.codes, excluded."fetch")
    RETURNING 1
"""

# Of the images that ended from `since` on and before `until`: their visits; and those from `mark` on by host and hour.
# Returns how many images that are, and how many summaries were written.
SUM_ENDED = f"""
    WITH touched AS MATERIALIZED (
        SELECT visit_id, job_id, host, error_code, fetch_ms, finished_at FROM jobs_imageresult
        WHERE finished_at >= %(since)s AND finished_at < %(until)s
    ), ended AS (
        SELECT * FROM touched WHERE finished_at >= %(mark)s
    ), summed AS ({_SUM_VISITS}), dropped AS ({_DROP_DAYS}), {_SUM_HOURS}, counted AS ({_ADD_TO_HOURS})
    SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM summed)
"""  # noqa: S608 - constants
# The visits of the next `most` images behind one, of the jobs up to `last_job`; with `only_reopened`, of those of them
# that are not final. Returns the last of these images, how many they are, and how many summaries were written.
SUM_IMAGES = f"""
    WITH slice AS MATERIALIZED (
        SELECT job_id, id, visit_id, finished_at FROM jobs_imageresult
        WHERE (job_id, id) > (%(job)s, %(image)s) AND job_id <= %(last_job)s
        ORDER BY job_id, id LIMIT %(most)s
    ), touched AS (
        SELECT visit_id FROM slice WHERE finished_at IS NULL OR NOT %(only_reopened)s
    ), summed AS ({_SUM_VISITS}), dropped AS ({_DROP_DAYS})
    SELECT max(job_id), (SELECT id FROM slice ORDER BY job_id DESC, id DESC LIMIT 1), count(*),
        (SELECT count(*) FROM summed)
    FROM slice
"""  # noqa: S608 - constants
# One hour's images up to `until`, counted anew; where fewer are left than were counted, rows have gone meanwhile, and
# what was counted stays. Returns how many rows were written.
COUNT_HOUR = f"""
    WITH ended AS MATERIALIZED (
        SELECT job_id, host, error_code, fetch_ms, finished_at FROM jobs_imageresult
        WHERE finished_at >= %(since)s AND finished_at < %(until)s
    ), {_SUM_HOURS}, counted AS ({_REPLACE_HOURS})
    SELECT count(*) FROM counted
"""  # noqa: S608 - constants
