"""Until when everything that is written with the time of its transaction can be seen by now."""

from datetime import datetime

from django.db import connection

_HORIZON = """
    SELECT least(
        clock_timestamp(),
        (SELECT min(xact_start) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                AND xact_start > clock_timestamp() - make_interval(secs => %(open)s)),
        (SELECT min(prepared) FROM pg_prepared_xacts
            WHERE database = current_database() AND prepared > clock_timestamp() - make_interval(secs => %(open)s))
    )
"""


def horizon(open_seconds: float) -> datetime:
    """The first instant at which a row may still be written that nobody sees yet: the begin of the oldest transaction.

    One that has been open for more than `open_seconds` is not waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON, {"open": open_seconds})
        instant: datetime = cursor.fetchone()[0]
    return instant
