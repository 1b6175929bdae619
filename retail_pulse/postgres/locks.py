"""The file locks by which the processes of a checkout share one server.

The kernel releases a lock when its holder dies, by whatever signal: unlike a PID in a file, it is never stale.

- `start.lock`: held while one process starts, joins, leaves or stops the server.
- `users.lock`: held shared by every process that uses the server, for as long as it lives.
- `server.lock`: held by the server's main process itself, which also writes its PID there.
- the data directory: held by every process of the server, so that the last straggler of a killed one is waited for.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.01


def open_lock(path: Path) -> int:
    """A descriptor of the lock file `path`, made where it is missing; it belongs to its folder's owner."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        # Root may be the first to use a state directory that an ordinary user continues to use.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def try_flock(descriptor: int, operation: int) -> bool:
    """Whether `operation` (LOCK_SH or LOCK_EX) was granted at once."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_alone(descriptor: int, seconds: float) -> bool:
    """Whether the lock of `descriptor` could be taken exclusively within `seconds`."""
    deadline = time.monotonic() + seconds
    while not try_flock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[int]:
    """Hold `path` exclusively; yields its descriptor. Raises TimeoutError after `seconds` of waiting.

    A child process that was given the descriptor keeps the lock if this process is interrupted or killed.
    """
    descriptor = open_lock(path)
    try:
        if not wait_alone(descriptor, seconds):
            raise TimeoutError(f"another process has held {path} for {seconds:g} seconds")
        yield descriptor
        # Closing it is not enough: a child that another thread forked meanwhile would continue to hold it.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def server_lives(descriptor: int) -> bool:
    """Whether some process holds the lock of `server.lock`, open as `descriptor`; about a microsecond."""
    # A POSIX record lock, not flock: it belongs to the one process that took it, survives exec and is not
    # inherited by that process's children.
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX allows EAGAIN and EACCES
        return True
    fcntl.lockf(descriptor, fcntl.LOCK_UN)
    return False


def server_pid(descriptor: int) -> int:
    """The PID that the holder of `server.lock` wrote; 0 where it has not written it yet."""
    return int(os.pread(descriptor, 20, 0) or b"0")
