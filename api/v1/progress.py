"""A job's progress: its failures in groups, and its images over time."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.describe import describe
from api.v1.views import JobView
from jobs.reporting.failures import MOST_BY_AREA, failures
from jobs.reporting.throughput import throughput


class FailureGroup(serializers.Serializer[Any]):
    """Images of one job that failed in the same way; `code`, `host` and `area` are the filter that finds them."""

    code = serializers.CharField()
    host = serializers.CharField(help_text="Empty for URLs that name none.")
    area = serializers.CharField(
        allow_null=True,
        help_text="Empty where the store master does not hold the store; null, for all areas together, where more than "
        f"{MOST_BY_AREA:,} images of the job failed.",
    )
    images = serializers.IntegerField(min_value=1)
    retryable = serializers.BooleanField(help_text="Whether another attempt may help.")
    message = serializers.CharField(help_text="The message of one of them.")


class FailureGroups(serializers.Serializer[Any]):
    """A job's failures, the largest groups first."""

    images = serializers.IntegerField(min_value=0, help_text="All failed images, canceled ones included.")
    groups = FailureGroup(many=True)
    more_groups = serializers.IntegerField(source="more", min_value=0, help_text="Groups that are not listed.")


class Failures(JobView):
    @describe(summary="Group a job's failures", responses=FailureGroups)
    def get(self, request: Request, job_id: str) -> Response:
        """By error code, host and area."""
        return Response(FailureGroups(failures(self.find_job(job_id).pk)).data)


class Interval(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    completed = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)


class ThroughputSeries(serializers.Serializer[Any]):
    """Images that became final, in intervals without gaps."""

    seconds = serializers.IntegerField(allow_null=True, help_text="The length of an interval; null without one.")
    intervals = Interval(many=True)


class Throughput(JobView):
    @describe(summary="Read a job's throughput", responses=ThroughputSeries)
    def get(self, request: Request, job_id: str) -> Response:
        """Images processed over time, without those that were never attempted."""
        found = throughput(self.find_job(job_id).pk)
        return Response(ThroughputSeries(found).data if found else {"seconds": None, "intervals": []})
