"""A job's images: pages of them, and one image with its latest failed attempts."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters
from api.v1.describe import describe
from api.v1.findings import FINDING
from api.v1.views import JOB_ID, JobView, find_by_id, path_id
from jobs.error_help import explain
from jobs.models import FailedAttempt, ImageResult
from jobs.models.client_reference import images_with
from jobs.reporting.areas import MOST_IMAGES, turn_of
from jobs.states import ImageState
from photos.models import Finding
from stores.priority import HIGHEST_PRIORITY, LOWEST_PRIORITY

IMAGE_ID = path_id("image_id", "An image's id.")
# Failed attempts in the answer about one image; each may name a dozen redirects.
MOST_ATTEMPTS = 50


class ImageError(serializers.Serializer[ImageResult]):
    """Why an image failed."""

    code = serializers.CharField(help_text="Stable: branch on it.")
    message = serializers.CharField()
    retryable = serializers.BooleanField(help_text="Whether another attempt may help.")


class Timings(serializers.Serializer[ImageResult]):
    """Of the last attempt, in milliseconds; null for steps that it did not reach."""

    fetch_ms = serializers.IntegerField(allow_null=True)
    measure_ms = serializers.IntegerField(allow_null=True)
    gpu_ms = serializers.IntegerField(allow_null=True)


class Image(serializers.Serializer[ImageResult]):
    """One image of a visit."""

    id = serializers.IntegerField(source="pk")
    store_id = serializers.CharField(source="visit.store_id")
    visit_time = serializers.CharField(source="visit.visit_time", help_text="As sent.")
    image_url = serializers.CharField(source="url")
    host = serializers.CharField(help_text="In lower case, without the port; empty where the URL names none.")
    state = serializers.ChoiceField(ImageState.choices)
    width = serializers.IntegerField(
        allow_null=True,
        help_text="In pixels, of the image as stored; of a failed image only where its size is why it failed.",
    )
    height = serializers.IntegerField(allow_null=True)
    perimeter = serializers.IntegerField(allow_null=True, help_text="2 * (height + width).")
    format = serializers.SerializerMethodField(help_text="Such as JPEG.")
    bytes = serializers.IntegerField(allow_null=True)
    attempts = serializers.IntegerField(min_value=0, help_text="Finished attempts since the last retry.")
    waits_for = serializers.SerializerMethodField(
        help_text="The host, as name:port, that a pending image waits for: it is at its limit, or paused. Else null."
    )
    finished_at = serializers.DateTimeField(allow_null=True)
    timings = serializers.SerializerMethodField()
    gpu_result = serializers.JSONField(help_text="What the model step returned.")
    error = serializers.SerializerMethodField()
    client_reference = serializers.SerializerMethodField(help_text="Your own id of it; null without one.")
    metadata = serializers.SerializerMethodField(help_text="What else you say of it, as sent; null without any.")

    @extend_schema_field({"type": ["string", "null"]})
    def get_format(self, image: ImageResult) -> str | None:
        return image.format or None

    @extend_schema_field({"type": ["string", "null"]})
    def get_waits_for(self, image: ImageResult) -> str | None:
        # An asterisk marks no host: the image waits in the line of hosts that have not answered yet.
        return None if image.waits_for.startswith("*") else image.waits_for or None

    # By hand, like the next one: nested serializers would take half the time of a page of a thousand.
    @extend_schema_field(Timings)
    def get_timings(self, image: ImageResult) -> Any:
        return {"fetch_ms": image.fetch_ms, "measure_ms": image.measure_ms, "gpu_ms": image.gpu_ms}

    @extend_schema_field(ImageError(allow_null=True))
    def get_error(self, image: ImageResult) -> Any:
        if image.state != ImageState.FAILED:
            return None
        return {"code": image.error_code, "message": image.error_message, "retryable": image.retryable}

    @extend_schema_field({"type": ["string", "null"]})
    def get_client_reference(self, image: ImageResult) -> str | None:
        # By prefetch, which knows those without details too.
        return (image.details.client_reference or None) if hasattr(image, "details") else None

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": {"type": "string"}})
    def get_metadata(self, image: ImageResult) -> dict[str, str] | None:
        return _metadata(image)


def _metadata(image: ImageResult) -> dict[str, str] | None:
    return image.details.metadata if hasattr(image, "details") else None


class Attempt(serializers.Serializer[FailedAttempt]):
    """One failed attempt, and what was observed during it."""

    claim_no = serializers.IntegerField(help_text="Increases with every attempt, also across retries.")
    code = serializers.CharField()
    message = serializers.CharField()
    counted = serializers.BooleanField(
        help_text="False where it cost no attempt, because its host refused other images as well."
    )
    http_status = serializers.IntegerField(allow_null=True)
    redirects = serializers.ListField(
        child=serializers.CharField(),
        help_text="Where it was redirected to, in order, as far as a redirect that was refused. Cut after 2,048 "
        "characters each, escaped, without user names and passwords.",
    )
    address_class = serializers.CharField(help_text="What network the last address belongs to; empty without one.")
    content_type = serializers.CharField(help_text="As the server declared it.")
    bytes = serializers.IntegerField()
    elapsed_ms = serializers.IntegerField()
    failed_at = serializers.DateTimeField()


class Explanation(serializers.Serializer[Any]):
    """What an error code means, for people."""

    code = serializers.CharField()
    sentence = serializers.CharField(help_text="What happened.")
    advice = serializers.CharField(help_text="What usually causes it, and what to do.")
    retry = serializers.CharField(source="retry.sentence", help_text="Whether a retry can help.")


class Turn(serializers.Serializer[Any]):
    """Where a pending image stands among those that are still to come: areas of a job move at the same fraction."""

    area = serializers.CharField(allow_null=True, help_text="Null where the store master does not hold the store.")
    in_area = serializers.IntegerField(min_value=1, help_text="Its place among the pending images of its area.")
    of_area = serializers.IntegerField(min_value=0)
    in_job = serializers.IntegerField(min_value=1, help_text="Its place among all pending images of the job.")
    of_job = serializers.IntegerField(min_value=0)


class Asked(serializers.Serializer[ImageResult]):
    """What the rule of the store's category asks, as it was when the image was submitted or last retried."""

    priority = serializers.IntegerField(
        source="category_priority",
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        help_text="Added to the job's: one step is worth an hour of waiting.",
    )
    min_width = serializers.IntegerField(allow_null=True, help_text="In pixels, of the image as stored.")
    min_height = serializers.IntegerField(allow_null=True)


