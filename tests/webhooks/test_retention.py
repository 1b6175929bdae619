"""Is what is old deleted, slice by slice, and nothing else?"""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from jobs import deletion, queue
from jobs.deletion import slices
from jobs.engine.companion import companions
from tests.factories import make_worker, submit_job
from tests.webhooks.conftest import URL, finish, make_endpoint, send_due
from webhooks import endpoints, retention
from webhooks.models import Attempt, Delivery, Endpoint, Event
from webhooks.retention import Forgetter

pytestmark = pytest.mark.django_db


def forget(days=30):
    for _ in retention.slices(timezone.now() - timedelta(days=days)):
        """Each is a transaction."""


def rows():
    return Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()


def test_old_events_go_with_all_that_became_of_them(receiver, ann, monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 2)
    endpoint = make_endpoint(ann, f"{receiver.url}/hook")
    for _ in range(5):
        endpoints.send_test(endpoint)
    send_due()
    assert rows() == (5, 5, 5)
    forget()
    assert rows() == (5, 5, 5)
    newest = Event.objects.latest("pk")
    Event.objects.exclude(pk=newest.pk).update(created_at=Now() - timedelta(days=31))
    forget()
    assert rows() == (1, 1, 1)
    assert Event.objects.get() == newest


def test_a_deleted_endpoint_goes_with_its_log(receiver, ann, ben, monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 2)
    gone, kept = make_endpoint(ann, f"{receiver.url}/a"), make_endpoint(ben, f"{receiver.url}/b")
    for endpoint in (gone, gone, gone, kept):
        endpoints.send_test(endpoint)
    send_due()
    endpoints.delete(gone)
    forget()
    assert list(Endpoint.with_deleted.all()) == [kept]
    assert Delivery.objects.get().endpoint == kept
    assert Attempt.objects.count() == 1


def test_what_waits_for_an_endpoint_that_is_disabled_fails(ann, ben, monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 2)
    disabled, other = make_endpoint(ann), make_endpoint(ben)
    for endpoint in (*[disabled] * 5, other):
        endpoints.send_test(endpoint)
    endpoints.disable(disabled)
    forget()
    assert Delivery.objects.failed().filter(endpoint=disabled, ended_at__isnull=False).count() == 5
    assert Delivery.objects.pending().get().endpoint == other


def test_what_is_being_sent_at_this_moment_is_left_alone(ann):
    endpoint = make_endpoint(ann)
    endpoints.send_test(endpoint)
    Delivery.objects.update(sender_id=make_worker(), due_at=Now() + timedelta(seconds=30))
    endpoints.disable(endpoint)
    forget()
    assert Delivery.objects.pending().count() == 1


def test_a_job_takes_its_events_and_its_own_endpoint_with_it(ann, monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    monkeypatch.setattr(slices, "MOST_ROWS", 2)
    make_endpoint(ann)
    gone, kept = submit_job(1, owner=ann), submit_job(1, owner=ann)
    for job in (gone, kept):
        endpoints.add_callback(job.pk, ann, URL)
        finish(job)
    deletion.mark(gone.pk, ann)
    while deletion.delete_slice(wait=True):
        """Until nothing is left."""
    assert set(Event.objects.values_list("job_id", flat=True)) == {kept.pk}
    assert set(Delivery.objects.values_list("event__job_id", flat=True)) == {kept.pk}
    assert Endpoint.objects.get(job_id__isnull=False).job_id == kept.pk


def test_a_jobs_own_endpoint_goes_once_nothing_of_it_is_left_in_the_log(receiver, ann):
    job, ongoing = submit_job(1, owner=ann), submit_job(1, owner=ann)
    for each in (job, ongoing):
        endpoints.add_callback(each.pk, ann, f"{receiver.url}/hook")
    queue.cancel(job.pk)
    send_due()
    forget()
    assert Endpoint.objects.count() == 2
    Endpoint.objects.update(created_at=Now() - timedelta(days=40))
    forget()
    assert Endpoint.objects.count() == 2
    type(job).objects.filter(pk=job.pk).update(finished_at=Now() - timedelta(days=31))
    Event.objects.update(created_at=Now() - timedelta(days=31))
    forget()
    assert Endpoint.objects.get().job_id == ongoing.pk


@pytest.mark.django_db(transaction=True)
def test_an_engine_deletes_after_the_days_of_the_settings(ann, settings):
    assert Forgetter in companions
    make_endpoint(ann)
    finish(submit_job(1, owner=ann))
    Event.objects.update(created_at=Now() - timedelta(days=10))
    Forgetter(make_worker()).look()
    assert Event.objects.exists()
    settings.WEBHOOK_LOG_DAYS = 9
    Forgetter(make_worker()).look()
    assert not Event.objects.exists()
