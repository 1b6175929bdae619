"""Areas: their stores by category, how their figures compare, and weeks beside the usual ones."""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import DEFAULT_LIMIT
from api.v1 import pages, parameters, scopes
from api.v1.describe import describe
from api.v1.parameters import Parameter, Unreadable
from api.v1.views import V1View
from insights import areas, trends
from insights.area_sums import By
from insights.figures import FEWEST
from insights.periods import first_day, known
from insights.scope import LONGEST_DAYS, WEEKS, Scope, as_of
from insights.trends import Trend

# Categories of a matrix that have a column of their own.
MOST_COLUMNS = 40
# Labels of one page of trends, each with up to 53 weeks.
MOST_TRENDS, DEFAULT_TRENDS = 100, 24
LONGEST_WEEKS = LONGEST_DAYS // 7


_BEHIND = ">"


def write_label_cursor(label: str) -> str:
    """The place behind a label, which may be empty."""
    return base64.urlsafe_b64encode(f"{_BEHIND}{label}".encode()).decode().rstrip("=")


def _read_label_cursor(text: str) -> str:
    try:
        label = base64.urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}").decode()
    except (ValueError, binascii.Error):
        label = ""
    label = label.removeprefix(_BEHIND)
    if "\0" in label or write_label_cursor(label) != text:
        raise Unreadable("must be the next_cursor of an earlier answer")
    return label


CURSOR = Parameter("cursor", "The `next_cursor` of the page before.", _read_label_cursor)
PAGE = (CURSOR, parameters.LIMIT)


def label_page[Row](rows: Mapping[str, Row], query: Mapping[str, Any], limit: int) -> tuple[list[Row], str | None]:
    """The rows of a page in the order of their labels, and the next page's cursor."""
    labels = sorted(label for label in rows if label > query["cursor"]) if "cursor" in query else sorted(rows)
    shown = labels[:limit]
    return [rows[label] for label in shown], write_label_cursor(shown[-1]) if len(labels) > limit else None


_FIGURE = {
    "type": "object",
    "description": f"A figure with its 95 % interval, of `n`; below {FEWEST} it is null, and `why` says `too_few`.",
    "properties": {
        "value": {"type": ["number", "null"]},
        "low": {"type": "number"},
        "high": {"type": "number"},
        "n": {"type": "integer", "minimum": 0},
        "why": {"type": "string", "enum": ["too_few", "one_block"]},
    },
    "required": ["value", "n"],
    "additionalProperties": False,
}
_FIGURES = {
    "type": "object",
    "properties": dict.fromkeys(areas.MEASURES, _FIGURE),
    "required": list(areas.MEASURES),
    "additionalProperties": False,
}
_VERDICTS = {
    "type": "object",
    "description": "Whether the interval clears the middle area's value; empty where the figure is not known.",
    "properties": {
        measure: {"type": "string", "enum": ["", areas.ABOVE, areas.BELOW, areas.SAME]} for measure in areas.MEASURES
    },
    "required": list(areas.MEASURES),
    "additionalProperties": False,
}
_MIDDLE = {
    "type": "object",
    "description": "The median area's value by measure; a measure is left out where fewer than two areas are known.",
    "properties": {measure: {"type": "number"} for measure in areas.MEASURES},
    "additionalProperties": False,
}


class MatrixRow(serializers.Serializer[Any]):
    """One area."""

    area = serializers.CharField()
    stores = serializers.IntegerField(min_value=0)
    cells = serializers.ListField(child=serializers.IntegerField(min_value=0), help_text="As `columns`.")


class MatrixAnswer(serializers.Serializer[Any]):
    """Stores by area and category, as the store master is now. Not geographic."""

    class Meta:
        ref_name = "AreaMatrix"

    columns = serializers.ListField(
        child=serializers.CharField(allow_blank=True),
        help_text="Names of categories, and last an empty one: uncategorised. Where there are more than "
        f"{MOST_COLUMNS}, the one before it is null: the smaller ones together.",
    )
    total = serializers.ListField(
        child=serializers.IntegerField(min_value=0), help_text="Stores of all areas, as `columns`."
    )
    stores = serializers.IntegerField(min_value=0)
    categorised = serializers.IntegerField(min_value=0)
    areas = serializers.IntegerField(min_value=0)
    results = MatrixRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


