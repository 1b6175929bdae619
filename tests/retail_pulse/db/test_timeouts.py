"""How long does a process wait for a silent database?"""

import time

import psycopg
import pytest
from django.db import connection

from retail_pulse.db.dedicated import connect_dedicated
from retail_pulse.db.timeouts import TimeoutConnection, longer, set_statement_timeout
from tests.waiting import wait_for


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
        conn.execute("SELECT pg_sleep(120)")
    assert time.monotonic() - began < 30
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


@pytest.fixture
def onlooker(conn):
    with psycopg.connect(conn.info.dsn, password=conn.info.password or None, autocommit=True) as other:
        yield other


def running(onlooker, marker):
    """How many statements with this text the server is working on, but for the one that asks."""
    row = onlooker.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()",
        [f"%{marker}%"],
    ).fetchone()
    return row[0]


def test_what_the_client_gives_up_is_broken_off_on_the_server(conn, onlooker):
    set_statement_timeout(0.3)
    with pytest.raises(psycopg.OperationalError, match="not answered"):
        conn.execute("SELECT pg_sleep(120) /* given up */")
    wait_for(lambda: not running(onlooker, "given up"))


def test_the_server_breaks_a_statement_off_itself_and_the_connection_stays(conn):
    set_statement_timeout(0.5)
    with TimeoutConnection.connect(conn.info.dsn, autocommit=True) as limited:
        assert limited.execute("SHOW statement_timeout").fetchone() == ("450ms",)
        with pytest.raises(psycopg.errors.QueryCanceled):
            limited.execute("SELECT pg_sleep(20)")
        assert limited.execute("SELECT 1").fetchone() == (1,)


def test_options_of_the_operator_take_precedence(conn):
    set_statement_timeout(0.5)
    with TimeoutConnection.connect(conn.info.dsn, options="-c statement_timeout=7s") as limited:
        assert limited.execute("SHOW statement_timeout").fetchone() == ("7s",)


def test_a_pooler_gets_no_options_and_the_direct_connection_does(conn, settings):
    set_statement_timeout(0.5)
    settings.DATABASE_HAS_POOLER, settings.DATABASE_DIRECT_URL = True, conn.info.dsn
    with TimeoutConnection.connect(conn.info.dsn) as pooled:
        assert pooled.execute("SHOW statement_timeout").fetchone() == ("0",)
    with connect_dedicated() as direct:
        assert direct.execute("SHOW statement_timeout").fetchone() == ("450ms",)


def test_a_command_has_no_limit(conn):
    assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("operation", ["action on a job", "store import", "export", "audit", "prune"])
def test_a_long_operation_has_its_own_limit_by_name(operation, settings):
    settings.LONG_STATEMENT_SECONDS = {operation: 7.0}
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()
    limits = []
    with longer(operation), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        limits += [cursor.fetchone(), connection.connection.longer]
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        limits += [cursor.fetchone(), connection.connection.longer]
    assert limits == [("6300ms",), 7.0, before, None]


@pytest.mark.django_db(transaction=True)
def test_a_long_operation_may_take_longer_than_its_process_allows(settings):
    settings.LONG_STATEMENT_SECONDS = {"export": 20.0}
    set_statement_timeout(0.2)
    try:
        with longer("export"), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.5)")
    finally:
        set_statement_timeout(None)


@pytest.mark.django_db(transaction=True)
def test_the_connections_of_djangos_pool_have_the_servers_limit():
    connection.close()
    connection.close_pool()
    set_statement_timeout(5)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("4500ms",)
    finally:
        set_statement_timeout(None)
        connection.close()
        connection.close_pool()
