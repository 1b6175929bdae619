"""A private PostgreSQL server that a proof can restart, kill and fill up."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psycopg

from proofs.world import postgres
from proofs.world.ports import free_port
from retail_pulse.postgres import binaries, launch

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE = "retail_pulse"
READY_SECONDS = 60.0
# How long `stop` waits for PostgreSQL to shut down before killing it.
STOP_SECONDS = 20.0

# The signals for a shutdown, from the chapter "Shutting Down the Server" of PostgreSQL's manual.
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
type Mode = Literal["fast", "immediate"]


class ClusterFailed(Exception):
    """The server did not start; the text holds the end of its log."""


class Cluster:
    """One server in `folder`, on a port of 127.0.0.1 and on a socket there, as durable as PostgreSQL is by default.

    `data` may be elsewhere, such as on a small file system; its parent must be a folder used for nothing else.
    `server_settings` are PostgreSQL's own (`max_connections="20"`). The `with` statement starts it, creates the
    database `retail_pulse`, and stops it in any case; the caller removes the folder.
    """

    def __init__(self, folder: Path, *, data: Path | None = None, **server_settings: str) -> None:
        self.folder = folder
        self.data = data or folder / "postgres" / "data"
        self.log = folder / "postgres.log"
        self.port = free_port()
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.data.parent),
            "max_connections": "200",
            "log_line_prefix": "%m [%p] %a ",
            **server_settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """The DATABASE_URL that reaches it over TCP."""
        return f"postgresql://{launch.SUPERUSER}@127.0.0.1:{self.port}/{database}"

    @property
    def socket_url(self) -> str:
        """The same over the Unix socket, for libpq."""
        return f"postgresql:///{DATABASE}?host={self.data.parent}&port={self.port}&user={launch.SUPERUSER}"

    @property
    def pid(self) -> int:
        """Of the server's first process, whose children are the others."""
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        try:
            self.start()
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        except BaseException:
            # `__exit__` is not called in this case, and not even Ctrl-C may leave a server behind.
            self.stop("immediate")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop("immediate")

    def start(self) -> None:
        """Start the server and wait until it accepts connections. Raises ClusterFailed."""
        for folder in (self.folder, self.data.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-S", "-m", postgres.__name__, binaries.find().folder, self.data),
                    *(f"{name}={value}" for name, value in self._settings.items()),
                ],
                cwd=CHECKOUT,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not launch.is_ready(self.data, self._process.pid):
            if not self.is_running() or time.monotonic() > deadline:
                self.stop("immediate")
                raise ClusterFailed(f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server: `fast` cleanly, `immediate` like a crash; returns when it is gone."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(_SIGNALS[mode])
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start; after `immediate` the server first replays its log."""
        self.stop(mode)
        self.start()

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """A connection of the superuser, outside transactions."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5, application_name="proof")

    def query(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None, database: str = DATABASE
    ) -> list[tuple[Any, ...]]:
        """The rows of one statement, on a new connection; an empty list where it returns none."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def terminate_backends(self) -> int:
        """Terminate every client's connection but this one; returns how many there were."""
        terminated: int = self.query(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )[0][0]
        return terminated


class Observer:
    """A connection for repeated queries, which reconnects when it was cut; for one thread."""

    def __init__(self, cluster: Cluster, database: str = DATABASE) -> None:
        self._cluster = cluster
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query, repeated until it succeeds. Raises psycopg.Error after READY_SECONDS."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self._connection is None:
                    self._connection = self._cluster.connect(self._database)
                return self._connection.execute(sql, parameters).fetchall()
            except psycopg.OperationalError:
                self.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
