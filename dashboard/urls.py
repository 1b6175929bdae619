"""The dashboard's pages."""

from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from dashboard import appearance, docs
from dashboard.pages import (
    alerts,
    areas,
    categories,
    category_rules,
    duplicates,
    forecasts,
    groups,
    image,
    job,
    jobs,
    operations,
    problems,
    reports,
    routes,
    stores,
    submit,
    visits,
)
from dashboard.pages.sign_in import SignIn

app_name = "dashboard"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="dashboard:jobs"), name="home"),
    path("sign-in/", SignIn.as_view(), name="sign_in"),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("appearance/", appearance.choose, name="appearance"),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("dashboard/favicon.svg")), name="favicon"),
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/act/", jobs.act_on_matching, name="act_on_matching"),
    path("jobs/forecasts/", forecasts.forecasts_page, name="forecasts"),
    path("jobs/<int:job_id>/", job.job_page, name="job"),
    path("jobs/<int:job_id>/act/", job.act, name="job_act"),
    path("jobs/<int:job_id>/delete/", job.delete, name="job_delete"),
    path("jobs/<int:job_id>/resume-host/", job.resume_host, name="job_resume_host"),
    path("jobs/<int:job_id>/retry/", job.retry, name="job_retry"),
    path("jobs/<int:job_id>/images/<int:image_id>/", image.image_page, name="image"),
    path("submit/", submit.submit_page, name="submit"),
    path("stores/", stores.store_list, name="stores"),
    path("stores/<int:pk>/", stores.store_page, name="store"),
    path("stores/<int:pk>/category/", categories.choose, name="choose_category"),
    path("stores/categories/", categories.category_list, name="categories"),
    path("stores/categories/<int:pk>/", categories.category_page, name="category"),
    path("stores/categories/other-words/", categories.other_words, name="other_words"),
    path("stores/categories/preview/", categories.preview, name="preview_keyword"),
    path("stores/categories/change/", categories.change, name="change_categories"),
    path("stores/duplicates/", duplicates.duplicates_page, name="duplicates"),
    path("stores/groups/", groups.group_list, name="groups"),
    path("stores/groups/<int:pk>/", groups.group_page, name="group"),
    path("stores/groups/<int:pk>/delete/", groups.delete_group, name="group_delete"),
    path("stores/route/", routes.route_page, name="route"),
    path("problems/", problems.problems_page, name="problems"),
    path("stores/categories/rules/", category_rules.rules_page, name="category_rules"),
    path("stores/categories/<int:category_id>/rule/", category_rules.rule_page, name="category_rule"),
    path("stores/import/", stores.import_stores, name="import_stores"),
    path("stores/import/<int:pk>/", stores.import_page, name="import_page"),
    path("stores/import/<int:pk>/again/", stores.dry_run_again, name="dry_run_again"),
    path("stores/import/<int:pk>/apply/", stores.apply_import, name="apply_import"),
    path("stores/import/<int:pk>/rejects.csv", stores.rejects, name="import_rejects"),
    path("areas/", areas.areas_page, name="areas"),
    path("areas/area/", areas.area_page, name="area"),
    path("alerts/", alerts.alert_list, name="alerts"),
    path("alerts/rules/<str:name>/", alerts.rule_page, name="alert_rule"),
    path("alerts/<int:alert_id>/", alerts.alert_page, name="alert"),
    path("alerts/<int:alert_id>/dismiss/", alerts.dismiss, name="dismiss_alert"),
    path("alerts/<int:alert_id>/reopen/", alerts.reopen, name="reopen_alert"),
    path("visits/", visits.rhythm_page, name="visits"),
    path("visits/list/", visits.visit_list, name="visit_list"),
    path("visits/unvisited/", visits.unvisited_stores, name="unvisited_stores"),
    path("reports/", reports.report_list, name="reports"),
    path("reports/new/", reports.new_report, name="new_report"),
    path("reports/<int:report_id>/", reports.report_page, name="report"),
    path("reports/<int:report_id>/change/", reports.change_report, name="change_report"),
    path("reports/<int:report_id>/delete/", reports.delete_report, name="delete_report"),
    path("operations/", operations.operations_page, name="operations"),
    path("operations/resume-host/", operations.resume_host, name="resume_host"),
    path("docs/errors/", docs.errors_page, name="errors_docs"),
    path("docs/problems/", docs.problems_page, name="problems_docs"),
]
