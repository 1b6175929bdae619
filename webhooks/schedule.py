"""When what has failed is tried again. Plain arithmetic: times are seconds."""

from __future__ import annotations

import random

_MINUTE, _HOUR = 60.0, 3_600.0
# From the end of each failed attempt to the next one: ten attempts within three days.
WAITS = 5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR
# Each wait is up to so much longer, so that what failed together does not come back together.
JITTER = 0.1
# Whatever a receiver asks for.
LONGEST_RETRY_AFTER = 24 * _HOUR
# How long an endpoint gets nothing after the second failure in a row: doubled for each further one, up to the second
# number.
FIRST_REST, LONGEST_REST = 1.0, 300.0


def wait(attempts: int, retry_after: float | None = None) -> float | None:
    """Until the attempt after `attempts` failed ones; None where there is none."""
    if attempts > len(WAITS):
        return None
    spread = 1 + JITTER * random.random()  # noqa: S311 - spreads load, protects nothing
    return max(WAITS[attempts - 1] * spread, asked(retry_after))


def rest(failures: int, retry_after: float | None = None) -> float:
    """Of an endpoint after `failures` in a row: its backlog costs one attempt in that time, and others nothing.

    A single failure says little of an endpoint: there is no rest, unless it asks for one.
    """
    usual = min(FIRST_REST * 2.0 ** min(failures - 2, 30), LONGEST_REST) if failures > 1 else 0.0
    return max(usual, asked(retry_after))


def asked(retry_after: float | None) -> float:
    """What a receiver asks for, within LONGEST_RETRY_AFTER."""
    return min(retry_after or 0.0, LONGEST_RETRY_AFTER)
