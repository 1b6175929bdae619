"""The paths of v1, each with and without its trailing slash: a redirect would lose a POST's body.

A store's id is opaque text and may hold slashes, which a web server decodes before they get here; so its pattern
matches everything between its neighbours.
"""

from django.urls import re_path

from api.v1 import (
    areas,
    events,
    exports,
    hosts,
    images,
    job_actions,
    jobs,
    problem_stores,
    progress,
    schemas,
    store_imports,
    stores,
    validation,
    visits,
)

app_name = "v1"

_JOB = r"^jobs/(?P<job_id>[^/]+)"
_IMPORT = r"^store-imports/(?P<import_id>[^/]+)"

urlpatterns = [
    re_path(r"^jobs/?\Z", jobs.Jobs.as_view(), name="jobs"),
    re_path(r"^jobs:validate/?\Z", validation.Validate.as_view(), name="validate"),
    re_path(r"^jobs/events/?\Z", events.JobsEvents.as_view(), name="jobs-events"),
    re_path(rf"{_JOB}/?\Z", jobs.OneJob.as_view(), name="job"),
    re_path(rf"{_JOB}/cancel/?\Z", job_actions.Cancel.as_view(), name="cancel"),
    re_path(rf"{_JOB}/pause/?\Z", job_actions.Pause.as_view(), name="pause"),
    re_path(rf"{_JOB}/resume/?\Z", job_actions.Resume.as_view(), name="resume"),
    re_path(rf"{_JOB}/retry/?\Z", job_actions.Retry.as_view(), name="retry"),
    re_path(rf"{_JOB}/actions/?\Z", job_actions.Actions.as_view(), name="actions"),
    re_path(rf"{_JOB}/events/?\Z", events.JobEvents.as_view(), name="events"),
    re_path(rf"{_JOB}/store-errors/?\Z", jobs.StoreErrors.as_view(), name="store-errors"),
    re_path(rf"{_JOB}/export/?\Z", exports.Exports.as_view(), name="export"),
    re_path(rf"{_JOB}/failures/?\Z", progress.Failures.as_view(), name="failures"),
    re_path(rf"{_JOB}/throughput/?\Z", progress.Throughput.as_view(), name="throughput"),
    re_path(rf"{_JOB}/images/?\Z", images.Images.as_view(), name="images"),
    re_path(rf"{_JOB}/images/(?P<image_id>[^/]+)/?\Z", images.OneImage.as_view(), name="image"),
    re_path(r"^hosts/?\Z", hosts.Hosts.as_view(), name="hosts"),
    re_path(r"^hosts/(?P<host>[^/]+)/resume/?\Z", hosts.ResumeHost.as_view(), name="resume-host"),
    re_path(r"^stores/?\Z", stores.Stores.as_view(), name="stores"),
    re_path(r"^stores/(?P<store_id>[\s\S]+?)/visits/?\Z", visits.VisitsOfStore.as_view(), name="store-visits"),
    re_path(r"^stores/(?P<store_id>[\s\S]+?)/?\Z", stores.OneStore.as_view(), name="store"),
    re_path(r"^store-imports/?\Z", store_imports.StoreImports.as_view(), name="store-imports"),
    re_path(rf"{_IMPORT}/?\Z", store_imports.OneStoreImport.as_view(), name="store-import"),
    re_path(rf"{_IMPORT}/apply/?\Z", store_imports.ApplyStoreImport.as_view(), name="apply-store-import"),
    re_path(rf"{_IMPORT}/rejects\.csv/?\Z", store_imports.Rejects.as_view(), name="rejects"),
    re_path(r"^problems/?\Z", problem_stores.Problems.as_view(), name="problems"),
    re_path(r"^risk/?\Z", problem_stores.Risk.as_view(), name="risk"),
    re_path(r"^visits/?\Z", visits.Visits.as_view(), name="visits"),
    re_path(r"^areas/?\Z", areas.Areas.as_view(), name="areas"),
    re_path(r"^areas/matrix/?\Z", areas.AreaMatrix.as_view(), name="area-matrix"),
    re_path(r"^trends/?\Z", areas.Trends.as_view(), name="trends"),
    re_path(r"^schemas/submission\.json/?\Z", schemas.SubmissionSchema.as_view(), name="submission-schema"),
    re_path(r"^openapi\.json/?\Z", schemas.Document.as_view(), name="openapi"),
]