class AreaMatrix(V1View):
    tag = "areas"
    parameters = {
        "GET": (
            parameters.choice("by", "What the columns are; `category` by default.", ["category"]),
            scopes.CATEGORY,
            scopes.GROUP,
            *PAGE,
        )
    }

    @describe(summary="Count stores by area and category", responses=MatrixAnswer)
    def get(self, request: Request) -> Response:
        """In the order of their codes. Rows and columns of all pages sum to the store master."""
        stores = scopes.scope_of(request.user, self.query).stores()
        counted = areas.stores_by_area(stores)
        shown, next_cursor = label_page(
            {area: area for area in counted}, self.query, self.query.get("limit", DEFAULT_LIMIT)
        )
        found = areas.matrix(stores, shown, MOST_COLUMNS)
        columns: list[str | None] = list(found.columns)
        if found.others:
            columns.insert(-1, None)
        return Response(
            {
                "columns": columns,
                "total": found.totals.cells,
                "stores": found.totals.stores,
                "categorised": found.categorised,
                "areas": len(counted),
                "results": [{"area": row.area, "stores": row.stores, "cells": row.cells} for row in found.rows],
                "next_cursor": next_cursor,
            }
        )


class AreaRow(serializers.Serializer[Any]):
    """One area of at least 30 tried images."""

    area = serializers.CharField()
    stores = serializers.IntegerField(min_value=0)
    visits = serializers.IntegerField(min_value=0)
    images = serializers.IntegerField(
        source="tried", min_value=0, help_text="That completed, or failed by themselves; not those nobody tried."
    )
    failed = serializers.IntegerField(min_value=0)
    figures = serializers.SerializerMethodField()
    verdicts = serializers.SerializerMethodField()

    @extend_schema_field(_FIGURES)
    def get_figures(self, area: areas.Area) -> dict[str, Any]:
        return {measure: figure.as_json() for measure, figure in area.figures.items()}

    @extend_schema_field(_VERDICTS)
    def get_verdicts(self, area: areas.Area) -> dict[str, str]:
        return dict(area.verdicts)


class TooFewRow(serializers.Serializer[Any]):
    """All areas of fewer than 30 tried images, together."""

    class Meta:
        ref_name = "AreasTooFew"

    areas = serializers.IntegerField(min_value=0)
    stores = serializers.IntegerField(min_value=0)
    visits = serializers.IntegerField(min_value=0)
    images = serializers.IntegerField(source="tried", min_value=0)
    failed = serializers.IntegerField(min_value=0)


class _About(serializers.Serializer[Any]):
    """What a list of figures is about."""

    as_of = serializers.DateTimeField(allow_null=True, help_text="What finished before is in it; null: nothing yet.")
    time_zone = serializers.CharField(help_text="In which days and weeks begin.")
    since = serializers.DateField(allow_null=True, help_text="The first day on which anything is known; null: none.")
    until = serializers.DateField(allow_null=True)


class ComparisonAnswer(_About):
    """A page of areas."""

    class Meta:
        ref_name = "AreaComparison"

    middle = serializers.DictField(child=serializers.FloatField())
    too_few = TooFewRow(allow_null=True)
    results = AreaRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


def about(scope: Scope | None, mark: datetime | None) -> dict[str, Any]:
    """`scope` is what is known of the period asked for, up to `mark`."""
    return {
        "as_of": mark,
        "time_zone": settings.INSIGHTS_TIME_ZONE,
        "since": scope.since if scope else None,
        "until": scope.until if scope else None,
    }


