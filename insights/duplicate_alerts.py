"""Stores that may be one, as findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from insights.audience import Audience
from insights.findings import MOST_FOUND, Finding
from stores.duplicates import DuplicateKey, DuplicateSet, find_duplicates

# Characters of an id, and stores, in the sentence.
SHOWN, MOST_NAMED = 32, 4


def duplicate_stores(audience: Audience, today: date) -> Iterator[Finding]:
    """For who may read all jobs: the store master belongs to no owner of jobs."""
    if not audience.of_all:
        return
    for found in _sets():
        first, *others = sorted(found.stores, key=lambda store: store.store_id)
        named = ", ".join(store.store_id[:SHOWN] for store in others[:MOST_NAMED])
        more = " and others" if found.number > len(others[:MOST_NAMED]) + 1 else ""
        says = f"{found.number:,} stores of area {found.area} have the same words in their names: also {named}{more}."
        yield Finding("store", first.store_id, today, today, 1, found.number, says)


def _sets() -> Iterator[DuplicateSet]:
    listed = 0
    key: DuplicateKey | None = None
    while listed < MOST_FOUND:
        page = find_duplicates(after=key, limit=MOST_FOUND - listed)
        # A store may have been deleted since its set was found.
        yield from (each for each in page.sets if len(each.stores) > 1)
        listed += len(page.sets)
        if (key := page.following) is None:
            return
