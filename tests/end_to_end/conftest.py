"""Real processes on a database of their own, real sockets, real signals."""

import io
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from demo.service import Service
from tests.conftest import FIXTURES
from tests.databases import TEMPLATE, connected_to
from tests.waiting import wait_for

CHECKOUT = FIXTURES.parent


class KilledService(Service):
    """A server that is killed when its block ends, which takes no time; how one ends in order has tests of its own."""

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


class Deployment:
    """A migrated database with the fixture's stores, and the processes that a test starts on it."""

    def __init__(self, home, url: str) -> None:
        self.home = home
        self.database_url = url
        self.processes: list[subprocess.Popen[bytes]] = []
        self.services: list[Service] = []

    def settings(self, **settings: str | None) -> dict[str, str]:
        """The environment of a process; None leaves a variable unset."""
        ours = {
            "DATABASE_URL": self.database_url,
            "ENGINE_AUTOSTART": "auto",
            "API_OPEN": "true",
            "FETCH_ALLOW_CIDRS": "127.0.0.1/32",
            "FETCH_ALLOW_PORTS": "1-65535",
            "GPU_MIN_SECONDS": "0.05",
            "GPU_MAX_SECONDS": "0.05",
            "WORKER_THREADS": "8",
            "LEASE_SECONDS": "5",
        }
        return {name: value for name, value in (ours | settings).items() if value is not None}

    def service(self, **settings: str | None) -> Service:
        """A server, not yet started; use it with `with`."""
        service = KilledService(CHECKOUT, self.home, self.settings(**settings))
        self.services.append(service)
        return service

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """A management command in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
            env=os.environ | {"RETAIL_PULSE_HOME": str(self.home)} | self.settings(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """Kill what still runs of the services and processes."""
        for service in self.services:
            service.stop()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def query(self, statement: str) -> list[tuple]:
        """Rows of the deployment's own database."""
        with psycopg.connect(self.database_url, autocommit=True) as direct:
            return direct.execute(statement).fetchall()

    def scalar(self, statement: str):
        return self.query(statement)[0][0]

    def wait_for(self, statement: str, timeout: float = 30.0):
        """Until the statement's first value is true; returns it."""
        # One connection for all its tries: to begin one costs the server more than the question.
        with psycopg.connect(self.database_url, autocommit=True) as direct:
            return wait_for(lambda: direct.execute(statement).fetchall()[0][0], timeout)


@pytest.fixture(scope="session")
def migrated_database(django_db_setup, django_db_blocker) -> Iterator[Callable[[], str]]:
    """Make databases with every migration and the fixture's stores, each a copy of one template."""
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    address = {key: str(parameters[key]) for key in ("host", "port", "password") if parameters.get(key)}
    user = quote(parameters["user"])

    def url(name: str) -> str:
        return f"postgresql://{user}@/{name}?{urlencode(address)}"

    made: list[str] = []

    def make(template: str = TEMPLATE) -> str:
        name = f"end_to_end_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with psycopg.connect(url("postgres"), autocommit=True) as direct:
            direct.execute(statement)
        made.append(name)
        return name

    template = make()
    with django_db_blocker.unblock(), connected_to(template):
        call_command("import_stores", str(FIXTURES / "stores.csv"), stdout=io.StringIO())
    yield lambda: url(make(template))
    with psycopg.connect(url("postgres"), autocommit=True) as direct:
        for name in made:
            direct.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def manage(django_db_blocker) -> Callable[..., str]:
    """Run a management command on a deployment's database, but in this process; returns what it printed."""

    def manage(deployment: Deployment, *arguments: str) -> str:
        output = io.StringIO()
        database = str(conninfo_to_dict(deployment.database_url)["dbname"])
        with django_db_blocker.unblock(), connected_to(database):
            try:
                call_command(*arguments, stdout=output)
            except SystemExit as end:
                raise AssertionError(output.getvalue()) from end
        return output.getvalue().strip()

    return manage


@pytest.fixture
def deployment(migrated_database, tmp_path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, migrated_database())
    yield deployment
    deployment.end()
