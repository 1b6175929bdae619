"""Weeks of areas or categories beside the weeks that are usual for them."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters, scopes
from api.v1.describe import describe
from api.v1.figures import AboutKnown, about
from api.v1.labels import CURSOR, label_page
from api.v1.views import V1View
from insights import areas, trends
from insights.area_sums import By
from insights.default_period import WEEKS
from insights.figures import TOO_FEW
from insights.periods import first_day, known
from insights.scope import LONGEST_DAYS, as_of
from insights.trends import Trend

# Labels of one page, each with up to 53 weeks.
MOST_TRENDS, DEFAULT_TRENDS = 100, 24
LONGEST_WEEKS = LONGEST_DAYS // 7


class WeekRow(serializers.Serializer[Any]):
    """One week."""

    monday = serializers.DateField(help_text="The first day; later where the period begins within the week.")
    value = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(min_value=0, help_text="Images, downloads or visits.")
    why = serializers.ChoiceField(
        choices=["", trends.RUNNING, trends.PART_OF_WEEK, TOO_FEW], help_text="Why it is not judged; empty if it is."
    )
    is_unusual = serializers.BooleanField(help_text="Outside the band. Never true of a week that is not judged.")


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


class TrendsAnswer(AboutKnown):
    """A page of trends."""

    class Meta:
        ref_name = "Trends"

    measure = serializers.ChoiceField(choices=trends.MEASURES)
    results = TrendRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


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
            parameters.integer("limit", f"Rows of one page; {DEFAULT_TRENDS} by default.", 1, MOST_TRENDS),
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
