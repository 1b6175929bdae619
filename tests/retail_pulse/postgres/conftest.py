"""Real servers in state directories of their own, used by real processes."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from retail_pulse.postgres import locks
from retail_pulse.postgres.server import Server
from tests import ROOT

# Uses the server of argv[1] until its standard input ends, and prints the server's PID.
USE = """
import sys
from pathlib import Path
from retail_pulse.postgres import server
running = server.ensure_running(Path(sys.argv[1]))
print(running.pid, flush=True)
sys.stdin.read()
"""


# Looks like the server of a home, like that of another container does through a shared directory.
STRANGER = """
import fcntl, os, sys
from pathlib import Path
state = Path(sys.argv[1]) / "postgres"
lock = (state / "server.lock").open("r+")
fcntl.lockf(lock, fcntl.LOCK_EX)
lock.truncate()
lock.write(str(os.getpid()))
lock.flush()
(state / "data" / "postmaster.pid").write_text(f"{os.getpid()}" + chr(10) * 7 + "ready")
print("locked", flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the server of a home."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def says(self) -> str:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process ended without an answer: {self.process.communicate(timeout=30)[1]}"
        return line.strip()

    def ask(self, line: str) -> str:
        """What the process answers to `line`."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.says()

    def leave(self) -> None:
        _, errors = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, errors

    def fails(self) -> str:
        """The standard error of a process that must end with an error."""
        _, errors = self.process.communicate(timeout=30)
        assert self.process.returncode != 0, "the process was expected to fail"
        return errors

    def kill(self, signum: int = signal.SIGKILL) -> None:
        self.process.send_signal(signum)
        self.process.communicate(timeout=30)


def wait_until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.01)


def living_server(home: Path) -> int:
    """The PID of the server of `home`; 0 where none lives."""
    try:
        descriptor = os.open(home / "postgres" / "server.lock", os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        return locks.server_pid(descriptor) if locks.server_lives(descriptor) else 0
    finally:
        os.close(descriptor)


def is_held(lock: Path) -> bool:
    """Whether some process holds the lock file `lock`."""
    with lock.open() as file:
        return not locks.try_flock(file.fileno(), fcntl.LOCK_EX)


def query(home: Path, statement: str, dbname: str = "postgres") -> list[tuple[Any, ...]]:
    """Ask the running server of `home`, without becoming one of its users."""
    with psycopg.connect(make_conninfo(dbname=dbname, **Server(home).address), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def end_server(home: Path) -> None:
    if pid := living_server(home):
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not living_server(home))
    socket_dir = Server(home).socket_dir if home.exists() else home
    if socket_dir.parent == Path("/tmp") and socket_dir.exists():
        for left in socket_dir.iterdir():
            left.unlink()
        socket_dir.rmdir()


@pytest.fixture(scope="session")
def _shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "home"
    User([sys.executable, "-c", USE, str(folder)], {}).leave()
    return folder


@pytest.fixture
def home(_shared_home: Path) -> Iterator[Path]:
    """A state directory in which a server has run before; the tests of one pytest process use it one by one."""
    yield _shared_home
    end_server(_shared_home)


@pytest.fixture
def table() -> str:
    """A name that no other test of the shared server uses."""
    return f"kept_{uuid.uuid4().hex}"


@pytest.fixture
def home_at(_shared_home: Path) -> Iterator[Callable[[Path], Path]]:
    """Make a path into the test's own state directory, in which a server has run before."""
    homes = []

    def make(folder: Path) -> Path:
        homes.append(folder)
        return Path(shutil.copytree(_shared_home, folder))

    yield make
    for folder in homes:
        end_server(folder)


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A state directory that does not exist yet: its first start takes longest."""
    yield (folder := tmp_path / "home")
    end_server(folder)


@pytest.fixture
def use() -> Iterator[Callable[..., User]]:
    """Start a process that uses the server of a home, or runs another script with the home as argument."""
    users = []

    def start(home: Path, script: str = USE, prefix: list[str] | None = None, **environment: str) -> User:
        users.append(User([*(prefix or []), sys.executable, "-c", script, str(home)], environment))
        return users[-1]

    yield start
    for user in users:
        if user.process.poll() is None:
            user.kill()
