"""Keeps an outage from flooding the log: without database or cache, every component reports it again and again."""

import logging
import threading
from time import monotonic

# At most one line of a kind in this time, so that half an hour without a database stays readable.
THROTTLE_SECONDS = 60.0

# Messages that report a condition, not one job or image: a repetition adds nothing to the first. Clients that send
# no HTTP could fill a disk otherwise.
CONDITIONS = frozenset(
    {
        "engine starts over",
        "fewer threads than slots",
        "housekeeping again",
        "claiming again",
        "recording again",
        "beating again",
        "broker not available",
        "nobody notified",
        "cache not available",
        "cache not available, requests are not counted",
        "database not available",
        "not ready",
        "request refused",
    }
)
# Loggers whose warnings are such conditions: the driver's pool reports every failed connection.
_CONDITION_LOGGERS = frozenset({"psycopg.pool", "celery.worker.consumer.consumer"})


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
    # Django logs every answer from 500 on; a 503 means that the database is away.
    return record.name == "django.request" and getattr(record, "status_code", None) == 503


# The loggers that write such lines; a filter applies where a line is logged, not where it is handled.
LOGGERS = (
    "access.throttles",
    "django.request",
    "api.problems",
    "api.v1.problems",
    "celery.worker.consumer.consumer",
    "jobs.engine.celery",
    "jobs.engine.epoch",
    "jobs.engine.heartbeat",
    "jobs.engine.recorder",
    "jobs.engine.slots",
    "jobs.engine.threads",
    "psycopg.pool",
    "retail_pulse.health",
    "retail_pulse.telemetry.collectors",
    "retail_pulse.web.worker",
)
