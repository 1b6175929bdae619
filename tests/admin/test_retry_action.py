"""The admin's one change: a person's retry."""

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection

from jobs import errors, queue
from jobs.engine.heartbeat import CHANNEL
from jobs.models import ImageResult, Job
from tests.admin.conftest import list_page, row_page
from tests.factories import failure, make_worker, states, submit_job, submit_visits

pytestmark = pytest.mark.django_db


def failed_job(images=1):
    job = submit_job(images)
    worker = make_worker()
    queue.record(worker, [failure(claim, errors.NotAnImage()) for claim in queue.claim(worker, limit=images)])
    return job


def retry(client, *jobs):
    choice = {"action": "retry_failed_images", "_selected_action": [job.pk for job in jobs], "confirmed": "yes"}
    return client.post(list_page(Job), choice, follow=True)


def messages(response):
    return [str(message) for message in response.context["messages"]]


def test_chosen_jobs_are_reopened_with_their_numbers_told(admin_client):
    one, two, untouched = failed_job(3), failed_job(2), failed_job(1)
    response = retry(admin_client, one, two)
    assert messages(response) == ["5 images of 2 jobs will be tried again."]
    assert [states(job) for job in (one, two, untouched)] == [["pending"] * 3, ["pending"] * 2, ["failed"]]


def test_one_image_of_one_job_is_told_in_the_singular(admin_client):
    assert messages(retry(admin_client, failed_job(1))) == ["1 image of 1 job will be tried again."]


def test_a_jobs_own_page_offers_the_retry_too(admin_client):
    job = failed_job(2)
    choice = {"CHANGE_FORM-action": "retry_failed_images", "_selected_action": [job.pk], "confirmed": "yes"}
    response = admin_client.post(row_page(job), choice, follow=True)
    assert messages(response) == ["2 images of 1 job will be tried again."]
    assert states(job) == ["pending", "pending"]


def test_images_of_unknown_stores_are_told_to_stay_failed(admin_client):
    job = submit_visits(("nowhere", ["http://n.test/1", "http://n.test/2"]))
    assert messages(retry(admin_client, job)) == [
        "No image will be tried again.",
        "Left failed, because their store is still unknown: 2.",
    ]


def test_a_job_without_failures_is_left_alone(admin_client):
    job = submit_job(1)
    assert messages(retry(admin_client, job)) == ["No image will be tried again."]
    assert ImageResult.objects.get().generation == 0
    assert not LogEntry.objects.exists()


def test_the_job_keeps_a_log_of_who_retried_it(admin_client, admin_user):
    job = failed_job(2)
    retry(admin_client, job)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.get_change_message()) == (
        admin_user,
        str(job.pk),
        "Retry failed images: 2 images will be tried again.",
    )
    assert (
        "Retry failed images: 2 images will be tried again."
        in admin_client.get(row_page(job).replace("change", "history")).text
    )


def test_who_may_only_look_is_offered_no_retry(client):
    person = User.objects.create_user("viewer", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(person)
    job = failed_job(1)
    assert "retry_failed_images" not in client.get(list_page(Job)).text
    assert "retry_failed_images" not in client.get(row_page(job)).text
    retry(client, job)
    client.post(
        row_page(job), {"CHANGE_FORM-action": "retry_failed_images", "_selected_action": [job.pk], "confirmed": "yes"}
    )
    assert states(job) == ["failed"]


def test_who_may_change_jobs_may_retry_them(client):
    person = User.objects.create_user("operator", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "change_job"]))
    client.force_login(person)
    job = failed_job(1)
    assert messages(retry(client, job)) == ["1 image of 1 job will be tried again."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["list", "job"])
def test_the_engines_are_woken_after_the_commit(admin_client, page):
    job = failed_job(1)
    parameters = {**connection.get_connection_params(), "autocommit": True}
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        if page == "list":
            retry(admin_client, job)
        else:
            choice = {"CHANGE_FORM-action": "retry_failed_images", "_selected_action": [job.pk], "confirmed": "yes"}
            admin_client.post(row_page(job), choice)
        heard = list(listener.notifies(timeout=10, stop_after=1))
    assert [notification.channel for notification in heard] == [CHANNEL]
