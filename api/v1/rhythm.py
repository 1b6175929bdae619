"""How often stores are visited, and which were not."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import Page, write_cursor
from api.v1 import pages, parameters, scopes
from api.v1.describe import describe
from api.v1.figures import About, FigureField, about
from api.v1.stores import StorePage, StoreRow
from api.v1.views import V1View
from insights import rhythm, unvisited
from insights.gaps import gaps
from insights.scope import as_of

_SCOPE = (scopes.AREA, scopes.CATEGORY, scopes.GROUP, scopes.STORE, *scopes.PERIOD)


class GapRow(serializers.Serializer[Any]):
    """How many gaps are of so many days, rounded to whole days."""

    least = serializers.IntegerField(min_value=0)
    most = serializers.IntegerField(min_value=0, allow_null=True, help_text="Null where there is no end.")
    gaps = serializers.IntegerField(min_value=0)


class RepeatRow(serializers.Serializer[Any]):
    """Several visits of one store at the same instant."""

    store_id = serializers.CharField()
    visited_at = serializers.DateTimeField()
    visits = serializers.IntegerField(min_value=2)


class RhythmAnswer(About):
    """How often the stores of a period, area, category or group are visited."""

    class Meta:
        ref_name = "Rhythm"  # its name in the OpenAPI document

    stores = serializers.IntegerField(min_value=0, help_text="Of the store master, visited or not.")
    visits = serializers.IntegerField(min_value=0)
    visits_per_store_week = FigureField()
    median_gap = FigureField(help_text="In days, between a store's visits.")
    gaps = GapRow(many=True)
    gaps_of_every = serializers.IntegerField(
        min_value=1, help_text="The gaps are those of every n-th store of the store master; 1 is all of them."
    )
    hour_of_week = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(min_value=0), min_length=24, max_length=24),
        min_length=7,
        max_length=7,
        help_text="Visits by day, Monday first, and hour.",
    )
    repeats = RepeatRow(many=True, help_text="The latest; `more_repeats` says whether there are others.")
    more_repeats = serializers.BooleanField()
    repeats_among = serializers.IntegerField(min_value=0, help_text="So many latest visits were looked at.")
    unvisited = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="Stores without a visit; null where there are too many stores to count."
    )


class Rhythm(V1View):
    tag = "visits"
    parameters = {"GET": _SCOPE}

    @describe(summary="Read how often stores are visited", responses=RhythmAnswer)
    def get(self, request: Request) -> Response:
        """Visits per store and week, the gaps between a store's visits, hours of the week, and repeats.

        Of visits of jobs that you may read.
        """
        scope = scopes.scope_of(request.user, self.query)
        often = rhythm.frequency(scope)
        between = gaps(scope, often.visits)
        twice = rhythm.repeats(scope)
        answer = {
            **about(scope, as_of()),
            "stores": often.stores,
            "visits": often.visits,
            "visits_per_store_week": often.per_store_week,
            "median_gap": between.median,
            "gaps": between.classes,
            "gaps_of_every": between.every,
            "hour_of_week": often.hours.counts,
            "repeats": twice.rows,
            "more_repeats": twice.more,
            "repeats_among": twice.looked_at,
            "unvisited": unvisited.count(scope, often.stores),
        }
        return Response(RhythmAnswer(answer).data)


class UnvisitedStores(V1View):
    tag = "visits"
    parameters = {"GET": (*_SCOPE, *parameters.PAGE)}

    @describe(summary="List stores that were not visited", responses=StorePage)
    def get(self, request: Request) -> Response:
        """Stores without a visit in the period, in the order in which they were added to the store master.

        A page may be short or empty: there is another one as long as `next_cursor` says so.
        """
        asked = parameters.page_of(self.query)
        found = unvisited.page(scopes.scope_of(request.user, self.query), asked.after, asked.limit)
        following = None if found.after is None else write_cursor(found.after)
        return Response(pages.answer(StoreRow, Page(found.stores, following)))
