"""The photo of an image, where photos are kept."""

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from api import photos
from api.v1 import problems
from api.v1.describe import describe
from api.v1.images import IMAGE_ID
from api.v1.problem_types import Problem
from api.v1.views import JOB_ID, JobView, find_by_id
from jobs.models import ImageResult

_DRAWN = {(200, photos.WEBP): OpenApiTypes.BINARY}


class _Photo(JobView):
    # A HEAD would draw it as well.
    http_method_names = ["get"]
    tag = "images"
    path_parameters = (JOB_ID, IMAGE_ID)

    def photo(self, request: Request, job_id: str, image_id: str, size: photos.PhotoSize) -> HttpResponseBase:
        """Raises a Refusal: of another user's job the same as of a missing one."""
        job = self.find_job(job_id)
        image = find_by_id(ImageResult.objects.filter(job=job), image_id, "image")
        try:
            return photos.answer(request, image, size)
        except photos.NotThere as reason:
            raise problems.Refusal(Problem.NOT_FOUND, str(reason)) from None
        except photos.NotNow as reason:
            raise problems.Refusal(Problem.UNAVAILABLE, str(reason), wait=photos.RETRY_AFTER_SECONDS) from None


class Thumbnail(_Photo):
    @describe(summary="See a photo's thumbnail", responses=_DRAWN)
    def get(self, request: Request, job_id: str, image_id: str) -> HttpResponseBase:
        """A WebP of at most 320 pixels, drawn by the service; where KEEP_IMAGES is on."""
        return self.photo(request, job_id, image_id, photos.PhotoSize.THUMBNAIL)


class Preview(_Photo):
    @describe(summary="See a photo", responses=_DRAWN)
    def get(self, request: Request, job_id: str, image_id: str) -> HttpResponseBase:
        """A WebP of at most 1600 pixels, drawn from the original; the thumbnail where no original is kept."""
        return self.photo(request, job_id, image_id, photos.PhotoSize.PREVIEW)


class Original(_Photo):
    @describe(
        summary="Save a photo's original",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, job_id: str, image_id: str) -> HttpResponseBase:
        """The file as it was downloaded, as an attachment; where KEEP_IMAGES is `original`."""
        return self.photo(request, job_id, image_id, photos.PhotoSize.ORIGINAL)
