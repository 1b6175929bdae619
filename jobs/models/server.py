"""Queries of the database server that concern no table."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock: the only one that stored times may come from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def notify(channel: str, text: str) -> None:
    """Send up to 8,000 bytes to everybody who listens on the channel; heard after the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, text])
