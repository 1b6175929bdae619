"""Queries of the database server that concern no table."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock: the only one that stored times may come from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
