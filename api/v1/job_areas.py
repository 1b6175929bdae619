"""The areas of a job: do they move together?"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1.describe import describe
from api.v1.pages import list_of
from api.v1.views import JobView
from jobs.reporting.areas import MOST_AREAS, MOST_IMAGES, areas_of


class AreaOfJob(serializers.Serializer[Any]):
    """One area of a job."""

    area = serializers.CharField(allow_null=True, help_text="Null for stores that the store master does not hold.")
    stores = serializers.IntegerField(min_value=1, help_text="Of this job.")
    images = serializers.IntegerField(min_value=1)
    finished = serializers.IntegerField(min_value=0, help_text="Images with a final outcome.")
    progress = serializers.FloatField(min_value=0, max_value=1)
    running = serializers.IntegerField(min_value=0, help_text="Images in a worker slot now.")
    weight = serializers.FloatField(help_text="How fast its images move beside those of other areas; usually 1.")
    share_of_stores = serializers.FloatField(min_value=0, max_value=1)
    share_of_slots = serializers.FloatField(
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text="Of the slots that the job has now; null without any.",
    )


class AreasOfJob(serializers.Serializer[Any]):
    """A job's areas, those with the most images first."""

    areas = serializers.SerializerMethodField(
        help_text=f"At most {MOST_AREAS}; null where the job has more than {MOST_IMAGES:,} images."
    )
    total = serializers.IntegerField(min_value=0, help_text="How many areas there are.")

    @extend_schema_field(AreaOfJob(many=True, allow_null=True))
    def get_areas(self, found: Any) -> Any:
        return None if found.areas is None else list_of(AreaOfJob, found.areas)


class JobAreas(JobView):
    @describe(summary="Compare a job's areas", responses=AreasOfJob)
    def get(self, request: Request, job_id: str) -> Response:
        """How far each area is, and its part of the worker slots beside its part of the stores.

        All areas of a job move at the same fraction, whichever is listed first.
        """
        return Response(AreasOfJob(areas_of(self.find_job(job_id))).data)
