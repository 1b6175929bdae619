"""Which endpoints get a sender's free threads: those that answer come first, and can never be held up by others.

Nobody knows before whether an endpoint that was never tried will answer, or one that failed last time. So these may
have only a part of the threads, and those that failed a smaller one: the rest is always there for those that answered
their last request in time.

An attempt that goes on for long says that its endpoint may be dead, and only waits. It then leaves its place to the
next endpoint, and another thread is started for that one, up to MOST_THREADS times as many: of a hundred new endpoints
one that answers is found within seconds, though all others hang. Of many more, some wait until attempts have ended.

Owners are served in turn, and one alone never has all the threads: ten thousand jobs of one, each with an address of
its own that hangs, leave room for the new endpoint of another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from math import inf
from operator import itemgetter
from typing import NamedTuple

# Deliveries to one endpoint at once, from one process.
MOST_AT_ONCE = 4
# An answer that took longer makes an endpoint slow.
SLOW_MILLISECONDS = 1_000
# An attempt that has gone on for longer is a long one.
LONG_SECONDS = 0.15
# Threads, long attempts included, for each of WEBHOOK_THREADS.
MOST_THREADS = 12


class Trust(IntEnum):
    """What is known of an endpoint by its last attempt."""

    FAILED = 0
    UNKNOWN = 1
    """Never tried, or slow."""
    ANSWERED = 2


# Of the threads, how many those of this trust and of less may have together; and of those for long attempts.
SHARES = {Trust.FAILED: 1 / 2, Trust.UNKNOWN: 3 / 4, Trust.ANSWERED: 1.0}
# Of each of these shares, what one owner may have.
OWNER_SHARE = 3 / 4
# A trust and all above: one more of it is one more of each of these shares.
_FROM = {trust: tuple(each for each in Trust if each >= trust) for trust in Trust}


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

    `owner_id` is None for nobody's. `at_once` is how many of its deliveries may be under way.
    """

    endpoint_id: int
    owner_id: int | None
    trust: Trust
    since: datetime
    number: int
    at_once: int


class UnderWay(NamedTuple):
    """A delivery that has a thread: the trust that its endpoint had, and since when, in seconds."""

    endpoint_id: int
    owner_id: int | None
    trust: Trust
    since: float


def choose(due: Sequence[Due], under_way: Collection[UnderWay], threads: int, now: float) -> dict[int, int]:
    """How many deliveries to take of which endpoint, by its id; `threads` are WEBHOOK_THREADS, `now` is in seconds.

    Those of more trust come first. Among them owners take turns, each with the endpoint that has waited longest; and
    every endpoint gets one delivery before any gets a second.
    """
    at_once = Counter(each.endpoint_id for each in under_way)
    places = Counter(each.owner_id for each in under_way)
    room = _Room(under_way, threads, now)
    chosen: dict[int, int] = {}
    for trust in sorted(Trust, reverse=True):
        waiting = _in_turn(
            [each for each in due if each.trust == trust and at_once[each.endpoint_id] < each.at_once], places
        )
        for turn in range(MOST_AT_ONCE):
            for each in waiting:
                if turn < each.number and at_once[each.endpoint_id] + turn < each.at_once and room.take(each):
                    chosen[each.endpoint_id] = turn + 1
                    places[each.owner_id] += 1
            waiting = [each for each in waiting if chosen.get(each.endpoint_id, 0) == turn + 1]
    return chosen


def until_long(under_way: Iterable[UnderWay], now: float) -> float:
    """Seconds until the next attempt becomes a long one, and so makes room; infinite where none is to become one."""
    return min((left for each in under_way if (left := each.since + LONG_SECONDS - now) >= 0), default=inf)


def _in_turn(due: Iterable[Due], under_way: Mapping[int | None, int]) -> list[Due]:
    """First the owners that have the fewest threads, counting those that they would get before."""
    places = Counter(under_way)
    order = []
    for each in sorted(due, key=lambda each: each.since):
        order.append((places[each.owner_id], each.since, each))
        places[each.owner_id] += 1
    return [each for *_, each in sorted(order, key=itemgetter(0, 1))]


class _Room:
    """The threads that are left, for all owners together and for each of them."""

    def __init__(self, under_way: Collection[UnderWay], threads: int, now: float) -> None:
        self._threads, self._now = threads, now
        self._under_way: dict[int | None, list[UnderWay]] = defaultdict(list)
        for each in under_way:
            self._under_way[each.owner_id].append(each)
        self._of_all = self._left(under_way, 1.0)
        self._of_owner: dict[int | None, dict[Trust, int]] = {}

    def take(self, due: Due) -> bool:
        """Take a thread for one delivery; False where there is none left, for all or for its owner."""
        if not _has(self._of_all, due.trust):
            return False
        own = self._of_owner.get(due.owner_id)
        if own is None:
            own = self._of_owner[due.owner_id] = self._left(self._under_way[due.owner_id], OWNER_SHARE)
        if not _has(own, due.trust):
            return False
        for left in (self._of_all, own):
            for each in _FROM[due.trust]:
                left[each] -= 1
        return True

    def _left(self, under_way: Collection[UnderWay], part: float) -> dict[Trust, int]:
        """What is left for those of each trust and of less, of this part of all.

        At least one is theirs: with a single thread, all share it. Long attempts have further threads, which are shared
        in the same way; those beyond count like any other.
        """
        left = {}
        for trust, share in SHARES.items():
            is_long = [self._now - each.since > LONG_SECONDS for each in under_way if each.trust <= trust]
            threads = part * share * self._threads
            beyond = is_long.count(True) - int((MOST_THREADS - 1) * threads)
            left[trust] = max(1, int(threads)) - is_long.count(False) - max(0, beyond)
        return left


def _has(left: Mapping[Trust, int], trust: Trust) -> bool:
    return all(left[each] > 0 for each in _FROM[trust])
