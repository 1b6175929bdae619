"""The dashboard's pages."""

from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from dashboard import appearance, docs
from dashboard.pages import areas, image, job, jobs, operations, problems, stores, submit
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
    path("jobs/<int:job_id>/", job.job_page, name="job"),
    path("jobs/<int:job_id>/act/", job.act, name="job_act"),
    path("jobs/<int:job_id>/delete/", job.delete, name="job_delete"),
    path("jobs/<int:job_id>/resume-host/", job.resume_host, name="job_resume_host"),
    path("jobs/<int:job_id>/retry/", job.retry, name="job_retry"),
    path("jobs/<int:job_id>/images/<int:image_id>/", image.image_page, name="image"),
    path("submit/", submit.submit_page, name="submit"),
    path("stores/", stores.store_list, name="stores"),
    path("stores/<int:pk>/", stores.store_page, name="store"),
    path("problems/", problems.problems_page, name="problems"),
    path("stores/import/", stores.import_stores, name="import_stores"),
    path("stores/import/<int:pk>/", stores.import_page, name="import_page"),
    path("stores/import/<int:pk>/again/", stores.dry_run_again, name="dry_run_again"),
    path("stores/import/<int:pk>/apply/", stores.apply_import, name="apply_import"),
    path("stores/import/<int:pk>/rejects.csv", stores.rejects, name="import_rejects"),
    path("areas/", areas.areas_page, name="areas"),
    path("areas/area/", areas.area_page, name="area"),
    path("operations/", operations.operations_page, name="operations"),
    path("operations/resume-host/", operations.resume_host, name="resume_host"),
    path("docs/errors/", docs.errors_page, name="errors_docs"),
    path("docs/problems/", docs.problems_page, name="problems_docs"),
]
