"""Keeps an outage from flooding the log: without database or cache, everything says so again and again."""

import logging
import threading
from time import monotonic

# One line of a kind in this time, so that half an hour without a database stays readable.
THROTTLE_SECONDS = 60.0

# Messages that tell of a condition, not of one job or image: the next one says nothing that the first did not.
CONDITIONS = frozenset(
    {
        "engine starts over",
        "housekeeping again",
        "claiming again",
        "recording again",
        "beating again",
        "cache not available",
        "cache not available, requests are not counted",
        "database not available",
        "not ready",
    }
)
# Loggers whose warnings are such conditions: the driver's pool tells of every attempt to connect.
_CONDITION_LOGGERS = frozenset({"psycopg.pool"})


class LogThrottle(logging.Filter):
    """Lets the first line of a condition through, then one per THROTTLE_SECONDS that says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # By logger and message: when the last line passed, and how many were left out since.
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not _is_throttled(record):
            return True
        key = record.name, str(record.msg)
        now = monotonic()
        with self._lock:
            passed_at, left_out = self._seen.get(key, (-THROTTLE_SECONDS, 0))
            if now - passed_at < THROTTLE_SECONDS:
                self._seen[key] = passed_at, left_out + 1
                return False
            self._seen[key] = now, 0
        if left_out:
            record.left_out = left_out
        return True


def _is_throttled(record: logging.LogRecord) -> bool:
    if record.msg in CONDITIONS or record.name in _CONDITION_LOGGERS:
        return True
    # Django logs every answer from 500 on; a 503 is this service saying that the database is away.
    return record.name == "django.request" and getattr(record, "status_code", None) == 503


# The loggers that such lines come from; a filter is asked where a line is logged, not where it arrives.
LOGGERS = (
    "access.throttles",
    "django.request",
    "api.problems",
    "jobs.engine.epoch",
    "jobs.engine.keeper",
    "jobs.engine.recorder",
    "jobs.engine.threads",
    "psycopg.pool",
    "retail_pulse.health",
)
