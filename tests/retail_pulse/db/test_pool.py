"""The pool of connections after the database has been away."""

import time

import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from retail_pulse.db.pool import check_or_drain

IDLE = 6


@pytest.mark.django_db(transaction=True)
def test_dead_connections_are_replaced_all_at_once():
    parameters = connection.get_connection_params() | {"autocommit": True}
    parameters.pop("pool", None)
    with ConnectionPool(kwargs=parameters, min_size=0, max_size=IDLE, timeout=60, check=check_or_drain) as pool:
        idle = [pool.getconn() for _ in range(IDLE)]
        pids = [one.info.backend_pid for one in idle]
        for one in idle:
            pool.putconn(one)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [pids])
        begun = time.monotonic()
        with pool.connection() as alive:
            assert alive.execute("SELECT 1").fetchone() == (1,)
        # Found one by one, with the library's growing pauses, they would take until the timeout.
        assert time.monotonic() - begun < 30
