"""Stores that may be one: those of an area whose names have the same words.

Read along the index of area and words, a stretch at a time: a page costs the same in a store master of a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from stores.models import Store
from stores.models.store import StoreQuerySet

# Stores that one page looks through, and stores named of each set.
MOST_READ = 100_000
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """What the stores of a set share, in the order of which sets are read: by area, then by words."""

    area: str
    words: list[str]


@dataclass(frozen=True, slots=True)
class DuplicateSet:
    """The first of `number` stores with the same words in one area; of more than MOST_READ, so many are counted."""

    area: str
    words: list[str]
    number: int
    stores: list[Store]


@dataclass(frozen=True, slots=True)
class DuplicatePage:
    """It may hold few sets or none though there are more behind it: as long as `following` is not None."""

    sets: list[DuplicateSet]
    following: DuplicateKey | None


def duplicates_of(store: Store) -> StoreQuerySet:
    """Other stores of its area with the same words."""
    if not store.words:
        return Store.objects.none()
    return Store.objects.in_area(store.area_code).filter(words=store.words).exclude(pk=store.pk).order_by("pk")


def find_duplicates(
    stores: StoreQuerySet | None = None, after: DuplicateKey | None = None, limit: int = 50
) -> DuplicatePage:
    """The first `limit` sets of two stores or more behind `after`, among `stores`."""
    among = (Store.objects.all() if stores is None else stores).exclude(words=[]).order_by("area_code", "words")
    ahead = among if after is None else among.filter(_beyond(">", after))
    found = _sets(ahead, limit + 1)
    if len(found) > limit:
        last = found[limit - 1]
        return DuplicatePage(_with_stores(found[:limit]), DuplicateKey(last.area, last.words))
    stretch_end = ahead.values_list("area_code", "words")[MOST_READ - 1 : MOST_READ].first()
    if stretch_end is None:
        return DuplicatePage(_with_stores(found), None)
    end = DuplicateKey(*stretch_end)
    before = ahead.filter(_beyond("<", end)).values_list("area_code", "words").reverse().first()
    if before is None:
        # All of the stretch is one set, which goes on behind it: the next page begins behind all of it.
        return DuplicatePage(_with_stores(found), end)
    # The last set may go on behind the stretch, and is left to the next page.
    whole = [each for each in found if DuplicateKey(each.area, each.words) != end]
    return DuplicatePage(_with_stores(whole), DuplicateKey(*before))


def _beyond(comparison: str, key: DuplicateKey) -> RawSQL:
    return RawSQL(  # noqa: S611 - one of two signs
        f"(area_code, words) {comparison} (%s, %s::text[])", [key.area, key.words], BooleanField()
    )


def _sets(ahead: StoreQuerySet, limit: int) -> list[DuplicateSet]:
    """Of the first MOST_READ stores, without the stores' rows: `stores` have a key alone."""
    try:
        rows, parameters = ahead.values_list("area_code", "words", "pk")[:MOST_READ].query.sql_with_params()
    except EmptyResultSet:
        return []
    # The stretch comes sorted, so that reading ends with the last set that is asked for.
    statement = f"""
        SELECT area_code, words, count(*), (array_agg(id))[1:%s]
        FROM ({rows}) AS stretch (area_code, words, id)
        GROUP BY area_code, words HAVING count(*) > 1 ORDER BY area_code, words LIMIT %s
    """  # noqa: S608 - as the ORM made it
    with connection.cursor() as cursor:
        cursor.execute(statement, [MOST_NAMED, *parameters, limit])
        return [
            DuplicateSet(area, words, number, [Store(pk=pk) for pk in sorted(pks)])
            for area, words, number, pks in cursor.fetchall()
        ]


def _with_stores(sets: Sequence[DuplicateSet]) -> list[DuplicateSet]:
    """With their rows, in one query."""
    stores = Store.objects.in_bulk([store.pk for each in sets for store in each.stores])
    return [replace(each, stores=[stores[store.pk] for store in each.stores if store.pk in stores]) for each in sets]
