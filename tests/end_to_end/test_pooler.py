"""Behind PgBouncer in transaction mode, where no two transactions need have the same session."""

import threading
from random import Random

import psycopg
import pytest

from proofs.world.cluster import DATABASE
from proofs.world.jobs import Client, order
from proofs.world.ledger import compare
from proofs.world.ports import free_port
from proofs.world.service import World
from retail_pulse.postgres.launch import SUPERUSER
from tests.end_to_end.pooler import PGBOUNCER, SERVER_CONNECTIONS, pgbouncer
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer on this machine")

LEASE_SECONDS = 2
SETTINGS = {
    "GPU_MIN_SECONDS": "0.05",
    "GPU_MAX_SECONDS": "0.05",
    "HOST_PATIENCE_SECONDS": "1",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "WEB_THREADS": "4",
    "WORKER_THREADS": "8",
}


@pytest.fixture(scope="module")
def one_world(tmp_path_factory, worlds_are_copies):
    with World(tmp_path_factory.mktemp("pooled"), **SETTINGS) as world:
        yield world


@pytest.fixture
def world(one_world):
    yield one_world
    one_world.start_over()


@pytest.fixture(scope="module")
def pooler(one_world):
    """The address of the database behind the pooler."""
    with pgbouncer(one_world.cluster) as url:
        yield url


@pytest.fixture(params=["DATABASE_DIRECT_URL", "LEASE_ONLY"])
def settings_of(request, world, pooler) -> dict[str, str]:
    """The settings of a service that reaches the database through the pooler, in both ways that there are."""
    direct = {"DATABASE_DIRECT_URL": world.cluster.url(), "LEASE_ONLY": "true"}
    return {"DATABASE_URL": pooler, request.param: direct[request.param]}


def test_a_job_is_worked_off_by_two_processes_of_which_one_is_killed(world, settings_of):
    server, worker = world.server("server", **settings_of), world.worker("worker", **settings_of)
    server.start()
    worker.start()
    wait_for(server.is_ready)
    wait_for(lambda: world.cluster.query("SELECT count(*) FROM jobs_worker") == [(2,)])
    # So many that the second process, which without notifications only polls, comes to take some.
    new = order(Random(1), world.images, "job", 600, kinds={"gone": 15})
    Client([server]).submit(new, threading.Event())

    holding = "SELECT count(DISTINCT claimed_by) FROM jobs_imageresult WHERE state = 'running'"
    wait_for(lambda: world.cluster.query(holding) == [(2,)])
    worker.kill()
    ongoing = "SELECT count(*) FROM jobs_job WHERE status = 'ongoing'"
    wait_for(lambda: world.cluster.query(ongoing) == [(0,)], timeout=40)

    found = compare(world.cluster, [new], world.images.ledger())
    assert (found.lost, found.double, found.wrong) == ([], [], [])
    world.manage("audit", **settings_of)
    assert server.terminate()[0] == 0


def test_what_a_long_operation_sets_for_itself_holds_for_nobody_else(world, settings_of, tmp_path):
    stores = tmp_path / "stores.csv"
    stores.write_text("StoreID,StoreName,AreaCode\nKS0001,One,A1\nKS9001,Two,A2\n")
    world.manage("import_stores", str(stores), **settings_of)
    world.manage("audit", **settings_of)
    world.manage("refresh_insights", **settings_of)
    pooled = [psycopg.connect(settings_of["DATABASE_URL"]) for _ in range(SERVER_CONNECTIONS)]
    try:
        # Each in a transaction of its own, so that every server connection is held by one of them.
        limits = {connection.execute("SHOW statement_timeout").fetchone() for connection in pooled}
    finally:
        for connection in pooled:
            connection.close()
    assert limits == {("0",)}


# The limit of the role holds, except where an operation takes its own for its transaction.
TAKE_LONGER = """
from django.db import OperationalError, connection
from retail_pulse.db.timeouts import longer
with longer("export"), connection.cursor() as cursor:
    cursor.execute("SELECT pg_sleep(0.4)")
try:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(5)")
except OperationalError as error:
    print(error)
"""


def test_the_limit_of_the_role_is_the_one_that_a_long_operation_replaces(world, settings_of):
    role = f"ALTER ROLE {SUPERUSER} IN DATABASE {DATABASE}"
    world.cluster.query(f"{role} SET statement_timeout = '200ms'")
    world.cluster.terminate_backends()
    try:
        output = world.manage("shell", "--no-imports", "-v", "0", "-c", TAKE_LONGER, **settings_of)
    finally:
        world.cluster.query(f"{role} RESET statement_timeout")
        world.cluster.terminate_backends()
    assert output.strip() == "canceling statement due to statement timeout"


def test_migrations_go_past_the_pooler(world):
    nobody_listens = f"postgresql://postgres@127.0.0.1:{free_port()}/retail_pulse"
    output = world.manage("migrate", DATABASE_URL=nobody_listens, DATABASE_DIRECT_URL=world.cluster.url())
    assert "No migrations to apply" in output


# After the first piece, another client's transaction takes the server connection that read it.
READ_IN_PIECES = """
import os
import psycopg
from django.contrib.auth.models import Permission
rows = Permission.objects.order_by("pk").values_list("pk", flat=True)
pieces = rows.iterator(chunk_size=10)
found = [next(pieces)]
with psycopg.connect(os.environ["DATABASE_URL"]) as other:
    other.execute("SELECT 1")
    found += pieces
assert found == list(rows), found
print("read", len(found) > 40)
"""


def test_rows_are_read_in_pieces_without_a_cursor_that_belongs_to_a_session(world, settings_of):
    output = world.manage("shell", "--no-imports", "-v", "0", "-c", READ_IN_PIECES, **settings_of)
    assert output.split() == ["read", "True"]
    assert world.cluster.query("SELECT count(*) FROM pg_cursors") == [(0,)]
