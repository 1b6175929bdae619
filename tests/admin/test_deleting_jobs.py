"""Deleting jobs in the admin: who may, what the pages say, and which jobs they refuse."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from jobs import deletion
from jobs.deletion import slices
from jobs.models import DayTotal, DeletedJob, Job
from tests.admin.conftest import list_page, row_page
from tests.factories import make_staff, submit_job

pytestmark = pytest.mark.django_db


def delete_page(job):
    return row_page(job).replace("change", "delete")


def choose(client, *jobs, **form):
    form |= {"action": "delete_selected", "_selected_action": [job.pk for job in jobs]}
    return client.post(list_page(Job), form, follow=True)


def test_the_page_asks_with_numbers_and_then_deletes(client, job, django_assert_max_num_queries):
    client.force_login(make_staff("delete_job"))
    with django_assert_max_num_queries(12):
        asked = client.get(delete_page(job)).text
    assert f"Job {job.pk}, with its visits, its history and 3 images" in asked
    client.post(delete_page(job), {"post": "yes"})
    assert not Job.objects.exists()
    deleted = DeletedJob.objects.get()
    assert (deleted.job_id, deleted.user_name, deleted.total, deleted.cause) == (job.pk, "chief", 3, "request")
    assert LogEntry.objects.filter(object_id=str(job.pk)).exists()


@pytest.mark.parametrize("permission", ["view_job", "change_job"])
def test_who_may_not_delete_finds_no_way(client, job, permission):
    client.force_login(make_staff(permission))
    assert "deletelink" not in client.get(row_page(job)).text
    assert "delete_selected" not in client.get(list_page(Job)).text
    assert client.post(delete_page(job), {"post": "yes"}).status_code == 403
    choose(client, job, post="yes")
    assert Job.objects.exists()


def test_a_job_that_has_not_ended_stands_in_the_way(admin_client):
    job = submit_job(2)
    assert f"Job {job.pk}: it has not ended; cancel it first" in admin_client.get(delete_page(job)).text
    admin_client.post(delete_page(job), {"post": "yes"})
    choose(admin_client, job, post="yes")
    assert Job.objects.exists()
    assert not DeletedJob.objects.exists()


def test_chosen_jobs_are_deleted_together(admin_client, job):
    other = Job.objects.get(pk=submit_job(1, store_id="unknown").pk)
    Job.objects.filter(pk=other.pk).update(status="failed", failed=1, finished_at=other.created_at)
    choose(admin_client, job, other, post="yes")
    assert set(DeletedJob.objects.values_list("job_id", flat=True)) == {job.pk, other.pk}


def test_of_chosen_jobs_all_are_deleted_or_none(admin_client, job, monkeypatch):
    monkeypatch.setattr("jobs.admin.job.JobAdmin.get_deleted_objects", lambda *_: ([], {}, set(), []))
    ongoing, newest = submit_job(2), submit_job(1, store_id="unknown")
    assert choose(admin_client, job, ongoing, newest, post="yes").status_code == 403
    assert Job.objects.count() == 3
    assert not DeletedJob.objects.exists()
    assert not LogEntry.objects.exists()


def test_chosen_jobs_are_locked_in_the_order_of_their_ids(admin_client, job, monkeypatch):
    others = [submit_job(1, store_id="unknown") for _ in range(2)]
    locked = []
    monkeypatch.setattr("jobs.actions.delete", lambda job_id, by: locked.append(job_id))
    choose(admin_client, *others, job, post="yes")
    assert locked == sorted(each.pk for each in [job, *others])


def test_more_jobs_than_are_locked_at_once_are_not_asked_for(admin_client, job, monkeypatch):
    monkeypatch.setattr("jobs.admin.job.MOST_CHOSEN", 1)
    other = submit_job(1, store_id="unknown")
    said = choose(admin_client, job, other, post="yes").text
    assert "Choose at most 1 jobs here; `manage.py prune` deletes all that are old." in said
    assert Job.objects.count() == 2
    choose(admin_client, job, post="yes")
    assert Job.objects.get() == other


def test_a_job_that_was_retried_since_the_page_asked_is_refused(admin_client, job, monkeypatch):
    monkeypatch.setattr("jobs.admin.job.JobAdmin.get_deleted_objects", lambda *_: ([], {}, set(), []))
    Job.objects.filter(pk=job.pk).update(status="ongoing", finished_at=None, failed=0)
    assert admin_client.post(delete_page(job), {"post": "yes"}).status_code == 403
    assert Job.objects.exists()
    assert not LogEntry.objects.exists()


def test_totals_say_whose_the_images_were(admin_client, monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    anna, gone = User.objects.create_user("anna"), User.objects.create_user("gone")
    for owner in (anna, gone, None):
        deletion.mark(submit_job(1, store_id="nowhere", owner=owner).pk, None)
    assert deletion.delete_slice(wait=True)
    gone.delete()
    page = admin_client.get(list_page(DayTotal)).text
    owners = re.findall(r'<td class="field-owner_name">(.*?)</td>', page)
    assert sorted(owners) == ["-", "anna", f"user {DayTotal.objects.exclude(owner=anna.pk).get(owner__gt=0).owner}"]
    assert "anna" in admin_client.get(row_page(DayTotal.objects.get(owner=anna.pk))).text
