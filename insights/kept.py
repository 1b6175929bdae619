"""Answers that are made of all visits of a period, kept for a while: pages and lists ask for them again and again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from django.core.cache import cache

from access import rights
from insights.scope import Scope, as_of

SECONDS = 600


def kept[Answer](name: str, scope: Scope, make: Callable[[], Answer], *, however_old: bool = False) -> Answer:
    """What `make` answers for the scope's days, stores, and visits that its user may see.

    Made again once the summaries have moved on or, `however_old` they are, after SECONDS; in each process, unless
    CACHE_URL names a cache for all.
    """
    user = scope.user
    owner = rights.owner_of(user)
    audience = "all" if rights.may_read_all_jobs(user) else owner.pk if owner else None
    mark = None if however_old else as_of()
    narrowed = (scope.since, scope.until, scope.area, scope.category, scope.group, scope.store)
    key = f"insights-{name}-{sha256(repr((audience, mark, narrowed)).encode()).hexdigest()}"
    # A tuple, because None is what the cache says where it has nothing.
    found: tuple[Answer] | None = cache.get(key)
    if found is None:
        found = (make(),)
        cache.set(key, found, SECONDS)
    return found[0]
