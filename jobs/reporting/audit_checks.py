"""What an audit checks: each promise, and the query that finds what breaks it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`promise` is a sentence; `broken` is a query for (id, what is wrong) of every row that breaks it.

    It is asked of each slice, in which the tables hold only the rows of its jobs, or once of the whole database.
    """

    code: str
    promise: str
    broken: str
    is_of_jobs: bool = True


CHECKS = (
    Check(
        "conservation",
        "A job has as many images as were submitted, and its counters match its images",
        """
        SELECT job.id, format(
            'job %s holds %s of %s images; %s completed, counted %s; %s failed, counted %s; %s canceled, counted %s',
            job.id, coalesce(images.total, 0), job.total,
            coalesce(images.completed, 0), job.completed, coalesce(images.failed, 0), job.failed,
            coalesce(images.canceled, 0), job.canceled)
        FROM jobs_job job LEFT JOIN (
            SELECT job_id, count(*) AS total,
                count(*) FILTER (WHERE state = 'completed') AS completed,
                count(*) FILTER (WHERE state = 'failed') AS failed,
                count(*) FILTER (WHERE error_code = 'canceled') AS canceled
            FROM jobs_imageresult GROUP BY job_id
        ) images ON images.job_id = job.id
        WHERE NOT job.is_deleted
            AND (coalesce(images.total, 0), coalesce(images.completed, 0), coalesce(images.failed, 0),
                coalesce(images.canceled, 0))
            IS DISTINCT FROM (job.total::bigint, job.completed::bigint, job.failed::bigint, job.canceled::bigint)
        """,
    ),
    Check(
        "status",
        "A job is ongoing while an image is, then failed if any image failed, else completed",
        """
        SELECT id, format('job %s is %s with %s completed and %s failed of %s',
            id, status, completed, failed, total)
        FROM jobs_job
        WHERE status <> CASE WHEN completed + failed < total THEN 'ongoing' WHEN failed > 0 THEN 'failed'
                ELSE 'completed' END
            OR (status = 'ongoing') <> (finished_at IS NULL)
            OR (status = 'failed') <> (jsonb_array_length(store_errors) > 0)
        """,
    ),
    Check(
        "outcome",
        "A completed image has the perimeter 2 * (height + width) and no error, a failed one a code and no perimeter",
        """
        SELECT id, format('image %s is %s, %s x %s, perimeter %s, code "%s"',
            id, state, width, height, perimeter, error_code)
        FROM jobs_imageresult
        WHERE (state = 'completed' AND perimeter > 0 AND perimeter = 2 * (height + width)) IS DISTINCT FROM
                (perimeter IS NOT NULL)
            OR (state = 'completed') <> (perimeter IS NOT NULL)
            OR (state = 'failed') <> (error_code <> '')
            OR (state IN ('completed', 'failed')) <> (finished_at IS NOT NULL)
        """,
    ),
    Check(
        "written_once",
        "An image has one outcome: no claim has two, and no more attempts are counted than there were claims",
        """
        SELECT image.id, format(
            'image %s is %s at claim %s, with %s attempts, %s crashes and %s failed attempts kept',
            image.id, image.state, image.claim_no, image.attempts, image.crashes, coalesce(evidence.total, 0))
        FROM jobs_imageresult image CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE counted) AS total, max(claim_no) AS last
            FROM jobs_failedattempt WHERE image_id = image.id OFFSET 0
        ) evidence
        WHERE image.attempts + image.crashes > image.claim_no
            OR evidence.last > image.claim_no
            OR (image.state = 'completed' AND evidence.last = image.claim_no)
            OR (image.generation = 0
                AND image.attempts <> coalesce(evidence.total, 0) + (image.state = 'completed')::int)
        """,
    ),
    Check(
        "feed",
        "The results feed has each outcome exactly once (what ended before there was one: `fill_results_feed`)",
        # Brought together by sorting: nothing is joined that the planner could compare row by row.
        """
        SELECT image_id, format('image %s ended in generation %s, and the results feed has that %s times',
            image_id, generation, sum(filed))
        FROM (
            SELECT image.id AS image_id, image.generation, 1 AS ended, 0 AS filed
            FROM jobs_imageresult image JOIN jobs_job job ON job.id = image.job_id
            CROSS JOIN (SELECT coalesce(began_at, '-infinity') AS began_at FROM jobs_resultsfeed) feed
            WHERE image.state IN ('completed', 'failed') AND image.finished_at >= feed.began_at AND NOT job.is_deleted
            UNION ALL
            SELECT filed.image_id, filed.generation, 0, 1
            FROM jobs_finishedbatch batch
            CROSS JOIN unnest(batch.images, batch.generations) AS filed (image_id, generation)
        ) outcomes
        GROUP BY image_id, generation HAVING sum(filed) > 1 OR sum(filed) < sum(ended)
        """,
    ),
    Check(
        "running",
        "A running image names its worker and waits for nothing, and a pending one names none",
        """
        SELECT id, format('image %s is %s, claimed by %s, held %s', id, state, claimed_by, held)
        FROM jobs_imageresult
        WHERE (state = 'running' AND (claimed_by IS NULL OR held OR run_after IS NOT NULL))
            OR (state = 'pending' AND claimed_by IS NOT NULL)
        """,
    ),
    Check(
        "waits",
        "Only a pending image waits for a host, which is the host of its URL, and it waits for nothing else",
        # Names beyond ASCII and addresses in brackets are spelled differently in a URL than in a lane's name.
        """
        SELECT id, format('image %s of job %s is %s and waits for "%s", run after %s',
            id, job_id, state, waits_for, coalesce(run_after::text, 'nothing'))
        FROM jobs_imageresult
        WHERE waits_for <> '' AND (state <> 'pending' OR run_after IS NOT NULL
            OR (waits_for <> '*' || job_id AND NOT CASE WHEN host ~ '^[a-z0-9._-]+$'
                THEN waits_for ~ ':[0-9]{1,5}$' AND left(waits_for, -1 - length(split_part(waits_for, ':', -1)))
                    = rtrim(host, '.')
                ELSE waits_for ~ '^[^*].*:[0-9]{1,5}$' END))
        """,
    ),
    Check(
        "held",
        "A held image waits for its job to be resumed, or for another unfinished image of its store",
        """
        SELECT image.id, format('image %s of job %s is held, and nothing will release it', image.id, image.job_id)
        FROM jobs_imageresult image
        JOIN jobs_visit visit ON visit.id = image.visit_id
        JOIN jobs_job job ON job.id = image.job_id
        WHERE image.held AND image.state = 'pending' AND job.paused_at IS NULL AND NOT EXISTS (
            SELECT FROM jobs_imageresult other JOIN jobs_visit sibling ON sibling.id = other.visit_id
            WHERE other.job_id = image.job_id AND sibling.store_id = visit.store_id
                AND other.state IN ('pending', 'running') AND NOT other.held
        )
        """,
    ),
    Check(
        "asked",
        "No image of a paused or canceled job can be claimed",
        """
        SELECT image.id, format('image %s of job %s is %s, although the job was paused at %s and canceled at %s',
            image.id, image.job_id, image.state, job.paused_at, job.canceled_at)
        FROM jobs_imageresult image JOIN jobs_job job ON job.id = image.job_id
        WHERE image.state = 'pending'
            AND (job.canceled_at IS NOT NULL OR (job.paused_at IS NOT NULL AND NOT image.held))
        """,
    ),
    Check(
        "final",
        "The database refuses to change a final image",
        """
        SELECT 0, 'the trigger jobs_imageresult_stays_final is missing or switched off'
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgname = 'jobs_imageresult_stays_final'
                AND tgrelid = 'jobs_imageresult'::regclass AND tgenabled IN ('O', 'A')
        )
        """,
        is_of_jobs=False,
    ),
    Check(
        "deleted",
        "A deleted job is on record with what it had, and its rows are gone once the record says so",
        """
        SELECT coalesce(job.id, deleted.job_id), format(
            'job %s, which is %s, has %s images, %s completed and %s failed; '
            'on record is %s with %s, %s and %s, gone at %s',
            coalesce(job.id, deleted.job_id),
            CASE job.is_deleted WHEN true THEN 'deleted' WHEN false THEN 'not deleted' ELSE 'not there' END,
            job.total, job.completed, job.failed, coalesce('a deletion at ' || deleted.deleted_at, 'no deletion'),
            deleted.total, deleted.completed, deleted.failed, coalesce(deleted.gone_at::text, 'no time'))
        FROM jobs_job job FULL JOIN jobs_deletedjob deleted ON deleted.job_id = job.id
        WHERE (job.is_deleted OR deleted.job_id IS NOT NULL) AND CASE
            WHEN job.id IS NULL THEN deleted.gone_at IS NULL OR deleted.completed + deleted.failed <> deleted.total
            ELSE NOT job.is_deleted OR deleted.job_id IS NULL OR deleted.gone_at IS NOT NULL
                OR (job.total, job.completed, job.failed) <> (deleted.total, deleted.completed, deleted.failed)
        END
        """,
        is_of_jobs=False,
    ),
    Check(
        "totals",
        "Every image of a deleted job is counted in the totals, or still there, and never both",
        """
        SELECT 0, format(
            'deleted jobs had %s completed and %s failed images; %s and %s are counted, %s and %s are still there',
            had.completed, had.failed, counted.completed, counted.failed, left_over.completed, left_over.failed)
        FROM (
            SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed FROM jobs_deletedjob
        ) had, (
            SELECT coalesce(sum(images) FILTER (WHERE code = ''), 0) AS completed,
                coalesce(sum(images) FILTER (WHERE code <> ''), 0) AS failed
            FROM jobs_daytotal
        ) counted, (
            SELECT count(*) FILTER (WHERE image.state = 'completed') AS completed,
                count(*) FILTER (WHERE image.state = 'failed') AS failed
            FROM jobs_job job JOIN jobs_imageresult image ON image.job_id = job.id WHERE job.is_deleted
        ) left_over
        WHERE (had.completed, had.failed) IS DISTINCT FROM
            (counted.completed + left_over.completed, counted.failed + left_over.failed)
        """,
        is_of_jobs=False,
    ),
    Check(
        "durable",
        "What was committed survives a power failure",
        """
        SELECT 0, format('%s is off', name) FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
        """,
        is_of_jobs=False,
    ),
)
# Of apps above this one, which are asked in the same way.
further_checks: list[Check] = []
