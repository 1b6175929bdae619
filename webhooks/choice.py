"""Which endpoints get a sender's free threads: those that answer come first, and can never be held up by others.

Nobody knows before whether an endpoint that was never tried will answer, or one that failed last time. So these may
have only a part of the threads, and those that failed a smaller one: the rest is always there for those that answered
their last request in time.

An attempt that goes on for long says that its endpoint may be dead, and only waits. It then leaves its place to the
next endpoint, and another thread is started for that one, up to MOST_THREADS times as many: of a hundred new endpoints
one that answers is found within seconds, though all others hang.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

# Deliveries to one endpoint at once, from one process.
MOST_AT_ONCE = 4
# An answer that took longer makes an endpoint slow.
SLOW_MILLISECONDS = 1_000
# An attempt that has gone on for longer is a long one.
LONG_SECONDS = 0.5
# Threads, long attempts included, for each of WEBHOOK_THREADS.
MOST_THREADS = 4


class Trust(IntEnum):
    """What is known of an endpoint by its last attempt."""

    FAILED = 0
    UNKNOWN = 1
    """Never tried, or slow."""
    ANSWERED = 2


# Of the threads, how many those of this trust and of less may have together; and of those for long attempts.
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


def most_at_once(failures: int, last_ms: int | None) -> int:
    """Deliveries to one endpoint at once: a single one until it has answered, and after a failure."""
    return 1 if failures or last_ms is None else MOST_AT_ONCE


class Due(NamedTuple):
    """An endpoint for which deliveries are due: how many, MOST_AT_ONCE at most, and since when.

    `at_once` is how many of its deliveries may be under way.
    """

    endpoint_id: int
    trust: Trust
    since: datetime
    number: int
    at_once: int


class UnderWay(NamedTuple):
    """A delivery that has a thread: the trust that its endpoint had, and since when, in seconds."""

    endpoint_id: int
    trust: Trust
    since: float


def choose(due: Sequence[Due], under_way: Collection[UnderWay], threads: int, now: float) -> dict[int, int]:
    """How many deliveries to take of which endpoint, by its id; `threads` are WEBHOOK_THREADS, `now` is in seconds.

    Those of more trust come first, among them the one that has waited longest; and everyone gets one before anyone
    gets a second.
    """
    at_once = Counter(each.endpoint_id for each in under_way)
    free = {trust: _free(trust, under_way, threads, now) for trust in Trust}
    chosen: dict[int, int] = {}
    for trust in sorted(Trust, reverse=True):
        waiting = sorted((each for each in due if each.trust == trust), key=lambda each: each.since)
        for turn in range(MOST_AT_ONCE):
            for each in waiting:
                # One more is one more of those of every higher trust, too.
                room = min(free[higher] for higher in Trust if higher >= trust)
                if room <= 0:
                    break
                if turn < each.number and at_once[each.endpoint_id] + turn < each.at_once:
                    chosen[each.endpoint_id] = turn + 1
                    for higher in Trust:
                        if higher >= trust:
                            free[higher] -= 1
    return chosen


def _free(trust: Trust, under_way: Collection[UnderWay], threads: int, now: float) -> int:
    """Threads that are left for those of this trust and of less.

    Long attempts have further threads, which are shared in the same way; those beyond count like any other.
    """
    is_long = [now - each.since > LONG_SECONDS for each in under_way if each.trust <= trust]
    share = _share(trust, threads)
    return share - is_long.count(False) - max(0, is_long.count(True) - (MOST_THREADS - 1) * share)


def _share(trust: Trust, threads: int) -> int:
    """At least one: with a single thread, all share it."""
    return max(1, int(SHARES[trust] * threads))
