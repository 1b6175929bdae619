"""The migrated database that every other one of a run is a copy of: to migrate takes seconds, to copy a moment."""

import fcntl
import functools
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from proofs.world.cluster import Cluster
from proofs.world.processes import add_stores
from retail_pulse.postgres import binaries

TEMPLATE = "test_migrated"


@contextmanager
def migrated_template(folder: Path) -> Iterator[None]:
    """The database TEMPLATE during the block; the processes that share `folder` share it, the last one drops it."""
    with _users(folder) as users:
        if users.read_text() == "0":
            # One is there if an earlier run was killed, with the migrations of its day.
            _drop_template()
            with connected_to("postgres"), connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {TEMPLATE}")
            with connected_to(TEMPLATE):
                call_command("migrate", verbosity=0)
        users.write_text(str(int(users.read_text()) + 1))
    yield
    with _users(folder) as users:
        users.write_text(str(int(users.read_text()) - 1))
        if users.read_text() == "0":
            _drop_template()


def _drop_template() -> None:
    with connected_to("postgres"), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")


@contextmanager
def _users(folder: Path) -> Iterator[Path]:
    """The file with the number of processes that use the template, for one process at a time."""
    with (folder / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = folder / "template.users"
        if not users.exists():
            users.write_text("0")
        yield users


@functools.cache
def dumped_template() -> bytes:
    """The statements that make its tables and rows in another server."""
    address = connection.get_connection_params()
    where = [f"--{name}={address[name]}" for name in ("host", "port") if address.get(name)]
    dump = [os.fspath(binaries.find().path("pg_dump")), *where, f"--username={address['user']}", TEMPLATE]
    variables = {**os.environ, "PGPASSWORD": str(address.get("password", ""))}
    return subprocess.run(dump, env=variables, stdout=subprocess.PIPE, check=True).stdout


def fill_from_template(cluster: Cluster, variables: Mapping[str, str]) -> None:
    """As `proofs.world.processes.prepare`, without the seconds that a process for the migrations would take."""
    psql = [os.fspath(binaries.find().path("psql")), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", cluster.url()]
    subprocess.run(psql, input=dumped_template(), stdout=subprocess.DEVNULL, check=True)
    add_stores(cluster)


@contextmanager
def connected_to(database: str) -> Iterator[None]:
    """Let this process use another database, without the seconds that a process for each command would take."""
    original = connection.settings_dict["NAME"]
    disconnect()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        disconnect()
        connection.settings_dict["NAME"] = original


def disconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # django-stubs does not know of pools
