"""Does an audit find an event that was lost?"""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from jobs.models import Job
from tests.factories import submit_job
from tests.jobs.reporting.auditing import broken
from tests.webhooks.conftest import URL, finish, make_endpoint, send_due
from webhooks import endpoints
from webhooks.models import Delivery, DisabledFor, Endpoint, Event

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_told_and_delivered_is_clean(receiver, ann):
    make_endpoint(ann, f"{receiver.url}/hook")
    receiver.answer("/hook", 500)
    finish(submit_job(3, owner=ann), failed=1)
    send_due()
    assert broken() == {}


def test_a_job_whose_own_endpoint_was_never_told_of_its_end_is_found(ann):
    job = submit_job(1, owner=ann)
    endpoint = endpoints.add_callback(job.pk, ann, URL)
    finish(job)
    assert broken() == {}
    Delivery.objects.all().delete()
    Event.objects.all().delete()
    assert broken() == {"told": 1}
    endpoints.disable(endpoint)
    assert broken() == {}


def test_a_job_of_which_a_lasting_endpoint_was_never_told_is_found(ann, ben):
    endpoint = make_endpoint(ann, events=["job.ended"])
    make_endpoint(ann, events=["job.ended"])
    make_endpoint(ben, events=["job.ended"])
    make_endpoint(ann, events=["job.started"])
    finish(submit_job(1, owner=ann))
    Endpoint.objects.update(asks_since=Now() - timedelta(hours=1))
    assert broken() == {}
    Delivery.objects.filter(endpoint=endpoint).delete()
    assert broken() == {"told": 1}
    # Of what ended before it asked, or too long ago, nothing is expected.
    Endpoint.objects.update(asks_since=Now())
    assert broken() == {}
    Endpoint.objects.update(asks_since=Now() - timedelta(days=9))
    Job.objects.update(finished_at=Now() - timedelta(days=6))
    assert broken() == {}


def test_what_happened_while_it_was_disabled_for_failing_is_expected_too(ann):
    endpoint = make_endpoint(ann, events=["job.ended"])
    Endpoint.objects.update(asks_since=Now() - timedelta(hours=1), disabled_for=DisabledFor.FAILING)
    finish(submit_job(1, owner=ann))
    assert broken() == {}
    Delivery.objects.filter(endpoint=endpoint).delete()
    assert broken() == {"told": 1}


@pytest.mark.parametrize("wrong", [{"state": "delivered"}, {"state": "failed"}, {"ended_at": Now()}])
def test_a_delivery_whose_state_is_contradicted_is_found(ann, wrong):
    endpoints.send_test(make_endpoint(ann))
    Delivery.objects.update(**wrong)
    assert broken() == {"deliveries": 1}
