"""From each page to its neighbours."""

import pytest
from django.utils.html import escape

from jobs.models import ImageResult, Job, Visit, Worker
from stores.models import Store
from tests.admin.conftest import HOSTILE_URL, list_page, listed, row_page

pytestmark = pytest.mark.django_db


def follow(client, page, beginning):
    """The answer to the first link on the page that begins so."""
    assert f'href="{beginning}' in page
    rest = page.split(f'href="{beginning}', 1)[1].split('"', 1)[0]
    return client.get((beginning + rest).replace("&amp;", "&"))


def test_a_job_leads_to_its_visits_and_its_images(admin_client, job):
    page = admin_client.get(row_page(job)).text
    assert set(listed(follow(admin_client, page, f"{list_page(Visit)}?job="))) == set(
        job.visits.values_list("pk", flat=True)
    )
    assert len(listed(follow(admin_client, page, f"{list_page(ImageResult)}?job={job.pk}"))) == 3


@pytest.mark.parametrize(("state", "images"), [("pending", 0), ("running", 0), ("completed", 1), ("failed", 2)])
def test_a_jobs_counts_lead_to_the_images_counted(admin_client, job, state, images):
    page = admin_client.get(row_page(job)).text
    assert f"{images} {state}" in page
    filters = f"?job={job.pk}&amp;state__exact={state}"
    assert len(listed(follow(admin_client, page, list_page(ImageResult) + filters))) == images


def test_a_jobs_error_codes_lead_to_the_images_that_failed_so(admin_client, job):
    page = admin_client.get(row_page(job)).text
    (image_id,) = listed(follow(admin_client, page, f"{list_page(ImageResult)}?job={job.pk}&amp;code=http_404"))
    assert ImageResult.objects.get(pk=image_id).url == HOSTILE_URL


def test_a_jobs_failed_stores_lead_to_their_visits(admin_client, job):
    page = admin_client.get(row_page(job)).text
    (visit_id,) = listed(follow(admin_client, page, f"{list_page(Visit)}?job={job.pk}&amp;store_id=nowhere"))
    assert Visit.objects.get(pk=visit_id).store_id == "nowhere"


def test_a_visit_leads_to_its_job_its_images_and_its_store(admin_client, job):
    visit = job.visits.first()
    page = admin_client.get(row_page(visit)).text
    assert f'href="{row_page(job)}"' in page
    assert len(listed(follow(admin_client, page, f"{list_page(ImageResult)}?visit={visit.pk}"))) == 2
    assert f'href="/admin/stores/store/{Store.objects.get().pk}/change/"' in page


def test_an_image_leads_to_its_job_its_visit_and_its_store(admin_client, job):
    image = ImageResult.objects.completed().get()
    page = admin_client.get(row_page(image)).text
    assert f'href="{row_page(job)}"' in page
    assert f'href="{row_page(image.visit)}"' in page
    assert f'href="/admin/stores/store/{Store.objects.get().pk}/change/"' in page


def test_an_unknown_store_is_shown_as_unknown_instead_of_linked(admin_client, job):
    image = ImageResult.objects.get(error_code="unknown_store")
    page = admin_client.get(row_page(image)).text
    assert "nowhere, not in the store master" in page
    assert "/admin/stores/store/1" not in page


def test_lists_lead_to_jobs_and_stores(admin_client, job):
    for model in (Visit, ImageResult):
        page = admin_client.get(list_page(model)).text
        assert f'href="{row_page(job)}"' in page
        assert "/admin/stores/store/?store_id=nowhere" in page


def test_a_store_leads_to_its_visits(admin_client, job):
    page = admin_client.get("/admin/stores/store/").text
    (visit_id,) = listed(follow(admin_client, page, f"{list_page(Visit)}?store_id="))
    assert Visit.objects.get(pk=visit_id).store_id == Store.objects.get().store_id


def test_a_running_image_leads_to_its_worker_and_back(admin_client, crowd):
    image = ImageResult.objects.running().earliest("pk")
    worker = Worker.objects.get(pk=str(image.claimed_by))
    assert f'href="{row_page(worker)}"' in admin_client.get(row_page(image)).text
    page = admin_client.get(row_page(worker)).text
    in_flight = follow(admin_client, page, f"{list_page(ImageResult)}?claimed_by={worker.pk}")
    assert in_flight.context["cl"].result_count == 60


def test_the_failed_images_of_a_job_are_one_click_from_the_list_of_jobs(admin_client, job):
    page = admin_client.get(list_page(Job)).text
    filters = f"?job={job.pk}&amp;state__exact=failed"
    assert len(listed(follow(admin_client, page, list_page(ImageResult) + filters))) == 2


def test_a_url_is_text_and_never_a_link_or_a_picture(admin_client, job):
    image = ImageResult.objects.get(url=HOSTILE_URL)
    for page in (row_page(image), list_page(ImageResult), row_page(job)):
        text = admin_client.get(page).text
        assert 'href="http:' not in text
        assert 'src="http:' not in text
    assert escape(HOSTILE_URL) in admin_client.get(row_page(image)).text
