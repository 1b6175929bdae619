"""Measured visits, found by area, store and date, and grouped by store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, Subquery
from rest_framework.exceptions import ParseError

from access import rights
from api.pagination import DEFAULT_LIMIT, read_cursor_within, read_limit, write_cursor
from jobs.models import ImageResult, Visit, readable_visits
from jobs.models.metadata import SORTED_BY_ID
from jobs.models.readable_visits import Period, VisitPage
from jobs.models.visit import VisitQuerySet
from jobs.reporting.visits import measured
from jobs.submission.dates import read_period
from stores.models import Store

# Images of one page. A visit of more goes on in the next page, for which the cursor says where.
MOST_IMAGES = 10_000


def search(user: User | AnonymousUser, parameters: Mapping[str, str]) -> dict[str, Any]:
    """One page of the visits that `user` may see and that have at least one measured image.

    `parameters` are the query's: `area`, `storeid`, `startdate`, `enddate`, `cursor`, `limit`, all optional and
    combined. Raises ParseError for an area or a store that does not exist, and for what cannot be read.
    """
    limit = read_limit(parameters["limit"]) if "limit" in parameters else DEFAULT_LIMIT
    after, within = read_cursor_within(parameters["cursor"]) if "cursor" in parameters else (0, None)
    # Never part of a join: whatever the statistics say, it is looked up visit by visit.
    with_image = ImageResult.objects.completed().filter(visit=OuterRef("pk")).values("visit")[:1]
    visits = Visit.objects.filter(pk=Subquery(with_image))
    found = _found(visits, user, parameters, after, again=within is not None, limit=limit)
    images = measured([visit.pk for visit in found.rows], MOST_IMAGES, after=within or 0)
    page = found.rows[: len(images.perimeters)]
    answer: dict[str, Any] = {"results": _by_store(page, images.perimeters)}
    if images.cut is not None:
        answer["next_cursor"] = write_cursor(page[-1].pk, images.cut)
    elif len(page) < len(found.rows):
        answer["next_cursor"] = write_cursor(page[-1].pk)
    elif found.next_after is not None:
        answer["next_cursor"] = write_cursor(found.next_after)
    return answer


def _found(
    visits: VisitQuerySet,
    user: User | AnonymousUser,
    parameters: Mapping[str, str],
    after: int,
    *,
    again: bool,
    limit: int,
) -> VisitPage:
    """The visit that the page before had to leave unfinished comes `again`, the first one."""
    if (area := parameters.get("area")) is not None:
        if not area or not Store.objects.in_area(area).exists():
            raise ParseError("The area does not exist.")
        visits = visits.in_area(area)
    store_id = parameters.get("storeid")
    if store_id is not None and not Store.objects.known([store_id]).exists():
        raise ParseError("The storeid does not exist.")
    period = Period(
        _read_period(parameters, "startdate")[0] if "startdate" in parameters else None,
        _read_period(parameters, "enddate")[1] if "enddate" in parameters else None,
    )
    if store_id is None or rights.may_read_all_jobs(user):
        visits = visits if store_id is None else visits.filter(store_id=store_id)
        return readable_visits.page(visits, user, after=after, again=again, limit=limit, period=period)
    # Those of one store are few, and found by its index.
    of_store = period.narrow_found(visits.filter(store_id=store_id).readable_by(user))
    behind = of_store.alias(place=SORTED_BY_ID).filter(place__gt=after - again)
    rows = list(behind.order_by("place")[: limit + 1])
    return VisitPage(rows[:limit], rows[limit - 1].pk if len(rows) > limit else None)


def _read_period(parameters: Mapping[str, str], name: str) -> tuple[datetime, datetime]:
    period = read_period(parameters[name])
    if period is None:
        raise ParseError(
            f"{name} must be a date such as 2026-01-31 or an RFC 3339 time such as 2026-01-31T17:00:00Z "
            "(in a URL, the + of an offset is written %2B)."
        )
    return period


def _by_store(visits: Sequence[Visit], perimeters: Mapping[int, Sequence[int]]) -> list[dict[str, Any]]:
    """One query; the stores are in order of their first visit on the page."""
    stores = {store.store_id: store for store in Store.objects.known(visit.store_id for visit in visits)}
    results: dict[str, dict[str, Any]] = {}
    for visit in visits:
        # A store may have left the store master since.
        store = stores.get(visit.store_id)
        result = results.setdefault(
            visit.store_id,
            {
                "store_id": visit.store_id,
                "area": store and store.area_code,
                "store_name": store and store.name,
                "data": [],
            },
        )
        date = visit.visited_at or visit.visit_time
        result["data"] += [{"date": date, "perimeter": perimeter} for perimeter in perimeters[visit.pk]]
    return list(results.values())
