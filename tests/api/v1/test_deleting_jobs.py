"""DELETE /api/v1/jobs/{job_id}: what it answers, and to whom."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from access.models import Scope
from jobs.models import DeletedJob, Job
from tests.access.conftest import bearer, make_key
from tests.factories import allow, make_staff, submit_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return User.objects.create_user("anna")


@pytest.fixture
def job(owner):
    """It has ended: its store is unknown."""
    return submit_job(3, store_id="nowhere", owner=owner)


def delete(job, user=None, **options):
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.delete(f"/api/v1/jobs/{job.pk}", **options)


def test_a_deleted_job_is_answered_without_content_and_then_not_found(job, owner):
    answer = delete(job, allow(owner, "delete_job"))
    assert (answer.status_code, answer.content) == (204, b"")
    again = delete(job, owner)
    assert (again.status_code, again.json()["type"]) == (404, "/docs/problems/#not-found")
    assert DeletedJob.objects.values_list("job_id", "user_name").get() == (job.pk, "anna")


def test_a_job_that_has_not_ended_is_refused_with_the_cure(owner):
    job = submit_job(1, owner=owner)
    answer = delete(job, allow(owner, "delete_job"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs/problems/#conflict")
    assert answer.json()["detail"] == f"Job {job.pk} has not ended, so it cannot be deleted; cancel it first."
    assert Job.objects.get() == job


@pytest.mark.parametrize("permissions", [[], ["change_job"], ["view_job", "change_job"]])
def test_the_owner_too_needs_the_permission_to_delete(job, owner, permissions):
    answer = delete(job, allow(owner, *permissions))
    assert (answer.status_code, answer.json()["type"]) == (403, "/docs/problems/#not-allowed")
    assert "it takes the permission to delete jobs" in answer.json()["detail"]
    assert Job.objects.get() == job


def test_who_may_delete_their_own_jobs_may_not_delete_those_of_others(job):
    other = allow(User.objects.create_user("other"), "delete_job")
    assert delete(job, other).status_code == 404
    assert Job.objects.get() == job


def test_staff_with_the_permission_delete_the_jobs_of_others(job):
    assert delete(job, make_staff("delete_job")).status_code == 204


def test_staff_who_may_only_change_are_refused(job):
    assert delete(job, make_staff("change_job")).status_code == 403


@pytest.mark.parametrize("is_open", [True, False])
def test_without_credentials_nobody_deletes_anything(settings, is_open):
    settings.API_OPEN = is_open
    job = submit_job(1, store_id="nowhere")
    assert delete(job).status_code == (403 if is_open else 401)
    assert Job.objects.get() == job


@pytest.mark.parametrize(("scope", "status"), [(Scope.MANAGE, 204), (Scope.READ, 403), (Scope.SUBMIT, 403)])
def test_a_key_needs_the_scope_to_manage(job, owner, scope, status):
    _, key = make_key(allow(owner, "delete_job"), scope)
    assert Client().delete(f"/api/v1/jobs/{job.pk}", headers=bearer(key)).status_code == status


def test_a_body_and_a_parameter_are_refused(job, owner):
    user = allow(owner, "delete_job")
    assert delete(job, user, data='{"force": true}', content_type="application/json").status_code == 400
    client = Client()
    client.force_login(user)
    assert client.delete(f"/api/v1/jobs/{job.pk}?force=true").status_code == 400
    assert Job.objects.get() == job
