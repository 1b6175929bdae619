"""What an audit checks of webhooks."""

from jobs.reporting.audit_checks import Check
from webhooks.models.endpoint import IS_TOLD, TOLD_OF_ALL

# A transaction that was under way when an endpoint began to ask may not have seen it.
_MARGIN = "make_interval(mins => 1)"
# Of what is older, some may have been deleted: WEBHOOK_LOG_DAYS are more.
_DAYS = "make_interval(days => 5)"

# Of jobs that ended while an endpoint was asking for it without a break. A job's own endpoint is there before the job
# can end; it counts from the beginning unless somebody has changed it since.
TOLD = Check(
    "told",
    "Each ended job has its event for every endpoint that asked for it",
    f"""
        SELECT job.id, format('job %s ended at %s, of which there is no job.ended for endpoint %s, asking since %s',
            job.id, job.finished_at, endpoint.id, endpoint.asks_since)
        FROM jobs_job job CROSS JOIN LATERAL (
            SELECT * FROM webhooks_endpoint WHERE {IS_TOLD} AND told_of = ANY (
                ARRAY['{TOLD_OF_ALL}', 'job:' || job.id, 'owner:' || coalesce(job.owner_id::text, '')]
            ) OFFSET 0
        ) endpoint
        WHERE job.finished_at > clock_timestamp() - {_DAYS} AND NOT job.is_deleted
            AND 'job.ended' = ANY (endpoint.events)
            AND (job.finished_at > endpoint.asks_since + {_MARGIN}
                OR (endpoint.job_id IS NOT NULL AND endpoint.asks_since = endpoint.created_at))
            AND NOT EXISTS (
                SELECT FROM webhooks_event event JOIN webhooks_delivery delivery ON delivery.event_id = event.id
                WHERE event.job_id = job.id AND event.type = 'job.ended' AND delivery.endpoint_id = endpoint.id
            )
    """,  # noqa: S608 - constants
)
# An attempt that is under way has a lease; the time that it ends is when another one is due.
DELIVERIES = Check(
    "deliveries",
    "A delivery is pending, or has ended; and one that was delivered has the attempt that did it",
    """
        SELECT delivery.id, format('delivery %s is %s, ended at %s, after %s attempts',
            delivery.id, delivery.state, coalesce(delivery.ended_at::text, 'no time'), delivery.attempts)
        FROM webhooks_delivery delivery
        WHERE (delivery.state = 'pending') <> (delivery.ended_at IS NULL)
            OR delivery.state NOT IN ('pending', 'delivered', 'failed')
            OR (delivery.state = 'delivered' AND NOT EXISTS (
                SELECT FROM webhooks_attempt attempt
                WHERE attempt.delivery_id = delivery.id AND attempt.status BETWEEN 200 AND 299
            ))
    """,
    is_of_jobs=False,
)
