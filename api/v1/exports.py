"""A job's images as a file; `jobs/reporting/exports.py` says what it holds."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from api.v1 import parameters
from api.v1.describe import describe
from api.v1.problems import invalid_parameters
from api.v1.views import JobView
from jobs.reporting.exports import Export, ExportFormat, filename

_FORMAT = parameters.choice("format", "Required: CSV for spreadsheets, NDJSON for programs.", ExportFormat)


class Exports(JobView):
    # A HEAD would run the whole export as well.
    http_method_names = ["get"]
    tag = "images"
    parameters = {"GET": (_FORMAT, *parameters.IMAGES)}

    @describe(
        summary="Export a job's images",
        responses={
            (200, ExportFormat.CSV.content_type): {"type": "string"},
            (200, ExportFormat.NDJSON.content_type): {"type": "string"},
        },
    )
    def get(self, request: Request, job_id: str) -> StreamingHttpResponse:
        """A consistent snapshot, streamed, in submission order; the filters combine.

        A stream that fails is cut off without its last chunk, which clients report as an error: then request it again.
        """
        image_filter = parameters.filter_of(self.query)
        if "format" not in self.query:
            raise invalid_parameters([("format", "format must be csv or ndjson.")])
        job, form = self.find_job(job_id), ExportFormat(self.query["format"])
        response = StreamingHttpResponse(Export(job.pk, image_filter, form), content_type=form.content_type)
        response["Content-Disposition"] = f'attachment; filename="{filename(job.pk, image_filter, form)}"'
        return response
