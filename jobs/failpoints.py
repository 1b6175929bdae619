"""Named places in the code where a test makes a process fail; nothing at all happens there otherwise.

They are armed by the setting FAILPOINTS, which the project's own settings do not have: only the tests' settings read
it from the environment. It holds `NAME:ACTION`, or `NAME@PATTERN:ACTION` to strike only where the regular expression
is found in what the place is at work on, separated by commas. The actions:

kill
    SIGKILL to this very process: nothing is cleaned up.
stop
    SIGSTOP: the process is frozen until somebody sends SIGCONT.
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
    """Do what is armed for the place `name`, which is at work on `subject`."""
    for pattern, action in _armed.get(name, ()):
        if pattern.search(str(subject)):
            action()


@contextmanager
def armed(points: str) -> Iterator[None]:
    """Arm `points` in this process instead of what was armed before. Raises ValueError for what cannot be read."""
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
