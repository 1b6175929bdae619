"""Makes the data directory where there is none, and starts the server; a separate program.

It needs only the standard library, and has one thread: a process that has more may neither enter a
user namespace nor run code between fork and exec.

    python -m retail_pulse.postgres.launch PROGRAMS STATE SOCKET_DIR START_LOCK

Ends with code 0 when the server accepts connections, else with 1 and one sentence on standard output.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from retail_pulse.postgres import identity, locks

SUPERUSER = "retail_pulse"
PORT = 5432
# After a crash the server first replays its log: this may take a while, and continues after this time is over.
READY_SECONDS = 60.0
# Processes of a killed server notice that it is gone when their statement ends.
STRAGGLERS_SECONDS = 20.0
LOG_BYTES = 10 * 2**20


class LaunchError(Exception):
    """The server could not be started; the text is a sentence for people."""


def is_ready(data: Path, pid: int) -> bool:
    """Whether the server `pid` accepts connections, as it says itself in the last line of postmaster.pid."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def make_data_directory(programs: Path, data: Path, start_lock: int) -> None:
    """Make `data` as a whole or not at all: a kill on the way leaves a draft, removed by the next start."""
    for draft in data.parent.glob("draft-*"):
        shutil.rmtree(draft)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=data.parent))
    initdb = subprocess.run(
        [programs / "initdb", "-D", draft, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"],
        # initdb outlives this process if it is killed, and keeps the lock until the draft is no longer in use.
        pass_fds=(start_lock,),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if initdb.returncode:
        raise LaunchError(f"PostgreSQL's initdb could not make {data}: {initdb.stderr.strip()}")
    draft.rename(data)
    # A power failure must not bring the old name back: the next start would take the database for a draft.
    parent = os.open(data.parent, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)


def make_socket_directory(folder: Path) -> None:
    """Make `folder` for this user alone; refuses one that somebody else put in its place."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise LaunchError(
            f"{folder}, where the server's socket goes, must be a directory of this user's alone: "
            "close it to others (chmod 700) if it is yours, else remove it."
        )
    # Left behind by a killed server, with a PID that another process may have by now. The caller holds the
    # lock of the data directory, so none of this service's servers uses them.
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (folder / name).unlink(missing_ok=True)


def start(programs: Path, state: Path, socket_dir: Path) -> None:
    """Start the server of `state` and wait until it accepts connections. Raises LaunchError."""
    data, log = state / "data", state / "server.log"
    stragglers = os.open(data, os.O_RDONLY)
    if not locks.wait_alone(stragglers, STRAGGLERS_SECONDS):
        raise LaunchError(
            f"Processes of a server that was killed still work on {data}: end the postgres processes that have "
            "this directory open, then try again."
        )
    make_socket_directory(socket_dir)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    server_lock = locks.open_lock(state / "server.lock")

    def mark_as_server() -> None:
        # Runs in the process that becomes the server. A prober may hold the lock shared for a microsecond.
        fcntl.lockf(server_lock, fcntl.LOCK_EX)
        os.ftruncate(server_lock, 0)
        os.pwrite(server_lock, str(os.getpid()).encode(), 0)

    with log.open("ab") as output:
        beginning = output.tell()
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *_options(socket_dir)],
            # This process has one thread, so that code between fork and exec is safe.
            preexec_fn=mark_as_server,
            pass_fds=(stragglers, server_lock),
            start_new_session=True,
            env=_environment() | _ignore_stale_pid(data),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready(data, server.pid):
        if (code := server.poll()) is not None:
            tail = log.read_bytes()[beginning:].decode(errors="replace").strip()[-2000:]
            raise LaunchError(f"PostgreSQL ended with code {code} while starting; its log {log} says:\n{tail}")
        if time.monotonic() > deadline:
            raise LaunchError(
                f"PostgreSQL has been starting for {READY_SECONDS:g} seconds, perhaps because it recovers from a "
                f"crash; see {log}. It continues; try again in a while."
            )
        time.sleep(locks.POLL_SECONDS)


def _options(socket_dir: Path) -> list[str]:
    settings = {
        "listen_addresses": "",  # the Unix socket is the only way in
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": "200",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %a ",
    }
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    # Not the environment of the first process: it holds secrets, and PG* variables that would redirect the server.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _ignore_stale_pid(data: Path) -> dict[str, str]:
    """Keep PostgreSQL from taking a left-over postmaster.pid for a running server because its PID is reused.

    None of this service's servers is alive, as the locks have shown. Declared an ancestor of the new server, the PID
    no longer stops it; PostgreSQL still checks by the shared memory that no other server uses the directory.
    """
    try:
        return {"PG_GRANDPARENT_PID": (data / "postmaster.pid").read_text().splitlines()[0]}
    except (FileNotFoundError, IndexError):
        return {}


def main(programs: Path, state: Path, socket_dir: Path, start_lock: int) -> None:
    """Start the server of the state directory `state`, whose start lock is held as `start_lock`."""
    identity.become_server_user(state, programs)
    if not (state / "data").exists():
        make_data_directory(programs, state / "data", start_lock)
    start(programs, state, socket_dir)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    except (LaunchError, identity.NoServerUserError, OSError) as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
