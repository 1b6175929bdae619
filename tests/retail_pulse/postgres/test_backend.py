"""Django on the embedded server: pool, threads, crashes, test databases, and PostgreSQL's own programs."""

import os
import signal
import subprocess
import sys

import pytest
from django.core.management.base import CommandError

from retail_pulse.postgres import client
from tests import ROOT
from tests.retail_pulse.postgres.conftest import living_server, query, wait_until

SETTINGS = """
DATABASE_DIRECT_URL = ""
import os
from pathlib import Path
RETAIL_PULSE_HOME = Path(os.environ["RETAIL_PULSE_HOME"])
INSTALLED_APPS = ["retail_pulse"]
USE_TZ = True
LONG_STATEMENT_SECONDS = {"migration": 60.0}
pool = {"min_size": 0, "max_size": 4, "timeout": 5.0, "max_idle": 60.0}
DATABASES = {"default": {
    "ENGINE": "retail_pulse.postgres",
    "NAME": os.environ.get("NAME", "retail_pulse"),
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {"pool": pool if os.environ["POOL"] == "yes" else None, "tcp_user_timeout": 15000},
}}
"""

# Answers each line of SQL with one line: many threads ask at once, as in a threaded web server.
ASK = """
import sys
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.db import Error, connection

def ask(statement):
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else "done"
    except Error as error:
        return type(error).__name__
    finally:
        connection.close()

threads = ThreadPoolExecutor(8)
for line in sys.stdin:
    statement, _, times = line.strip().partition(" -- times ")
    print(*sorted(set(threads.map(ask, [statement] * int(times or 1)))), flush=True)
"""

HOLDER = """
import sys
import django
django.setup()
import psycopg
from django.db import connection
for _ in sys.stdin:
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as holder:
        answer = holder.execute("SELECT current_database() || ' ' || pg_try_advisory_lock(7)").fetchone()[0]
    print(answer, flush=True)
"""

TEST_DATABASE = """
import django
django.setup()
from django.db import connection
connection.settings_dict["TEST"]["NAME"] = "test_retail_pulse_gw7"
connection.creation.create_test_db(verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("SELECT current_database()")
    print(cursor.fetchone()[0], flush=True)
connection.creation.destroy_test_db("retail_pulse", verbosity=0)
with connection._nodb_cursor() as cursor:
    cursor.execute("SELECT count(*) FROM pg_database WHERE datname = 'test_retail_pulse_gw7'")
    print(cursor.fetchone()[0], flush=True)
"""


@pytest.fixture
def environment(home, tmp_path):
    (tmp_path / "embedded_settings.py").write_text(SETTINGS)
    return {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "embedded_settings",
        "RETAIL_PULSE_HOME": str(home),
        "POOL": "yes",
        "PGPORT": "5999",  # that of another server, which must not matter
    }


@pytest.fixture
def manage(environment):
    def run(*arguments):
        command = [sys.executable, "-m", "django", *arguments]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    return run


def test_threads_share_the_pool_and_the_server_ends_with_the_process(home, environment, use):
    user = use(home, ASK, **environment)

    assert user.ask("SELECT 42 FROM pg_sleep(0.02) -- times 64") == "42"
    connections = query(home, "SELECT count(*) FROM pg_stat_activity WHERE datname = 'retail_pulse'")[0][0]
    assert 1 < connections <= 4 + 1  # the pool's, and the one that counts them

    user.leave()
    assert not living_server(home)


@pytest.mark.parametrize("pool", ["yes", "no"])
def test_the_next_request_after_a_crash_of_the_server_recovers(home, environment, table, use, pool):
    user = use(home, ASK, **environment | {"POOL": pool})
    user.ask(f"CREATE TABLE {table} AS SELECT 42 AS answer")
    assert user.ask(f"SELECT answer FROM {table} -- times 16") == "42"

    os.kill(living_server(home), signal.SIGKILL)
    wait_until(lambda: not living_server(home))

    assert user.ask(f"SELECT answer FROM {table} -- times 16") == "42"
    assert living_server(home)


def test_a_crash_of_one_connection_is_recovered_from(home, environment, table, use):
    user = use(home, ASK, **environment)
    user.ask(f"CREATE TABLE {table} AS SELECT 42 AS answer")
    pid = int(user.ask("SELECT pg_backend_pid()"))

    os.kill(pid, signal.SIGKILL)  # PostgreSQL then restarts all of its connections

    wait_until(lambda: user.ask(f"SELECT answer FROM {table}") == "42")


def test_a_plain_connection_takes_its_parameters_from_django(home, environment, use):
    user = use(home, HOLDER, **environment)
    assert user.ask("") == "retail_pulse true"

    os.kill(living_server(home), signal.SIGKILL)
    wait_until(lambda: not living_server(home))

    assert user.ask("") == "retail_pulse true"


def test_a_test_database_of_an_xdist_worker_is_made_and_dropped(home, environment, use):
    process = use(home, TEST_DATABASE, **environment)

    assert process.says() == "test_retail_pulse_gw7"
    assert process.says() == "0"
    process.leave()
    assert not living_server(home)


def test_processes_that_need_the_same_new_database_at_once_all_get_it(home, environment, table, use):
    use(home).says()
    users = [use(home, ASK, **environment, NAME=table) for _ in range(4)]

    for user in users:
        user.process.stdin.write("SELECT current_database()\n")
        user.process.stdin.flush()

    assert [user.says() for user in users] == [table] * 4


def test_dbshell_opens_the_servers_own_psql(home, manage):
    done = manage("dbshell", "--", "--no-psqlrc", "--tuples-only", "--command=SELECT current_database()")

    assert done.stdout.split() == ["retail_pulse"], done.stderr
    assert not living_server(home)


def test_a_dump_restores_what_was_there(home, environment, table, manage, tmp_path, use):
    dump = tmp_path / "retail-pulse.dump"
    user = use(home, ASK, **environment)
    user.ask(f"CREATE TABLE {table} AS SELECT 42 AS answer")

    assert manage("postgres", "pg_dump", "--format=custom", f"--file={dump}").returncode == 0
    user.ask(f"UPDATE {table} SET answer = 0")
    done = manage("postgres", "pg_restore", "--clean", "--if-exists", "--dbname=retail_pulse", str(dump))

    assert done.returncode == 0, done.stderr
    assert user.ask(f"SELECT answer FROM {table}") == "42"


def test_the_exit_code_of_a_program_is_passed_on():
    assert client.run("pg_isready", ["--no-such-option"], {}) == 3


def test_a_program_that_does_not_exist_is_named():
    with pytest.raises(CommandError, match="There is no program pg_nonsense in"):
        client.run("pg_nonsense", [], {})
