"""After a crash the server is started again, with every committed row."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from retail_pulse.postgres.server import Server
from tests.retail_pulse.postgres.conftest import STRANGER, is_held, living_server, query, wait_until

ASK = """
import sys
from pathlib import Path
import psycopg
from retail_pulse.postgres import server
home = Path(sys.argv[1])
for statement in sys.stdin:
    running = server.ensure_running(home)
    with psycopg.connect(dbname="postgres", **running.address) as connection:
        cursor = connection.execute(statement)
        answer = cursor.fetchone()[0] if cursor.description else cursor.statusmessage
    print(answer, flush=True)  # committed
"""

UNCOMMITTED = """
import sys
from pathlib import Path
import psycopg
from retail_pulse.postgres import server
running = server.ensure_running(Path(sys.argv[1]))
connection = psycopg.connect(dbname="postgres", **running.address)
connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
connection.commit()
connection.execute("INSERT INTO kept VALUES (2)")
print("waiting", flush=True)
sys.stdin.read()
"""


def _kill(home: Path) -> int:
    os.kill(pid := living_server(home), signal.SIGKILL)
    wait_until(lambda: not living_server(home))
    return pid


def test_a_killed_server_is_started_again_with_its_data(home, table, use):
    user = use(home, ASK)
    assert user.ask(f"CREATE TABLE {table} AS SELECT 42 AS answer") == "SELECT 1"

    killed = _kill(home)

    assert user.ask(f"SELECT answer FROM {table}") == "42"
    assert living_server(home) != killed
    user.leave()
    assert not living_server(home)


def test_a_process_started_after_the_crash_starts_the_server_for_the_others(home, table, use):
    stayed = use(home, ASK)
    stayed.ask(f"CREATE TABLE {table} AS SELECT 42 AS answer")
    os.kill(living_server(home), signal.SIGKILL)

    restarted = use(home).says()

    assert stayed.ask(f"SELECT answer FROM {table}") == "42"
    assert living_server(home) == int(restarted)


def test_a_server_that_somebody_stops_by_hand_is_waited_for(home, use):
    first = int(use(home).says())
    with psycopg.connect(make_conninfo(dbname="postgres", **Server(home).address)):
        os.kill(first, signal.SIGTERM)  # PostgreSQL's "smart shutdown": it waits for us, and lets nobody else in
        wait_until(lambda: "stopping" in (home / "postgres" / "data" / "postmaster.pid").read_text())
        late = use(home)
        wait_until(lambda: is_held(home / "postgres" / "start.lock"))

    assert int(late.says()) == living_server(home) != first


def test_a_server_that_another_process_has_only_just_started_is_waited_for(home_at, tmp_path, use):
    home = home_at(tmp_path / "home")
    user = use(home, ASK)
    user.ask("SELECT 1")
    _kill(home)
    starting = use(home, STRANGER.replace("ready", "starting"))
    assert starting.says() == "locked"

    user.process.stdin.write("SELECT 42\n")
    user.process.stdin.flush()
    wait_until(lambda: is_held(home / "postgres" / "start.lock"))
    starting.kill()  # now the process that waits has to start a server

    assert user.says() == "42"


def test_a_busy_process_of_a_killed_server_is_waited_for(home, use):
    user = use(home, ASK)
    user.ask("SELECT 1")
    busy = threading.Thread(target=_count_for_a_while, args=[home])
    busy.start()
    wait_until(
        lambda: query(
            home, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()"
        )
    )

    _kill(home)

    assert user.ask("SELECT 42") == "42"
    busy.join()


def _count_for_a_while(home):
    # Busy with itself, a PostgreSQL process does not notice that its server is gone.
    with contextlib.suppress(psycopg.OperationalError):
        query(home, "SELECT count(*) FROM generate_series(1, 10000000)")


def test_a_killed_user_loses_what_it_had_not_committed_and_nothing_else(home, table, use):
    other, killed = use(home, ASK), use(home, UNCOMMITTED.replace("kept", table))
    assert killed.says() == "waiting"

    killed.kill()

    assert other.ask(f"SELECT array_agg(row) FROM {table}") == "[1]"
