"""Actions on a job: cancel, pause, resume, retry. Each adds an entry to the job's history."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from api.v1 import pages, parameters, request_bodies
from api.v1.describe import describe
from api.v1.job_serializers import Action, ActionResult, JobDetail, detail_of
from api.v1.views import JobView
from jobs import actions
from jobs.models import ImageFilter
from jobs.models.image_result import MAX_HOST
from jobs.submission.payload import MAX_STORE_ID


class _ActionView(JobView):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}
    perform: ClassVar[Callable[..., int]]

    def post(self, request: Request, job_id: str) -> Response:
        request_bodies.read_nothing(request.data)
        images = type(self).perform(self.find_job(job_id).pk, request.user)
        return Response({"images": images, "job": detail_of(self.find_job(job_id))})


class Cancel(_ActionView):
    perform = actions.cancel

    @describe(summary="Cancel a job", request=None, responses=ActionResult)
    def post(self, request: Request, job_id: str) -> Response:
        """Its pending images end as `canceled`, those in flight finish, results are kept. 409 where it has ended."""
        return super().post(request, job_id)


class Pause(_ActionView):
    perform = actions.pause

    @describe(summary="Pause a job", request=None, responses=ActionResult)
    def post(self, request: Request, job_id: str) -> Response:
        """Images in flight finish, no others begin. 409 where it has ended or is being canceled."""
        return super().post(request, job_id)


class Resume(_ActionView):
    perform = actions.resume

    @describe(summary="Resume a paused job", request=None, responses=ActionResult)
    def post(self, request: Request, job_id: str) -> Response:
        """It continues at the place in the queue that it had when it was paused. 409 where it is not paused."""
        return super().post(request, job_id)


class RetryPreview(serializers.Serializer[Any]):
    """The images that a retry would match: `matching` is the sum of the three others."""

    matching = serializers.IntegerField(min_value=0, help_text="Failed images that match.")
    retryable = serializers.IntegerField(min_value=0, help_text="Another attempt may help.")
    permanent = serializers.IntegerField(min_value=0, help_text="A retry only helps once the cause is repaired.")
    unknown_store = serializers.IntegerField(min_value=0, help_text="Not reopened before their store is imported.")


class RetryResult(serializers.Serializer[Any]):
    """The result of a retry."""

    class Meta:
        ref_name = "Retried"  # its name in the OpenAPI document

    reopened = serializers.IntegerField(min_value=0)
    still_unknown = serializers.IntegerField(min_value=0, help_text="Left as they are: their store is unknown.")
    still_refused = serializers.IntegerField(
        min_value=0, help_text="Left as they are: the rule of their store's category still refuses them."
    )
    job = JobDetail()


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "code": request_bodies.text(32),
    "host": request_bodies.text(MAX_HOST),
    "store": request_bodies.text(MAX_STORE_ID),
    "area": request_bodies.text(64),
    "group": request_bodies.whole_number(1, parameters.MOST_GROUP),
    "only_retryable": request_bodies.boolean,
}
_BODY = {
    "type": "object",
    "description": "Filters for the failed images to retry; without any, all of them.",
    "properties": {
        **{each.name: {**each.schema, "description": each.description} for each in parameters.FAILED_IMAGES},
        "only_retryable": {
            "type": "boolean",
            "default": False,
            "description": "Only what another attempt may help.",
        },
    },
    "additionalProperties": False,
}


class Retry(JobView):
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}
    parameters = {"GET": parameters.FAILED_IMAGES}

    @describe(summary="Preview a retry", responses=RetryPreview)
    def get(self, request: Request, job_id: str) -> Response:
        """How many images a retry with this filter would match; nothing is changed."""
        preview = actions.preview_retry(self.find_job(job_id).pk, parameters.filter_of(self.query))
        return Response(RetryPreview(preview).data)

    @describe(
        summary="Retry failed images",
        request={"application/json": _BODY},
        responses=RetryResult,
        examples=[
            OpenApiExample("What may help", {"only_retryable": True}, request_only=True),
            OpenApiExample("Timeouts of a host", {"code": "read_timeout", "host": "images.test"}, request_only=True),
        ],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Reopens the job's failed images that match, and the job with them."""
        values = request_bodies.read_object(request.data, _FIELDS)
        only = values.pop("only_retryable", False)
        retried = actions.retry(self.find_job(job_id).pk, request.user, ImageFilter(**values), only_retryable=only)
        return Response(
            {
                "reopened": retried.reopened,
                "still_unknown": retried.still_unknown,
                "still_refused": retried.still_refused,
                "job": detail_of(self.find_job(job_id)),
            }
        )


class Actions(JobView):
    parameters = {"GET": parameters.PAGE}

    @describe(summary="Read a job's history", responses=pages.page_of(Action))
    def get(self, request: Request, job_id: str) -> Response:
        """Actions of people on the job since its submission, oldest first."""
        page = parameters.page_of(self.query).of(self.find_job(job_id).actions.all())
        return Response(pages.answer(Action, page))