class ImageDetail(Image):
    """One image with its latest failed attempts, oldest first."""

    turn = serializers.SerializerMethodField(
        help_text=f"Null for an image that is not pending, and in a job of more than {MOST_IMAGES:,} images."
    )
    category_rule = serializers.SerializerMethodField(
        help_text="Null where the store's category has no rule. `error` says what of it refused the image."
    )

    explanation = serializers.SerializerMethodField(help_text="What the error's code means; null without one.")
    failed_attempts = serializers.SerializerMethodField(help_text=f"The latest, at most {MOST_ATTEMPTS}.")
    failed_attempts_total = serializers.IntegerField(source="failed_attempts.count", min_value=0)

    @extend_schema_field(Turn(allow_null=True))
    def get_turn(self, image: ImageResult) -> Any:
        turn = turn_of(image, self.context["job"])
        return Turn(turn).data if turn else None

    @extend_schema_field(Asked(allow_null=True))
    def get_category_rule(self, image: ImageResult) -> Any:
        return Asked(image).data if image.category_priority is not None else None

    @extend_schema_field(Explanation(allow_null=True))
    def get_explanation(self, image: ImageResult) -> Any:
        return Explanation(explain(image.error_code)).data if image.state == ImageState.FAILED else None

    @extend_schema_field(Attempt(many=True))
    def get_failed_attempts(self, image: ImageResult) -> Any:
        return pages.list_of(Attempt, FailedAttempt.objects.latest_of(image.pk, MOST_ATTEMPTS))


class Images(JobView):
    tag = "images"
    parameters = {"GET": (*parameters.IMAGES, FINDING, parameters.client_reference("The image"), *parameters.PAGE)}

    @describe(summary="List a job's images", responses=pages.page_of(Image))
    def get(self, request: Request, job_id: str) -> Response:
        """In submission order; the filters combine.

        A page ends early where its images have much metadata: there is another one as long as `next_cursor` says so.
        """
        job = self.find_job(job_id)
        images = ImageResult.objects.in_order_of(job.pk).matching(parameters.filter_of(self.query))
        if "finding" in self.query:
            found = Finding.objects.filter(job_id=job.pk, code=self.query["finding"])
            images = images.filter(pk__in=found.values("image_id"))
        if "client_reference" in self.query:
            images = images.filter(pk__in=images_with(self.query["client_reference"]))
        page = parameters.page_of(self.query).of(images.select_related("visit").prefetch_related("details"))
        return Response(pages.answer(Image, pages.cut_at_metadata(page, _metadata)))


class OneImage(JobView):
    tag = "images"
    path_parameters = (JOB_ID, IMAGE_ID)

    @describe(summary="Read an image", responses=ImageDetail)
    def get(self, request: Request, job_id: str, image_id: str) -> Response:
        """Including its latest failed attempts."""
        job = self.find_job(job_id)
        images = ImageResult.objects.filter(job=job).select_related("visit")
        return Response(ImageDetail(find_by_id(images, image_id, "image"), context={"job": job}).data)
