"""Behind PgBouncer in transaction mode, where no two transactions need have the same session."""

import json
import threading
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

import psycopg
import pytest

from proofs.world.cluster import DATABASE, Observer
from proofs.world.jobs import Client, order
from proofs.world.ledger import Comparison, compare
from proofs.world.service import World
from retail_pulse.postgres.launch import SUPERUSER
from tests.end_to_end.pooler import PGBOUNCER, SERVER_CONNECTIONS, pgbouncer
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer on this machine")

IMAGES = 120
LEASE_SECONDS = 2
SETTINGS = {
    # So long that the second process, which without notifications only polls, comes to take some.
    "GPU_MIN_SECONDS": "0.25",
    "GPU_MAX_SECONDS": "0.25",
    "HOST_PATIENCE_SECONDS": "1",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "WEB_THREADS": "4",
    "WORKER_THREADS": "8",
}
ROLE = f"ALTER ROLE {SUPERUSER} IN DATABASE {DATABASE}"

# Long operations, in a process of commands. What it asks the server for is held up longer than the limit of the role.
# After the first piece that it reads, another client's transaction takes the server connection that read it.
COMMANDS = """
import json
import os
import psycopg
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import OperationalError, connection
from retail_pulse.db.timeouts import longer

call_command("import_stores", os.environ["STORES"])
call_command("audit")
call_command("refresh_insights")

said = {}
with longer("export"), connection.cursor() as cursor:
    cursor.execute("SELECT pg_sleep(2.5)")
try:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(30)")
except OperationalError as error:
    said["beyond the limit of the role"] = str(error).strip()

rows = Permission.objects.order_by("pk").values_list("pk", flat=True)
pieces = rows.iterator(chunk_size=10)
found = [next(pieces)]
with psycopg.connect(os.environ["DATABASE_URL"]) as other:
    other.execute("SELECT 1")
    found += pieces
said["read in pieces"] = len(found) > 40 and found == list(rows)

if settings.DATABASE_DIRECT_URL:
    connection.close()
    connection.close_pool()
    # Nobody listens there.
    connection.settings_dict["PORT"] = "1"
    call_command("migrate")
print(json.dumps(said))
"""


class Scene(NamedTuple):
    """What has come of a job, and then of COMMANDS, behind the pooler."""

    setting: str
    found: Comparison
    exit_code: int
    printed: list[str]
    said: dict[str, Any]
    limits: list[str]
    """The `statement_timeout` of the pooler's server connections, after the job and after the commands."""
    cursors: int
    """That are open in the pooler's server connections afterwards."""


@pytest.fixture(scope="module")
def world(tmp_path_factory, worlds_are_copies):
    with World(tmp_path_factory.mktemp("pooled"), **SETTINGS) as world:
        yield world


@pytest.fixture(scope="module")
def pooler(world):
    """The address of the database behind the pooler."""
    with pgbouncer(world.cluster) as url:
        yield url


@pytest.fixture(scope="module", params=["DATABASE_DIRECT_URL", "LEASE_ONLY"])
def scene(request, world, pooler, tmp_path_factory) -> Iterator[Scene]:
    """With a service that reaches the database through the pooler, in each of the ways that there are."""
    direct = {"DATABASE_DIRECT_URL": world.cluster.url(), "LEASE_ONLY": "true"}
    settings = {"DATABASE_URL": pooler, request.param: direct[request.param]}
    found, exit_code = work_off_a_job(world, settings)
    limits = limits_behind(pooler)

    stores = tmp_path_factory.mktemp("stores") / "stores.csv"
    stores.write_text("StoreID,StoreName,AreaCode\nKS0001,One,A1\nKS9001,Two,A2\n")
    # The limit of the role holds, except where an operation takes its own for its transaction.
    world.cluster.query(f"{ROLE} SET statement_timeout = '2s'")
    world.cluster.terminate_backends()
    try:
        *printed, said = world.manage(
            "shell", "--no-imports", "-v", "0", "-c", COMMANDS, STORES=str(stores), **settings
        ).splitlines()
        limits += limits_behind(pooler)
        ((cursors,),) = world.cluster.query("SELECT count(*) FROM pg_cursors")
    finally:
        world.cluster.query(f"{ROLE} RESET statement_timeout")
        world.cluster.terminate_backends()
    yield Scene(request.param, found, exit_code, printed, json.loads(said), limits, cursors)
    world.start_over()


def work_off_a_job(world: World, settings: dict[str, str]) -> tuple[Comparison, int]:
    """With two processes, of which one is killed; what is found wrong, and the exit code of the other one."""
    server, worker = world.server("server", **settings), world.worker("worker", **settings)
    server.start()
    worker.start()
    observer = Observer(world.cluster)
    try:
        wait_for(server.is_ready, pause=0.1)
        wait_for(lambda: observer.query("SELECT count(*) FROM jobs_worker") == [(2,)])
        new = order(Random(1), world.images, "job", IMAGES, kinds={"gone": 15})
        Client([server]).submit(new, threading.Event())
        holding = "SELECT count(DISTINCT claimed_by) FROM jobs_imageresult WHERE state = 'running'"
        wait_for(lambda: observer.query(holding) == [(2,)])
        worker.kill()
        ongoing = "SELECT count(*) FROM jobs_job WHERE status = 'ongoing'"
        wait_for(lambda: observer.query(ongoing) == [(0,)], timeout=40, pause=0.05)
    finally:
        observer.close()
    return compare(world.cluster, [new], world.images.ledger()), server.terminate()[0]


def limits_behind(pooler: str) -> list[str]:
    """The limits that hold in the server connections, of which each is held by a transaction of its own."""
    pooled = [psycopg.connect(pooler) for _ in range(SERVER_CONNECTIONS)]
    try:
        return sorted({connection.execute("SHOW statement_timeout").fetchall()[0][0] for connection in pooled})
    finally:
        for connection in pooled:
            connection.close()


def test_a_job_is_worked_off_by_two_processes_of_which_one_is_killed(scene):
    assert (scene.found.lost, scene.found.double, scene.found.wrong) == ([], [], [])
    assert scene.exit_code == 0


def test_an_audit_through_the_pooler_finds_nothing_broken(scene):
    assert f"1 job with {IMAGES} images" in scene.printed
    assert not [line for line in scene.printed if line.startswith("broken")]


def test_what_a_process_sets_for_itself_holds_for_nobody_else(scene):
    assert scene.limits == ["0", "2s"]


def test_the_limit_of_the_role_is_the_one_that_a_long_operation_replaces(scene):
    assert scene.said["beyond the limit of the role"] == "canceling statement due to statement timeout"


def test_rows_are_read_in_pieces_without_a_cursor_that_belongs_to_a_session(scene):
    assert scene.said["read in pieces"] is True
    assert scene.cursors == 0


def test_migrations_go_past_the_pooler(scene):
    migrated = "No migrations to apply." in "\n".join(scene.printed)
    assert migrated == (scene.setting == "DATABASE_DIRECT_URL")
