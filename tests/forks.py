"""Work in a fork of the test's process, which may be killed: to start Python and Django anew takes a second."""

import os
import signal
from collections.abc import Callable

from jobs import failpoints
from tests.databases import disconnect
from tests.waiting import wait_for


def in_a_child(act: Callable[[], object]) -> int:
    """Run it in a process of its own, which ends without any clearing up; its exit status, as `os.waitpid` has it."""
    disconnect()
    pid = os.fork()
    if not pid:
        try:
            act()
        finally:
            os._exit(0)
    ended: list[int] = []

    def has_ended() -> bool:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            ended.append(status)
        return bool(found)

    try:
        wait_for(has_ended)
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return ended[0]


def kill_at(point: str, act: Callable[[], object]) -> None:
    """Run it in a child, which must be killed at the failpoint; raises AssertionError where it is not."""

    def act_and_be_killed() -> None:
        with failpoints.armed(f"{point}:kill"):
            act()

    assert in_a_child(act_and_be_killed) == signal.SIGKILL
