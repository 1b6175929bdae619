"""Areas: their stores by category, and how their figures compare."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import DEFAULT_LIMIT
from api.v1 import pages, parameters, scopes
from api.v1.describe import describe
from api.v1.figures import FIGURE, AboutKnown, about
from api.v1.labels import PAGE, label_page
from api.v1.views import V1View
from insights import areas
from insights.periods import known
from insights.scope import as_of

# Categories of a matrix that have a column of their own.
MOST_COLUMNS = 40

_FIGURES = {
    "type": "object",
    "properties": dict.fromkeys(areas.MEASURES, FIGURE),
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


class AreaMatrixRow(serializers.Serializer[Any]):
    """One area's stores by category."""

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
    results = AreaMatrixRow(many=True)
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


class ComparisonAnswer(AboutKnown):
    """A page of areas."""

    class Meta:
        ref_name = "AreaComparison"

    middle = serializers.DictField(
        child=serializers.FloatField(),
        help_text="The median area's value by measure, left out where fewer than two areas are known.",
    )
    too_few = TooFewRow(allow_null=True)
    results = AreaRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


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
