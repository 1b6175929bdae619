"""Named points in the code where a test can make a process fail; otherwise they do nothing.

The setting FAILPOINTS arms them. The project's own settings do not have it: only the tests' settings read it from the
environment. It is a comma-separated list of `NAME:ACTION`, or of `NAME@PATTERN:ACTION` to act only if the regular
expression matches the point's subject. The actions:

kill
    SIGKILL to this process: nothing is cleaned up.
stop
    SIGSTOP: the process is frozen until it gets SIGCONT.
raise
    Raises FailpointError, which no `except Exception` catches.
sleep(SECONDS)
    Waits.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

type Action = Callable[[], None]

_POINT = re.compile(r"([a-z_.]+)(?:@([^:]+))?:(kill|stop|raise|sleep\(([0-9.]+)\))")


class FailpointError(BaseException):
    """Raised by the action `raise`."""


def hit(name: str, subject: object = "") -> None:
    """Perform the actions that are armed for the failpoint `name`; `subject` is what the code there is processing."""
    for pattern, action in _armed.get(name, ()):
        if pattern.search(str(subject)):
            action()


@contextmanager
def armed(points: str) -> Iterator[None]:
    """Arm `points` in this process, instead of any others, for the block. Raises ValueError if it is malformed."""
    global _armed
    before, _armed = _armed, _read(points)
    try:
        yield
    finally:
        _armed = before


def _read(points: str) -> dict[str, list[tuple[re.Pattern[str], Action]]]:
    table: dict[str, list[tuple[re.Pattern[str], Action]]] = {}
    for point in filter(None, points.split(",")):
        match = _POINT.fullmatch(point.strip())
        if match is None:
            raise ValueError(f"FAILPOINTS={point}: allowed is NAME:ACTION, see jobs/failpoints.py.")
        name, pattern, action, seconds = match.groups()
        table.setdefault(name, []).append((re.compile(pattern or ""), _action(action, seconds)))
    return table


def _action(word: str, seconds: str | None) -> Action:
    match word:
        case "kill":
            return lambda: os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            return lambda: os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            return _raise
        case _:
            return lambda: time.sleep(float(seconds or 0))


def _raise() -> None:
    raise FailpointError


_armed = _read(getattr(settings, "FAILPOINTS", ""))
