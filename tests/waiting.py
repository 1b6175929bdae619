"""Wait for facts, never for seconds."""

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 20.0


def wait_for[T](fact: Callable[[], T], timeout: float = TIMEOUT_SECONDS) -> T:
    """Ask until `fact()` is true, and return it; an AssertionError where it never is."""
    deadline = time.monotonic() + timeout
    while not (found := fact()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {fact}"
        time.sleep(0.01)
    return found
