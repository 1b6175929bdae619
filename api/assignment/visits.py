"""Measured visits, found by area, store and date, and grouped by store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Exists, OuterRef
from rest_framework.exceptions import ParseError

from api.pagination import PageRequest
from jobs.models import ImageResult, Job, Visit
from jobs.models.visit import VisitQuerySet
from jobs.submission.dates import read_period
from stores.models import Store


def search(user: User | AnonymousUser, parameters: Mapping[str, str]) -> dict[str, Any]:
    """One page of the visits that `user` may see and that have at least one measured image.

    `parameters` are the query's: `area`, `storeid`, `startdate`, `enddate`, `cursor`, `limit`, all optional and
    combined. Raises ParseError for an area or a store that does not exist, and for what cannot be read.
    """
    request = PageRequest.read(parameters)
    measured = ImageResult.objects.completed().filter(visit=OuterRef("pk"))
    visits = Visit.objects.filter(Exists(measured), job__in=Job.objects.visible_to(user))
    page = request.of(_narrow(visits, parameters))
    answer: dict[str, Any] = {"results": _by_store(page.rows)}
    if page.next_cursor is not None:
        answer["next_cursor"] = page.next_cursor
    return answer


def _narrow(visits: VisitQuerySet, parameters: Mapping[str, str]) -> VisitQuerySet:
    if (area := parameters.get("area")) is not None:
        stores = Store.objects.in_area(area)
        if not stores.exists():
            raise ParseError("The area does not exist.")
        visits = visits.filter(store_id__in=stores.values("store_id"))
    if (store_id := parameters.get("storeid")) is not None:
        if not Store.objects.known([store_id]).exists():
            raise ParseError("The storeid does not exist.")
        visits = visits.filter(store_id=store_id)
    if "startdate" in parameters:
        visits = visits.since(_read_period(parameters, "startdate")[0])
    if "enddate" in parameters:
        visits = visits.before(_read_period(parameters, "enddate")[1])
    return visits


def _read_period(parameters: Mapping[str, str], name: str) -> tuple[datetime, datetime]:
    period = read_period(parameters[name])
    if period is None:
        raise ParseError(
            f"{name} must be a date such as 2026-01-31 or an RFC 3339 time such as 2026-01-31T17:00:00Z "
            "(in a URL, the + of an offset is written %2B)."
        )
    return period


def _by_store(visits: Sequence[Visit]) -> list[dict[str, Any]]:
    """Two queries; the stores are in order of their first visit on the page."""
    perimeters: dict[int, list[int | None]] = defaultdict(list)
    measured = ImageResult.objects.completed().filter(visit__in=visits).order_by("pk")
    for visit_id, perimeter in measured.values_list("visit_id", "perimeter"):
        perimeters[visit_id].append(perimeter)
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
