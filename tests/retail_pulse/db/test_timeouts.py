"""How long does a process wait for a silent database?"""

import time

import psycopg
import pytest
from django.db import connection

from retail_pulse.db.timeouts import TimeoutConnection, set_statement_timeout


@pytest.fixture
def conn(django_db_blocker):
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    with TimeoutConnection.connect(**{**parameters, "dbname": "postgres", "autocommit": True}) as conn:
        yield conn
    set_statement_timeout(None)


def test_a_statement_without_an_answer_times_out_and_closes_its_connection(conn):
    set_statement_timeout(0.2)
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match=r"not answered for 0\.2 s"):
        conn.execute("SELECT pg_sleep(20)")
    assert time.monotonic() - began < 2
    assert conn.closed


def test_a_command_waits_as_long_as_its_statement_takes(conn):
    conn.execute("SELECT pg_sleep(0.3)")
    assert not conn.closed


def test_an_answer_in_time_is_returned(conn):
    set_statement_timeout(5)
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_an_error_before_the_timeout_is_raised_unchanged(conn):
    set_statement_timeout(5)
    conn.execute("SET statement_timeout = 50")
    with pytest.raises(psycopg.errors.QueryCanceled):
        conn.execute("SELECT pg_sleep(20)")
    assert not conn.closed


def test_listening_for_notifications_does_not_time_out(conn):
    set_statement_timeout(0.05)
    assert list(conn.notifies(timeout=0.2)) == []
    assert not conn.closed
