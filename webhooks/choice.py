"""Which endpoints get a sender's free threads: those that answer come first, and can never be held up by others.

Nobody knows before whether an endpoint that was never tried will answer, or one that failed last time. So these may
have only a part of the threads, and those that failed a smaller one: the rest is always there for those that answered
their last request in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

# Deliveries to one endpoint at once, from one process; to one that failed last time, a single one.
MOST_AT_ONCE = 4
# An answer that took longer makes an endpoint slow.
SLOW_MILLISECONDS = 1_000


class Trust(IntEnum):
    """What is known of an endpoint by its last attempt."""

    FAILED = 0
    UNKNOWN = 1
    """Never tried, or slow."""
    ANSWERED = 2


# Of the threads, how many those of this trust and of less may have together.
SHARES = {Trust.FAILED: 1 / 2, Trust.UNKNOWN: 3 / 4, Trust.ANSWERED: 1.0}


def trust(failures: int, last_ms: int | None, of_host: Trust = Trust.UNKNOWN) -> Trust:
    """By an endpoint's last attempt; where there was none, by the last one to its host.

    That others answer there is no reason to trust it, that they do not is one not to: each job may name an address of
    its own, all at one dead host.
    """
    if failures:
        return Trust.FAILED
    if last_ms is None:
        return min(of_host, Trust.UNKNOWN)
    return Trust.UNKNOWN if last_ms > SLOW_MILLISECONDS else Trust.ANSWERED


class Due(NamedTuple):
    """An endpoint for which deliveries are due: how many, MOST_AT_ONCE at most, and since when."""

    endpoint_id: int
    trust: Trust
    since: datetime
    number: int


def choose(due: Sequence[Due], under_way: Collection[tuple[int, Trust]], threads: int) -> dict[int, int]:
    """How many deliveries to take of which endpoint, by its id.

    `under_way` is the endpoint, and the trust it had, of each delivery that has a thread now. Those of more trust
    come first, among them the one that has waited longest; and everyone gets one before anyone gets a second.
    """
    at_once = Counter(endpoint_id for endpoint_id, _ in under_way)
    taken = {trust: sum(each <= trust for _, each in under_way) for trust in Trust}
    free = {trust: _share(trust, threads) - taken[trust] for trust in Trust}
    chosen: dict[int, int] = {}
    for trust in sorted(Trust, reverse=True):
        waiting = sorted((each for each in due if each.trust == trust), key=lambda each: each.since)
        for turn in range(1 if trust == Trust.FAILED else MOST_AT_ONCE):
            for each in waiting:
                # One more is one more of those of every higher trust, too.
                room = min(free[higher] for higher in Trust if higher >= trust)
                if room <= 0:
                    break
                if turn < each.number and at_once[each.endpoint_id] + turn < _most(trust):
                    chosen[each.endpoint_id] = turn + 1
                    for higher in Trust:
                        if higher >= trust:
                            free[higher] -= 1
    return chosen


def _most(trust: Trust) -> int:
    return 1 if trust == Trust.FAILED else MOST_AT_ONCE


def _share(trust: Trust, threads: int) -> int:
    """At least one: with a single thread, all share it."""
    return max(1, int(SHARES[trust] * threads))
