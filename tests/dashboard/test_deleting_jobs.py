"""The button that deletes a job, the page that asks, and who sees them."""

import pytest
from django.contrib.auth.models import User

from jobs import queue
from jobs.models import DeletedJob, Job
from tests.factories import allow, make_staff, submit_job

pytestmark = pytest.mark.django_db
BUTTON = "Delete …"


@pytest.fixture
def anna():
    return allow(User.objects.create_user("anna"), "delete_job")


@pytest.fixture
def job(anna):
    """It has ended: its store is unknown."""
    return submit_job(3, store_id="nowhere", owner=anna)


def test_the_page_asks_first_and_then_deletes(client, job, anna):
    client.force_login(anna)
    page = client.get(f"/jobs/{job.pk}/").text
    assert BUTTON in page
    assert f'href="/jobs/{job.pk}/delete/"' in page
    asked = client.get(f"/jobs/{job.pk}/delete/").text
    assert "<strong>3 images</strong>" in asked
    assert "Nothing can undo this." in asked
    assert Job.objects.get() == job
    done = client.post(f"/jobs/{job.pk}/delete/", follow=True)
    assert done.redirect_chain == [("/jobs/", 302)]
    assert f"Job {job.pk} is deleted, with 3 images." in done.text
    assert DeletedJob.objects.values_list("job_id", "user_name").get() == (job.pk, "anna")
    assert client.get(f"/jobs/{job.pk}/").status_code == 404
    assert client.post(f"/jobs/{job.pk}/delete/").status_code == 404


def test_a_job_that_has_not_ended_has_no_button_and_is_refused_with_the_cure(client, anna):
    job = submit_job(2, owner=anna)
    client.force_login(anna)
    assert BUTTON not in client.get(f"/jobs/{job.pk}/").text
    asked = client.get(f"/jobs/{job.pk}/delete/").text
    assert "cancel it first" in asked
    assert "Delete the job" not in asked
    refused = client.post(f"/jobs/{job.pk}/delete/", follow=True)
    assert f"Job {job.pk} has not ended, so it cannot be deleted; cancel it first." in refused.text
    queue.cancel(job.pk)
    assert BUTTON in client.get(f"/jobs/{job.pk}/?part=status").text


@pytest.mark.parametrize("permissions", [[], ["view_job"], ["change_job"]])
def test_who_may_not_delete_sees_no_button_and_is_refused(client, job, permissions):
    client.force_login(make_staff(*permissions) if permissions else allow(User.objects.create_user("other")))
    expected = 403 if permissions else 404
    assert BUTTON not in client.get(f"/jobs/{job.pk}/").text
    assert client.get(f"/jobs/{job.pk}/delete/").status_code == expected
    assert client.post(f"/jobs/{job.pk}/delete/").status_code == expected
    assert Job.objects.get() == job


def test_an_owner_without_the_permission_sees_no_button(client):
    owner = User.objects.create_user("owner")
    job = submit_job(1, store_id="nowhere", owner=owner)
    client.force_login(owner)
    assert BUTTON not in client.get(f"/jobs/{job.pk}/").text
    assert client.post(f"/jobs/{job.pk}/delete/").status_code == 403
