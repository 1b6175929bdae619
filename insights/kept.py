"""Sums that are kept for as long as they hold: until the next refresh, and a minute at most.

Between two refreshes nothing in the summaries changes; the store master may, which then shows within SECONDS. What is
kept belongs to those who may see it: the key holds whose visits they are, asked anew at each call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import Any

from access import rights
from insights.scope import Scope

SECONDS = 60
# Numbers of all that one process keeps, some 100 bytes each; what has not been asked for longest goes first.
MOST_NUMBERS = 100_000


@dataclass(frozen=True, slots=True)
class _Entry:
    found: Any
    numbers: int
    until: float


_entries: OrderedDict[Hashable, _Entry] = OrderedDict()
_lock = Lock()


def kept[Found](
    what: Hashable,
    scope: Scope,
    mark: datetime | None,
    make: Callable[[], Found],
    numbers: Callable[[Found], int],
) -> Found:
    """What `make` returns, or returned since the refresh of `mark` for the same scope and the same readers.

    `what` tells what else it depends on, `numbers` how many numbers there are in it. Must not be changed by the caller.
    Without a mark nothing is kept.
    """
    if mark is None:
        return make()
    key = (what, rights.readable_owners(scope.user), replace(scope, user=None, found={}, found_days={}), mark)
    with _lock:
        entry = _entries.get(key)
        if entry is not None and entry.until > monotonic():
            _entries.move_to_end(key)
            found: Found = entry.found
            return found
    found = make()
    with _lock:
        _entries[key] = _Entry(found, 1 + numbers(found), monotonic() + SECONDS)
        _entries.move_to_end(key)
        while sum(each.numbers for each in _entries.values()) > MOST_NUMBERS:
            _entries.popitem(last=False)
    return found


def forget() -> None:
    with _lock:
        _entries.clear()
