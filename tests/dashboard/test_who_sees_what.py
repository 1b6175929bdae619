"""Every page needs a sign-in, and shows what its reader may see."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from jobs.models import ImageResult, Job
from stores.models import Store
from tests.factories import submit_job

pytestmark = pytest.mark.django_db

PAGES = [
    "jobs", "alerts", "submit", "stores", "groups", "route", "duplicates", "problems", "import_stores", "operations",
]  # fmt: skip
OPEN_PAGES = ["errors_docs", "problems_docs", "sign_in"]


@pytest.mark.parametrize("name", PAGES)
def test_strangers_are_asked_to_sign_in_and_come_back(client, name):
    path = reverse(f"dashboard:{name}")
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={path}")


@pytest.mark.parametrize("name", OPEN_PAGES)
def test_what_explains_is_open_to_everybody(client, name):
    assert client.get(reverse(f"dashboard:{name}")).status_code == 200


def test_the_root_leads_to_the_jobs(page):
    assert page.get("/")["Location"] == "/jobs/"


@pytest.mark.parametrize("path", ["", "retry/", "?part=status", "?part=failures", "?part=images"])
def test_somebody_elses_job_is_not_found(page, path):
    theirs = submit_job(1)
    assert page.get(f"/jobs/{theirs.pk}/{path}").status_code == 404


def test_nothing_can_be_done_to_somebody_elses_job(page):
    theirs = submit_job(1)
    assert page.post(f"/jobs/{theirs.pk}/act/", {"act": "pause"}).status_code == 404
    assert page.post(f"/jobs/{theirs.pk}/retry/", {}).status_code == 404
    page.post("/jobs/act/", {"act": "cancel", "confirmed": "yes"})
    assert Job.objects.get(pk=theirs.pk).status == "ongoing"


def test_an_image_is_found_by_its_own_job_alone(page, job):
    theirs = submit_job(1)
    image = ImageResult.objects.get(job=theirs)
    assert page.get(f"/jobs/{job.pk}/images/{image.pk}/").status_code == 404


def test_staff_see_everybodys_jobs(admin_client, job):
    assert f"Job {job.pk}" in admin_client.get("/jobs/").text


def test_the_operations_are_for_staff(page, admin_client):
    assert page.get("/operations/").status_code == 403
    assert admin_client.get("/operations/").status_code == 200


def test_a_stores_page_shows_visits_of_ones_own_jobs_alone(page, job):
    store = Store.objects.get()
    theirs = submit_job(1)
    text = page.get(f"/stores/{store.pk}/").text
    assert f"Job {job.pk}" in text
    assert f"Job {theirs.pk}" not in text


def test_imports_need_the_permissions_that_editing_by_hand_needs(page, anna):
    assert page.get("/stores/import/").status_code == 403
    assert "Import a file" not in page.get("/stores/").text
    anna.user_permissions.set(Permission.objects.filter(codename__in=["add_store", "change_store"]))
    page.force_login(User.objects.get(pk=anna.pk))
    assert page.get("/stores/import/").status_code == 200
    assert "Import a file" in page.get("/stores/").text


def test_somebody_elses_filter_leads_to_nothing(page):
    submit_job(1)
    assert "No job matches" in page.get("/jobs/?stage=queued").text
