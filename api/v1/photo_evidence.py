"""What the photo of an image says about itself, and what was found about it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages
from api.v1.describe import describe
from api.v1.findings import FindingRow
from api.v1.views import JOB_ID, JobView, find_by_id, path_id
from jobs.models import ImageResult, PhotoEvidence
from photos.models import Finding


class Look(serializers.Serializer[PhotoEvidence]):
    """How the photo looks, by arithmetic alone."""

    brightness = serializers.FloatField(help_text="The mean gray, from 0 (black) to 255 (white).")
    contrast = serializers.FloatField(help_text="The standard deviation of gray, from 0 to 127.5.")
    sharpness = serializers.FloatField(
        allow_null=True,
        help_text="The variance of the Laplacian in percent of contrast squared; null where it cannot be told.",
    )


class Camera(serializers.Serializer[PhotoEvidence]):
    """What the camera has written into the file. It is shown to whoever may read the job."""

    taken_at = serializers.DateTimeField(
        allow_null=True,
        help_text="By the camera's clock: an instant with `utc_offset_minutes`, else as if its clock was in UTC.",
    )
    utc_offset_minutes = serializers.IntegerField(source="taken_offset", allow_null=True)
    camera = serializers.CharField(help_text="Maker and model; empty where the photo does not say.")
    latitude = serializers.FloatField(allow_null=True, help_text="In degrees north.")
    longitude = serializers.FloatField(allow_null=True, help_text="In degrees east.")


class EvidenceRow(serializers.Serializer[PhotoEvidence]):
    """What was kept of a photo beside its result."""

    class Meta:
        ref_name = "PhotoEvidence"  # its name in the OpenAPI document

    sha256 = serializers.SerializerMethodField(help_text="Of the file as downloaded, in hexadecimal digits.")
    recorded_at = serializers.DateTimeField()
    camera = Camera(source="*")
    look = serializers.SerializerMethodField(
        help_text="Null where the photo was not looked at, or could not be decoded."
    )

    def get_sha256(self, evidence: PhotoEvidence) -> str:
        return bytes(evidence.sha256).hex()

    @extend_schema_field(Look(allow_null=True))
    def get_look(self, evidence: PhotoEvidence) -> Any:
        return None if evidence.brightness is None else Look(evidence).data


class PhotoRow(serializers.Serializer[Any]):
    """What is known about one photo."""

    class Meta:
        ref_name = "Photo"

    evidence = EvidenceRow(
        allow_null=True, help_text="Null where none was kept (PHOTO_EVIDENCE), and once it was deleted for its age."
    )
    findings = FindingRow(many=True)


class EvidenceOfImage(JobView):
    tag = "photos"
    path_parameters = (JOB_ID, path_id("image_id", "An image's id."))

    @describe(summary="Read what the photo of an image says about itself", responses=PhotoRow)
    def get(self, request: Request, job_id: str, image_id: str) -> Response:
        """With what was found about it."""
        image = find_by_id(ImageResult.objects.filter(job=self.find_job(job_id)), image_id, "image")
        evidence = PhotoEvidence.objects.filter(image=image).first()
        return Response(
            {
                "evidence": EvidenceRow(evidence).data if evidence else None,
                "findings": pages.list_of(FindingRow, Finding.objects.of_image(image.pk)),
            }
        )
