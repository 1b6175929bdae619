"""The paths of v1, each with and without its trailing slash: a redirect would lose a POST's body.

A store's id is opaque text and may hold slashes, which a web server decodes before they get here; so its pattern
matches everything between its neighbours.
"""

from django.urls import re_path

from api.v1 import (
    alerts,
    area_weights,
    areas,
    categories,
    category_rules,
    events,
    exports,
    forecasts,
    groups,
    hosts,
    images,
    job_actions,
    job_areas,
    jobs,
    problem_stores,
    progress,
    reports,
    rhythm,
    routes,
    schemas,
    similar_stores,
    store_imports,
    stores,
    trends,
    validation,
    visits,
)

app_name = "v1"

_JOB = r"^jobs/(?P<job_id>[^/]+)"
_CATEGORY = r"^categories/(?P<category_id>[^/]+)"
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
    re_path(rf"{_JOB}/areas/?\Z", job_areas.JobAreas.as_view(), name="job-areas"),
    re_path(rf"{_JOB}/images/?\Z", images.Images.as_view(), name="images"),
    re_path(rf"{_JOB}/images/(?P<image_id>[^/]+)/?\Z", images.OneImage.as_view(), name="image"),
    re_path(r"^alerts/?\Z", alerts.Alerts.as_view(), name="alerts"),
    re_path(r"^alerts/(?P<alert_id>[^/]+)/?\Z", alerts.OneAlert.as_view(), name="alert"),
    re_path(r"^alerts/(?P<alert_id>[^/]+)/dismiss/?\Z", alerts.DismissAlert.as_view(), name="dismiss-alert"),
    re_path(r"^alerts/(?P<alert_id>[^/]+)/reopen/?\Z", alerts.ReopenAlert.as_view(), name="reopen-alert"),
    re_path(r"^alert-rules/?\Z", alerts.AlertRules.as_view(), name="alert-rules"),
    re_path(r"^area-weights/?\Z", area_weights.AreaWeights.as_view(), name="area-weights"),
    re_path(r"^category-rules/?\Z", category_rules.CategoryRules.as_view(), name="category-rules"),
    re_path(
        r"^category-rules/(?P<category_id>[^/]+)/?\Z", category_rules.OneCategoryRule.as_view(), name="category-rule"
    ),
    re_path(r"^forecasts/?\Z", forecasts.Forecasts.as_view(), name="forecasts"),
    re_path(r"^hosts/?\Z", hosts.Hosts.as_view(), name="hosts"),
    re_path(r"^hosts/(?P<host>[^/]+)/resume/?\Z", hosts.ResumeHost.as_view(), name="resume-host"),
    re_path(r"^stores/?\Z", stores.Stores.as_view(), name="stores"),
    re_path(r"^stores/(?P<store_id>[\s\S]+?)/visits/?\Z", visits.VisitsOfStore.as_view(), name="store-visits"),
    re_path(r"^stores/(?P<store_id>[\s\S]+?)/?\Z", stores.OneStore.as_view(), name="store"),
    re_path(r"^categories/?\Z", categories.Categories.as_view(), name="categories"),
    re_path(rf"{_CATEGORY}/?\Z", categories.OneCategory.as_view(), name="category"),
    re_path(r"^keywords/?\Z", categories.Keywords.as_view(), name="keywords"),
    re_path(r"^keywords:preview/?\Z", categories.PreviewKeyword.as_view(), name="preview-keyword"),
    re_path(r"^keywords:suggestions/?\Z", categories.Suggestions.as_view(), name="keyword-suggestions"),
    re_path(r"^keywords/(?P<keyword_id>[^/]+)/?\Z", categories.OneKeyword.as_view(), name="keyword"),
    re_path(r"^similar-stores/?\Z", similar_stores.SimilarStores.as_view(), name="similar-stores"),
    re_path(r"^duplicate-stores/?\Z", similar_stores.DuplicateStores.as_view(), name="duplicate-stores"),
    re_path(r"^routes/?\Z", routes.Routes.as_view(), name="routes"),
    re_path(r"^store-imports/?\Z", store_imports.StoreImports.as_view(), name="store-imports"),
    re_path(rf"{_IMPORT}/?\Z", store_imports.OneStoreImport.as_view(), name="store-import"),
    re_path(rf"{_IMPORT}/apply/?\Z", store_imports.ApplyStoreImport.as_view(), name="apply-store-import"),
    re_path(rf"{_IMPORT}/rejects\.csv/?\Z", store_imports.Rejects.as_view(), name="rejects"),
    re_path(r"^groups/?\Z", groups.Groups.as_view(), name="groups"),
    re_path(r"^groups/(?P<group_id>[^/]+)/?\Z", groups.OneGroup.as_view(), name="group"),
    re_path(r"^groups/(?P<group_id>[^/]+)/members/?\Z", groups.Members.as_view(), name="group-members"),
    re_path(r"^problems/?\Z", problem_stores.Problems.as_view(), name="problems"),
    re_path(r"^risk/?\Z", problem_stores.Risk.as_view(), name="risk"),
    re_path(r"^visits/?\Z", visits.Visits.as_view(), name="visits"),
    re_path(r"^areas/?\Z", areas.Areas.as_view(), name="areas"),
    re_path(r"^areas/matrix/?\Z", areas.AreaMatrix.as_view(), name="area-matrix"),
    re_path(r"^trends/?\Z", trends.Trends.as_view(), name="trends"),
    re_path(r"^rhythm/?\Z", rhythm.Rhythm.as_view(), name="rhythm"),
    re_path(r"^rhythm/unvisited-stores/?\Z", rhythm.UnvisitedStores.as_view(), name="unvisited-stores"),
    re_path(r"^reports/?\Z", reports.Reports.as_view(), name="reports"),
    re_path(r"^reports/(?P<report_id>[^/]+)/?\Z", reports.OneReport.as_view(), name="report"),
    re_path(r"^reports/(?P<report_id>[^/]+)/rows/?\Z", reports.ReportRows.as_view(), name="report-rows"),
    re_path(r"^schemas/submission\.json/?\Z", schemas.SubmissionSchema.as_view(), name="submission-schema"),
    re_path(r"^openapi\.json/?\Z", schemas.Document.as_view(), name="openapi"),
]
