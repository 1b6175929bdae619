"""Databases that do not answer: real pools to addresses where no PostgreSQL is."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg_pool import ConnectionPool


@contextmanager
def refusing() -> Iterator[None]:
    """Django's database is a port where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with _connected_to(bound.getsockname()[1], timeout=0.2):
            yield


@contextmanager
def frozen() -> Iterator[None]:
    """Django's database accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening, _connected_to(listening.getsockname()[1], timeout=30):
        yield


@contextmanager
def _connected_to(port: int, timeout: float) -> Iterator[None]:
    pools = DatabaseWrapper._connection_pools  # type: ignore[attr-defined]  # unknown to the stubs
    alias = connection.alias
    connection.close()
    pool = ConnectionPool(f"host=127.0.0.1 port={port}", min_size=0, max_size=1, open=False, timeout=timeout)
    ours = pools.get(alias)
    pools[alias] = pool
    try:
        yield
    finally:
        connection.close()
        pool.close(timeout=0)
        del pools[alias]
        if ours is not None:
            pools[alias] = ours
