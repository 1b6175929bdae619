"""How right the forecasts of jobs' ends have been."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.describe import describe
from api.v1.pages import list_of
from api.v1.views import V1View
from insights.forecast_ranges import COVERS, STAGES, TOLERANCE
from insights.forecasts import RangeTest, range_tests


class Size(serializers.Serializer[Any]):
    """Images of a job: from `least` on, and below `below`. Null is open."""

    least = serializers.IntegerField(allow_null=True)
    below = serializers.IntegerField(allow_null=True)


class ForecastRange(serializers.Serializer[RangeTest]):
    """What past jobs of one size say of forecasts at one stage."""

    stage = serializers.ChoiceField(STAGES, help_text="Percent of the job's images that were final.")
    size = serializers.SerializerMethodField(help_text="Of the jobs; null is all sizes together.")
    jobs = serializers.IntegerField(min_value=0, help_text="The range is made of so many of the latest.")
    low = serializers.FloatField(allow_null=True, help_text="The time left was at least so many times the forecast.")
    high = serializers.FloatField(allow_null=True, help_text="And at most so many times.")
    judged = serializers.IntegerField(
        min_value=0, help_text="Past forecasts compared with the range of the jobs before them."
    )
    covered = serializers.IntegerField(min_value=0, help_text="Of these, those that came true within it.")
    is_shown = serializers.BooleanField(
        help_text=f"Whether jobs show the range: {COVERS:.0%} came true within it, give or take {TOLERANCE:.0%}."
    )

    @extend_schema_field(Size(allow_null=True))
    def get_size(self, found: RangeTest) -> Any:
        return None if found.size is None else {"least": found.size[0], "below": found.size[1]}


class ForecastRanges(serializers.Serializer[Any]):
    """The back-test of the forecasts of this service, from all its jobs: ratios alone, of nobody's in particular."""

    covers = serializers.FloatField(help_text="The share of jobs that a range promises to hold.")
    ranges = ForecastRange(many=True)


class Forecasts(V1View):
    tag = "jobs"

    @describe(summary="Read how right forecasts were", responses=ForecastRanges)
    def get(self, request: Request) -> Response:
        """Of when jobs end: by how much the pace of the last minute misjudged it, and how often a range was right.

        Empty until jobs have ended.
        """
        return Response({"covers": COVERS, "ranges": list_of(ForecastRange, range_tests())})
