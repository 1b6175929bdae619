"""Wait for conditions, never for a fixed time."""

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 20.0


def wait_for[T](fact: Callable[[], T], timeout: float = TIMEOUT_SECONDS) -> T:
    """Poll until `fact()` is true, and return its value; raises AssertionError after the timeout."""
    deadline = time.monotonic() + timeout
    while not (found := fact()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {fact}"
        time.sleep(0.01)
    return found
