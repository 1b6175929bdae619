"""The stores that nobody visited in a period.

Each store is looked up by its own visits. A join of all stores with all visits would cost the same whether a page of
the list is asked for or all of it. To who may not read all jobs, a store's visits may be others', however many: for
them, the stores of their own visits are put into a set once, in which each store is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import OuterRef, Q, Subquery

from access import rights
from insights import reading
from insights.models import VisitSummary
from insights.scope import Scope
from jobs.models.expressions import IsTrue
from stores.models import Store
from stores.models.store import StoreQuerySet

# Of more stores, those without a visit are listed and not counted.
MOST_COUNTED = 50_000
# Stores that are looked up for one page.
MOST_LOOKED_UP = 20_000


@dataclass(frozen=True, slots=True)
class UnvisitedPage:
    """In the order of the store master. `after` is the id where the next page begins, None on the last one.

    A page may be short, and even empty, where it looked at MOST_LOOKED_UP stores and nearly all were visited.
    """

    stores: Sequence[Store]
    after: int | None


def count(scope: Scope, stores: int) -> int | None:
    """`stores` is how many the scope is about; None for more than MOST_COUNTED."""
    if stores > MOST_COUNTED:
        return None
    with _room_for_a_set(scope):
        return _unvisited(scope, scope.stores()).count()


def page(scope: Scope, after: int = 0, limit: int = 50, looked_up: int = MOST_LOOKED_UP) -> UnvisitedPage:
    """Those after the one with the id `after`."""
    stores = scope.stores().filter(pk__gt=after).select_related("category")
    # The last that is looked up; None where the store master ends before.
    ids = stores.order_by("pk").values_list("pk", flat=True)
    end = next(iter(ids[looked_up - 1 : looked_up]), None)
    if end is not None:
        stores = stores.filter(pk__lte=end)
    with _room_for_a_set(scope):
        found = list(_unvisited(scope, stores).order_by("pk")[: limit + 1])
    if len(found) > limit:
        return UnvisitedPage(found[:limit], found[limit - 1].pk)
    return UnvisitedPage(found, end)


@contextmanager
def _room_for_a_set(scope: Scope) -> Iterator[None]:
    """A transaction with memory for the set: without, the planner would go through the visits for each store."""
    if rights.may_read_all_jobs(scope.user):
        yield
        return
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(reading.OF_MANY)
        yield


def _unvisited(scope: Scope, stores: StoreQuerySet) -> StoreQuerySet:
    visits = VisitSummary.objects.visible_to(scope.user).filter(visited_at__gte=scope.begin, visited_at__lt=scope.end)
    if not rights.may_read_all_jobs(scope.user):
        return stores.filter(IsTrue(~Q(store_id__in=visits.values("store_id").distinct())))
    # Written so that only the index of store and time gives this order: where the planner knows of no rows, the one of
    # time alone looks as good. And not EXISTS, which it may turn into a join of everything.
    of_store = visits.filter(store_id__gte=OuterRef("store_id"), store_id__lte=OuterRef("store_id"))
    latest = of_store.order_by("store_id", "visited_at").values("visit_id")[:1]
    return stores.alias(visited=Subquery(latest)).filter(visited=None)
