"""One state directory's server, shared by every process that uses it: the first starts it, the last stops it.

A process uses the server from its first connection until it ends. A killed process releases its locks too, but
cannot stop the server: then the next process to leave does. A forked child counts once it connects itself, a
process that replaces itself by exec counts again from its next connection.
"""

import atexit
import fcntl
import hashlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from retail_pulse.postgres import binaries, launch, locks

logger = logging.getLogger(__name__)

# A first start behind another first start, on a slow disk.
LOCK_SECONDS = 120.0
STOP_SECONDS = 30.0
SOCKET_PATH_BYTES = 107  # unix(7): sun_path holds 108, one of them the closing NUL


def ensure_running(home: Path) -> "Server":
    """The server of `home`, running and in use by this process; started where it is not, or has crashed.

    Cheap where it already runs: every connection calls this. Raises ImproperlyConfigured where it can never run,
    and OperationalError where it did not start.
    """
    server = _servers.get(home)
    if server is not None and server.is_ready():
        return server
    with _mutex:
        if _leaving:
            raise OperationalError("This process is ending and has already released the embedded PostgreSQL.")
        server = _servers.setdefault(home, Server(home))
        server.join()
        return server


def major_version(home: Path) -> int:
    """The major version of PostgreSQL that `home` runs on, or will. Raises ImproperlyConfigured where there is none."""
    try:
        return int((home / "postgres" / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return binaries.find().major


class Server:
    """The server of one home, as this process sees it."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home))
        self.state = self.home / "postgres"
        self.data = self.state / "data"
        self.log = self.state / "server.log"
        self._users_lock: int | None = None
        self._server_lock: int | None = None
        self._ready_pid = 0

    @cached_property
    def address(self) -> dict[str, str]:
        """How to connect to the server: `host`, `port` and `user` as libpq takes them."""
        return {"host": str(self.socket_dir), "port": str(launch.PORT), "user": launch.SUPERUSER}

    @property
    def socket_dir(self) -> Path:
        """The state directory; where its path is too long for a socket, or libpq would split it, one in /tmp."""
        socket = os.fsencode(self.state / f".s.PGSQL.{launch.PORT}")
        if len(socket) <= SOCKET_PATH_BYTES and not re.search(rb'[,"]', socket):
            return self.state
        # Not TMPDIR, which may differ between the processes that share the server.
        digest = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]
        return Path("/tmp") / f"retail-pulse-{self.home.stat().st_uid}-{digest}"  # noqa: S108 - refused unless ours

    @property
    def pid(self) -> int:
        """The PID of the running server's main process."""
        return locks.server_pid(self._server_lock) if self._server_lock is not None else 0

    def is_running(self) -> bool:
        """Whether this process uses the server and its main process lives."""
        descriptor = self._server_lock
        return descriptor is not None and locks.server_lives(descriptor)

    def is_ready(self) -> bool:
        """Whether the server that was found to accept connections still runs, not one that is being started."""
        return self.is_running() and self.pid == self._ready_pid

    def join(self) -> None:
        """Make this process one of the server's users, and start the server where it does not run."""
        try:
            self._make_state_directory()
            with self._alone() as start_lock:
                if self._users_lock is None:
                    self._users_lock = locks.open_lock(self.state / "users.lock")
                    fcntl.flock(self._users_lock, fcntl.LOCK_SH)  # free: an exclusive holder also holds the start lock
                    self._server_lock = locks.open_lock(self.state / "server.lock")
                self._make_ready(start_lock)
        except OSError as error:
            raise ImproperlyConfigured(
                f"The embedded PostgreSQL cannot keep its data in {self.state}: {error}. Set RETAIL_PULSE_HOME to a "
                "directory that this user may write to, or DATABASE_URL to a server of your own."
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[int]:
        try:
            with locks.exclusive(self.state / "start.lock", LOCK_SECONDS) as start_lock:
                yield start_lock
        except TimeoutError as error:
            raise OperationalError(f"The embedded PostgreSQL is not available: {error}.") from error

    def _make_state_directory(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.state.mkdir(mode=0o700)
        except FileExistsError:
            return
        owner = self.home.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(self.state, owner.st_uid, owner.st_gid)

    def _make_ready(self, start_lock: int) -> None:
        deadline = time.monotonic() + launch.READY_SECONDS
        while not (self.is_running() and launch.is_ready(self.data, self.pid)):
            if time.monotonic() > deadline:
                raise OperationalError(f"The embedded PostgreSQL accepts no connections; see {self.log}.")
            if self.is_running():
                # It is starting and its starter was killed, or somebody else has stopped it.
                time.sleep(locks.POLL_SECONDS)
            else:
                self._start(start_lock)
        self._ready_pid = self.pid

    def _start(self, start_lock: int) -> None:
        programs = binaries.find()
        programs.refuse_foreign_data(self.data)
        logger.info("starting the embedded PostgreSQL", extra={"state": str(self.state)})
        launcher = [sys.executable, "-S", "-m", launch.__name__]
        done = subprocess.run(
            [*launcher, programs.folder, self.state, self.socket_dir, str(start_lock)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            # The launcher keeps the lock if this process is killed, so that no second one is started meanwhile.
            pass_fds=(start_lock,),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise OperationalError(f"The embedded PostgreSQL did not start. {done.stdout.strip()}")

    def leave(self) -> None:
        """Stop using the server; the last user stops it, and waits until it is gone."""
        if self._users_lock is None:
            return
        with self._alone():
            try:
                # Granted or not, this process's share of the lock ends here.
                if locks.try_flock(self._users_lock, fcntl.LOCK_EX) and self.is_running():
                    self._stop(self.pid)
            finally:
                self.forget()

    def _stop(self, pid: int) -> None:
        if not self._is_server(pid):
            logger.warning("left the embedded PostgreSQL running: it belongs to another machine or container")
            return
        os.kill(pid, signal.SIGINT)  # PostgreSQL's "fast shutdown": ends the sessions and writes everything
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_running():
            if time.monotonic() > deadline:
                logger.warning("the embedded PostgreSQL is still stopping", extra={"state": str(self.state)})
                return
            time.sleep(locks.POLL_SECONDS / 2)

    def _is_server(self, pid: int) -> bool:
        # A shared directory shows the lock of a server in another container, whose PID means another process here.
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError:
            return pid > 1 and not Path("/proc/self").exists()

    def forget(self) -> None:
        """Close the descriptors: this releases this process's share of the locks and no other."""
        for descriptor in (self._users_lock, self._server_lock):
            if descriptor is not None:
                os.close(descriptor)
        self._users_lock = self._server_lock = None


_servers: dict[Path, Server] = {}
_mutex = threading.Lock()
_leaving = False


def _leave_all() -> None:
    global _leaving
    with _mutex:
        _leaving = True
        while _servers:
            _, server = _servers.popitem()
            try:
                server.leave()
            except (OSError, OperationalError) as error:
                logger.warning("left the embedded PostgreSQL running: %s", error)


def _forget_all_after_fork() -> None:
    global _mutex
    _mutex = threading.Lock()  # another thread of the parent may have held it
    while _servers:
        _, server = _servers.popitem()
        server.forget()


# Registered when this module is imported, which Django does while it loads the models: exit handlers run in reverse
# order, so that those of the applications still find their database.
atexit.register(_leave_all)
os.register_at_fork(after_in_child=_forget_all_after_fork)
