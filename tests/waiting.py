"""Wait for conditions, never for a fixed time."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection

TIMEOUT_SECONDS = 30.0


def wait_for[T](fact: Callable[[], T], timeout: float = TIMEOUT_SECONDS, *, pause: float | None = None) -> T:
    """Poll until `fact()` is true, and return its value; raises AssertionError after the timeout.

    `pause` is what lies between two tries: longer where each is work for a service, shorter to meet a moment. Without
    one it grows, since each look takes processor time from what is waited for.
    """
    begun = time.monotonic()
    while not (found := fact()):
        waited = time.monotonic() - begun
        assert waited < timeout, f"not within {timeout:g} s: {fact}"
        time.sleep(min(0.01 + waited / 10, 0.05) if pause is None else pause)
    return found


def until_it_waits_for_a_lock(work: Future[Any]) -> None:
    """Until somebody waits for a lock of the database: the only one who is at it, `work`, which must not be done."""
    with connection.cursor() as cursor:

        def waits() -> bool:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            return bool(cursor.fetchone()[0])

        wait_for(lambda: waits() or work.done())
    assert not work.done()
