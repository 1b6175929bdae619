"""Visits and the states of their images."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, Subquery
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from api.pagination import Page, PageRequest, write_cursor
from api.v1 import pages, parameters
from api.v1.describe import describe
from api.v1.findings import FINDING
from api.v1.stores import STORE_ID, StoreView
from api.v1.views import V1View
from jobs.models import Visit, readable_visits
from jobs.models.client_reference import visits_with
from jobs.models.readable_visits import Period
from jobs.models.visit import VisitQuerySet
from jobs.reporting.visits import counts
from jobs.submission.payload import MAX_STORE_ID, MAX_VISITED_BY
from photos.models import Finding

# Images that the counts of one page are made of; the last visit of a page may have more.
MOST_IMAGES = 50_000

_PERIOD = (
    parameters.since("from", "Visits from this time on, by their `visited_at`: RFC 3339, or a date, a day in UTC."),
    parameters.until("to", "Visits up to this time, inclusive."),
)
_SAID = (
    parameters.client_reference("The visit"),
    parameters.text("visited_by", "Visits by this person, as sent.", MAX_VISITED_BY, shortest=1),
    parameters.metadata("Visits"),
)
_STORE = parameters.text("store", "Visits of this store, by its id as sent.", MAX_STORE_ID)


class VisitCounts(serializers.Serializer[Any]):
    """How many of the visit's images are in each state: the four others always sum to `total`."""

    total = serializers.IntegerField(min_value=0)
    pending = serializers.IntegerField(min_value=0)
    running = serializers.IntegerField(min_value=0)
    completed = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)


class VisitRow(serializers.Serializer[Any]):
    """One visit."""

    id = serializers.IntegerField(source="pk")
    job_id = serializers.IntegerField()
    store_id = serializers.CharField()
    visit_time = serializers.CharField(help_text="As sent.")
    visited_at = serializers.DateTimeField(allow_null=True, help_text="Null where the time could not be read.")
    visited_by = serializers.CharField(help_text="Who made it, as sent; empty where nobody is named.")
    client_reference = serializers.SerializerMethodField(help_text="Your own id of it; null without one.")
    metadata = serializers.DictField(
        child=serializers.CharField(), help_text="What else the client says of it, as sent."
    )
    counts = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_client_reference(self, visit: Visit) -> str | None:
        # By prefetch, which knows those without one too.
        return visit.reference.client_reference if hasattr(visit, "reference") else None

    def get_counts(self, visit: Visit) -> VisitCounts:
        counts: Any = self.context["counts"][visit.pk]
        return counts  # type: ignore[no-any-return]  # the annotation is for the documentation


VisitPage = pages.page_of(VisitRow)


class Visits(V1View):
    tag = "visits"
    parameters = {"GET": (_STORE, parameters.AREA, parameters.GROUP, FINDING, *_SAID, *_PERIOD, *parameters.PAGE)}

    @describe(summary="List visits", responses=VisitPage)
    def get(self, request: Request) -> Response:
        """In submission order; the filters combine. A visit whose time could not be read has no date.

        A page ends early where its visits have very many images, or much metadata, or where few of very many visits
        match: there is another one as long as `next_cursor` says so.
        """
        return Response(_page(self, Visit.objects.all()))


class VisitsOfStore(StoreView):
    tag = "visits"
    path_parameters = (STORE_ID,)
    parameters = {"GET": (FINDING, *_SAID, *_PERIOD, *parameters.PAGE)}

    @describe(summary="List a store's visits", responses=VisitPage)
    def get(self, request: Request, store_id: str) -> Response:
        """In submission order."""
        store = self.find_store(store_id)
        return Response(_page(self, Visit.objects.all(), store.store_id))


def _page(view: V1View, visits: VisitQuerySet, store: str | None = None) -> dict[str, Any]:
    query, user = view.query, view.request.user
    asked, store = parameters.page_of(query), query.get("store", store)
    visits = visits.prefetch_related("reference")
    if (area := query.get("area")) is not None:
        visits = visits.in_area(area)
    if (group := query.get("group")) is not None:
        visits = visits.in_group(group)
    has_index = store is not None or bool(query.keys() & {each.name for each in _SAID})
    if "finding" in query:
        visits = _with_finding(visits, query["finding"], one_by_one=has_index or not rights.may_read_all_jobs(user))
    period = Period(query.get("from"), query.get("to"))
    if has_index:
        page = _indexed(visits, store, period, query, user, asked)
    else:
        is_narrowed = bool(query.keys() & {"area", "group", "finding"})
        listed = readable_visits.page(
            visits, user, after=asked.after, limit=asked.limit, period=period, is_narrowed=is_narrowed
        )
        page = Page(listed.rows, None if listed.next_after is None else write_cursor(listed.next_after))
    page = pages.cut_at_metadata(page, lambda visit: visit.metadata)
    found = counts([visit.pk for visit in page.rows], MOST_IMAGES)
    rows = page.rows[: len(found)]
    # Visits of very many images make a page shorter.
    next_cursor = write_cursor(rows[-1].pk) if len(rows) < len(page.rows) else page.next_cursor
    by_visit = dict(zip((visit.pk for visit in rows), found, strict=True))
    return pages.answer(VisitRow, Page(rows, next_cursor), counts=by_visit)


def _with_finding(visits: VisitQuerySet, code: str, *, one_by_one: bool) -> VisitQuerySet:
    """`one_by_one` where the visits are found otherwise; else by their findings."""
    if not one_by_one:
        return visits.filter(pk__in=Finding.objects.filter(code=code).values("visit_id"))
    finding = Finding.objects.of_visit(OuterRef("pk")).filter(code=code).values("visit_id")[:1]
    return visits.alias(finding=Subquery(finding)).filter(finding__isnull=False)


def _indexed(
    visits: VisitQuerySet,
    store: str | None,
    period: Period,
    query: dict[str, Any],
    user: User | AnonymousUser,
    asked: PageRequest,
) -> Page[Visit]:
    """Of the visits that an index finds, whoever may read them: those of a store, or of what their client says."""
    reads_all = rights.may_read_all_jobs(user)
    visits = visits.readable_by(user)
    visits = period.narrow(visits) if reads_all else period.narrow_found(visits)
    if store is not None:
        visits = visits.filter(store_id=store)
    if "client_reference" in query:
        visits = visits.filter(pk__in=visits_with(query["client_reference"]))
    if "visited_by" in query:
        visits = visits.by(query["visited_by"], asked.after)
    if "metadata" in query:
        visits = visits.with_metadata(*query["metadata"])
        visits = visits.order_by()
    is_found = bool(query.keys() & {"visited_by", "metadata"}) or (store is not None and not reads_all)
    return asked.of(visits, sort=is_found)
