"""Notifications to everybody who listens on a channel of the database: hints, which may get lost."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

# Of one text of a notification, in bytes: PostgreSQL takes less than 8,000.
MOST_NOTIFIED = 7_999
# A statement of its own is a transaction of its own. Nothing that counts is in it, so nobody has to wait for the disk.
_NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, text) FROM unnest(%s::text[]) text"


def notification(channel: str, texts: Sequence[str]) -> tuple[str, list[Any]]:
    """The statement that sends texts of up to MOST_NOTIFIED bytes to everybody who listens on the channel.

    To be executed outside of transactions: whoever notifies holds a lock of the whole server while it commits, so that
    no two of them commit at once; with what a transaction has written, that takes as long as the disk.
    """
    return _NOTIFY, [channel, list(texts)]


def notify(channel: str, texts: Sequence[str]) -> None:
    """Send a `notification`. Raises RuntimeError within a transaction."""
    if connection.in_atomic_block:
        raise RuntimeError(f"NOTIFY {channel} within a transaction: its commit would hold up all others that notify.")
    with connection.cursor() as cursor:
        cursor.execute(*notification(channel, texts))