class Areas(V1View):
    tag = "areas"
    parameters = {"GET": (*scopes.PERIOD, scopes.AREA, scopes.CATEGORY, scopes.GROUP, *PAGE)}

    @describe(summary="Compare areas", responses=ComparisonAnswer)
    def get(self, request: Request) -> Response:
        """Of visits of jobs that you may read, with intervals, in the order of the areas' codes.

        A verdict is given only where an area's interval clears the value of the middle area. Of areas that do not
        differ, one in twenty is named by chance.
        """
        mark, asked = as_of(), scopes.scope_of(request.user, self.query)
        scope = known(asked)
        found = areas.compare(scope, mark, areas.stores_by_area(scope.stores())) if scope else None
        rows = {area.area: area for area in found.areas} if found else {}
        shown, next_cursor = label_page(rows, self.query, self.query.get("limit", DEFAULT_LIMIT))
        return Response(
            {
                **about(scope, mark),
                "middle": dict(found.middle) if found else {},
                "too_few": TooFewRow(found.too_few).data if found else None,
                "results": pages.list_of(AreaRow, shown),
                "next_cursor": next_cursor,
            }
        )


class WeekRow(serializers.Serializer[Any]):
    """One week."""

    monday = serializers.DateField(help_text="The first day; later where the period begins within the week.")
    value = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(min_value=0, help_text="Images, downloads or visits.")
    why = serializers.ChoiceField(
        choices=["", trends.RUNNING, trends.PART_OF_WEEK, "too_few"], help_text="Why it is not judged; empty if it is."
    )
    is_odd = serializers.BooleanField(help_text="Outside the band. Never true of a week that is not judged.")


class BandRow(serializers.Serializer[Any]):
    """What weeks usually bring: their median, and two robust spreads around it."""

    class Meta:
        ref_name = "UsualWeeks"

    usual = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class TrendRow(serializers.Serializer[Trend]):
    """One area or category."""

    name = serializers.CharField(
        source="label", allow_blank=True, help_text="An area's code or a category's name; empty: none."
    )
    stores = serializers.IntegerField(min_value=0)
    band = BandRow(
        allow_null=True,
        help_text=f"Null below {trends.FEWEST_WEEKS} whole weeks, or {trends.FEWEST_VISITS} visits a week.",
    )
    weeks = WeekRow(many=True)


class TrendsAnswer(_About):
    """A page of trends."""

    class Meta:
        ref_name = "Trends"

    measure = serializers.ChoiceField(choices=trends.MEASURES)
    results = TrendRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


def _limit(default: int, most: int) -> Parameter:
    return parameters.integer("limit", f"Rows of one page; {default} by default.", 1, most)


class Trends(V1View):
    tag = "areas"
    parameters = {
        "GET": (
            parameters.choice("by", "What a row is; `area` by default.", ["area", "category"]),
            parameters.choice("measure", f"`{areas.VISITS}` by default.", trends.MEASURES),
            parameters.integer(
                "weeks", f"How many calendar weeks, the running one included; {WEEKS} by default.", 1, LONGEST_WEEKS
            ),
            scopes.AREA,
            scopes.CATEGORY,
            scopes.GROUP,
            scopes.STORE,
            CURSOR,
            _limit(DEFAULT_TRENDS, MOST_TRENDS),
        )
    }

    @describe(summary="List weeks beside usual weeks", responses=TrendsAnswer)
    def get(self, request: Request) -> Response:
        """In the order of the labels. The running week is never judged.

        The band is the median of the whole weeks, and two robust spreads around it: of weeks that are alike, about one
        in twelve is outside by chance.
        """
        query = {**self.query, "from": first_day(self.query.get("weeks", WEEKS))}
        mark, asked = as_of(), scopes.scope_of(request.user, query)
        by = By.CATEGORY if query.get("by") == "category" else By.AREA
        stores = trends.stores_by(asked, by)
        shown, next_cursor = label_page({label: label for label in stores}, query, query.get("limit", DEFAULT_TRENDS))
        measure = query.get("measure", areas.VISITS)
        scope = known(asked)
        found = trends.trends(scope, mark, measure, {label: stores[label] for label in shown}, by) if scope else []
        return Response(
            {
                **about(scope, mark),
                "measure": measure,
                "results": pages.list_of(TrendRow, found),
                "next_cursor": next_cursor,
            }
        )
