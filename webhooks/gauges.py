"""How many deliveries there are that were not delivered, for monitoring."""

from django.db import connection

from jobs.reporting.gauges import FurtherGauge

# Each is counted up to this number, as the backlog of images is.
MOST_COUNTED = 100_000

# Written so that each is read in the order of its index, whatever the statistics say.
_UNDELIVERED = """
    SELECT
        count(*) FILTER (WHERE due_at <= statement_timestamp()),
        count(*) FILTER (WHERE due_at > statement_timestamp()),
        (SELECT count(*) FROM (SELECT FROM webhooks_delivery
            WHERE state = 'failed' ORDER BY endpoint_id, ended_at LIMIT %(most)s) failed)
    FROM (SELECT due_at FROM webhooks_delivery
        WHERE state = 'pending' ORDER BY endpoint_id, due_at LIMIT %(most)s) pending
"""


def undelivered() -> FurtherGauge:
    """One query."""
    with connection.cursor() as cursor:
        cursor.execute(_UNDELIVERED, {"most": MOST_COUNTED})
        due, later, failed = cursor.fetchone()
    return FurtherGauge(
        "webhook_deliveries",
        f"Deliveries of webhooks that were not delivered, up to {MOST_COUNTED:,} pending and as many failed.",
        {"due": due, "later": later, "failed": failed},
    )
