"""Is what happens stored with it, once, and for those who ask for it?"""

import json
from datetime import date
from io import BytesIO

import pytest
from django.db import transaction

from insights import alerts
from insights.models import Alert, Refreshed
from jobs import queue
from jobs.models import Job
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from stores.importer import import_stores
from tests.factories import allow, make_staff, submit_job, submit_visits
from tests.insights import alert_visits
from tests.webhooks.conftest import finish, make_endpoint, told
from webhooks import bodies, endpoints, outbox
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryState, DisabledFor, Endpoint, Event
from webhooks.models.event import MOST_BYTES

pytestmark = pytest.mark.django_db

OF_UNKNOWN_STORE = [VisitPayload("unknown", "time of store visit", None, ["http://images.test/1.jpg"])]


def test_a_job_is_told_of_from_its_start_to_its_end_each_event_once(ann):
    endpoint = make_endpoint(ann)
    finish(submit_job(8, owner=ann), limit=1)
    assert told(endpoint) == ["job.started", "job.progress", "job.progress", "job.progress", "job.ended"]
    percents = [json.loads(event.body)["data"].get("percent") for event in Event.objects.order_by("pk")]
    assert percents == [None, 25, 50, 75, None]
    assert len({event.uid for event in Event.objects.all()}) == 5


def test_the_body_says_how_the_job_stands_and_where_it_is(ann):
    make_endpoint(ann, events=["job.ended"])
    job = submit_job(3, owner=ann)
    finish(job, failed=1)
    body = json.loads(Event.objects.get().body)
    assert body["type"] == "job.ended"
    assert body["timestamp"].endswith("Z")
    data = body["data"]
    assert (data["id"], data["state"], data["outcome"], data["progress"]) == (job.pk, "ended", "failed", 1)
    assert data["counts"] == {"total": 3, "pending": 0, "running": 0, "completed": 2, "failed": 1, "canceled": 0}
    assert data["links"] == {"self": f"/api/v1/jobs/{job.pk}"}


def test_what_is_undone_was_never_told(ann):
    make_endpoint(ann)
    submit_job(1, owner=ann)
    with transaction.atomic():
        finish(Job.objects.get())
        assert Event.objects.count() == 2
        transaction.set_rollback(True)
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)


def test_two_owners_never_see_each_others(ann, ben):
    of_ann, of_ben, of_nobody = make_endpoint(ann), make_endpoint(ben), make_endpoint(None)
    job = submit_job(1, owner=ann)
    finish(job)
    assert told(of_ann) == ["job.started", "job.ended"]
    assert (told(of_ben), told(of_nobody)) == ([], [])
    finish(submit_job(1))
    assert (len(told(of_ann)), told(of_ben), told(of_nobody)) == (2, [], ["job.started", "job.ended"])


def test_an_endpoint_of_all_hears_of_everybodys_once(ann):
    chief = make_staff("view_job")
    endpoint = make_endpoint(chief, events=["job.ended"], of_all=True)
    for owner in (ann, chief, None):
        finish(submit_job(1, owner=owner))
    assert told(endpoint) == ["job.ended"] * 3


def test_only_who_may_read_all_jobs_can_be_told_of_all_jobs(ann):
    with pytest.raises(endpoints.Refused, match="may read all jobs"):
        make_endpoint(ann, of_all=True)
    with pytest.raises(endpoints.Refused, match="may read all jobs"):
        make_endpoint(None, of_all=True)


def test_an_endpoint_hears_only_of_what_it_asks_for(ann):
    endpoint = make_endpoint(ann, events=["job.ended", "job.started"])
    finish(submit_job(4, owner=ann), limit=1)
    assert told(endpoint) == ["job.started", "job.ended"]


def test_a_job_that_is_canceled_or_has_only_unknown_stores_is_told_to_have_ended(ann):
    endpoint = make_endpoint(ann)
    queue.cancel(submit_job(1, owner=ann).pk)
    assert told(endpoint) == ["job.ended"]
    submit_visits(("unknown", ["http://images.test/1.jpg"]), owner=ann)
    assert told(endpoint) == ["job.ended"] * 2


def test_a_jobs_own_endpoint_hears_of_this_job_alone(ann):
    made: list[Endpoint] = []

    def stored(job_id):
        made.append(endpoints.add_callback(job_id, ann, "https://receiver.test/once"))

    submit(OF_UNKNOWN_STORE, owner=ann, stored=stored)
    assert told(made[0]) == ["job.ended"]
    finish(submit_job(1, owner=ann))
    assert told(made[0]) == ["job.ended"]
    assert not Endpoint.objects.lasting().exists()


def test_a_job_that_cannot_be_stored_leaves_no_endpoint(ann):
    def fails(job_id):
        endpoints.add_callback(job_id, ann, "https://receiver.test/once")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        submit(OF_UNKNOWN_STORE, owner=ann, stored=fails)
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(("given", "told_as"), [("route-7", "route-7"), ("", None)])
def test_an_event_says_what_its_owner_calls_the_job_as_the_api_does(ann, given, told_as):
    make_endpoint(ann, events=["job.ended", "image.failed"])
    job = submit_job(1, owner=ann)
    Job.objects.filter(pk=job.pk).update(client_reference=given, metadata={"shift": "early"})
    finish(job, failed=1)
    data = {event.type: json.loads(event.body)["data"] for event in Event.objects.all()}
    assert (data["job.ended"]["client_reference"], data["job.ended"]["metadata"]) == (told_as, {"shift": "early"})
    assert data["image.failed"]["job"]["client_reference"] == told_as


def test_failed_images_come_together_and_canceled_ones_not_at_all(ann):
    endpoint = make_endpoint(ann, events=["image.failed"])
    job = submit_job(5, owner=ann)
    finish(job, failed=3)
    data = json.loads(Event.objects.get().body)["data"]
    assert data["job"]["id"] == job.pk
    assert [image["code"] for image in data["images"]] == ["not_an_image"] * 3
    assert data["images"][0]["id"] < data["images"][1]["id"]
    queue.cancel(submit_job(2, owner=ann).pk)
    assert told(endpoint) == ["image.failed"]


@pytest.mark.parametrize(("images", "events"), [(100, [100]), (101, [100, 1])])
def test_an_event_holds_a_hundred_failed_images_at_most(ann, images, events):
    make_endpoint(ann, events=["image.failed"])
    finish(submit_job(images, owner=ann), failed=images)
    bodies_ = [event.body for event in Event.objects.order_by("pk")]
    assert [len(json.loads(body)["data"]["images"]) for body in bodies_] == events
    assert all(len(body.encode()) <= MOST_BYTES for body in bodies_)


def test_a_body_with_too_large_metadata_says_without_them_what_has_happened():
    fits = bodies.body(EventType.JOB_ENDED, {"metadata": {"key": "ж" * 9_000}})
    left_out = bodies.body(EventType.JOB_ENDED, {"id": 1, "metadata": {"key": "ж" * 10_000}})
    assert json.loads(fits)["data"]["metadata"]["key"]
    assert json.loads(left_out)["data"] == {"id": 1, "metadata": None}
    with pytest.raises(ValueError, match="bytes"):
        bodies.body(EventType.JOB_ENDED, {"id": "x" * 20_000})


@pytest.mark.parametrize(
    ("reason", "stored"), [("", "pending"), (DisabledFor.FAILING, "failed"), (DisabledFor.GONE, None), ("person", None)]
)
def test_what_happens_while_an_endpoint_is_disabled_for_failing_is_kept_to_be_replayed(ann, reason, stored):
    endpoint = make_endpoint(ann, events=["job.ended"])
    Endpoint.objects.filter(pk=endpoint.pk).update(disabled_for=reason)
    finish(submit_job(1, owner=ann))
    assert list(Delivery.objects.values_list("state", flat=True)) == ([stored] if stored else [])
    assert Delivery.objects.filter(state=DeliveryState.FAILED, ended_at=None).count() == 0


def test_where_nobody_asks_for_anything_one_statement_says_so(ann, ben, django_assert_num_queries):
    job = submit_job(1, owner=ann)
    reached = [queue.milestones.Reached(job.pk, ann.pk, queue.milestones.Milestone.ENDED)]
    with django_assert_num_queries(1):
        outbox.tell_of_jobs(reached, [])
    make_endpoint(ben)
    with django_assert_num_queries(1):
        outbox.tell_of_jobs(reached, [])


def file_of(*lines):
    return BytesIO("\n".join(["AreaCode,StoreName,StoreID", *lines]).encode())


def test_an_import_that_changes_the_store_master_is_told_and_no_other(ann):
    endpoint = make_endpoint(ann, events=["stores.imported"])
    import_stores(file_of("1,Shop,S-1"), dry_run=True)
    assert told(endpoint) == []
    import_stores(file_of("1,Shop,S-1", "1,Other,S-2"))
    assert json.loads(Event.objects.get().body)["data"]["new"] == 2
    import_stores(file_of("1,Shop,S-1"))
    assert told(endpoint) == ["stores.imported"]


def alert(owner_id=None, *, of_all):
    day = date(2026, 3, 1)
    about = {"rule": "overdue", "kind": "area", "subject": "A-1", "seen": 1, "says": "Something."}
    return Alert(pk=7, of_all=of_all, owner_id=owner_id, since=day, until=day, **about)


def test_alerts_reach_those_who_may_read_what_they_are_of(ann, ben):
    chief = make_staff("view_job")
    of_chief, of_ann, of_ben = (make_endpoint(user, events=["alert.opened"]) for user in (chief, ann, ben))
    everybodys, anns = alert(of_all=True), alert(ann.pk, of_all=False)
    outbox.tell_of_alerts([everybodys])
    assert (told(of_chief), told(of_ann), told(of_ben)) == (["alert.opened"], [], [])
    outbox.tell_of_alerts([anns])
    assert (told(of_chief), told(of_ann), told(of_ben)) == (["alert.opened"], ["alert.opened"], [])
    assert outbox.tell_of_alerts in alerts.listeners
    allow(ben, "view_job")
    outbox.tell_of_alerts([everybodys])
    assert told(of_ben) == []  # of no staff


def test_many_alerts_of_one_audience_look_for_endpoints_once(ann, django_assert_max_num_queries):
    endpoint = make_endpoint(ann, events=["alert.opened"])
    many = [alert(ann.pk, of_all=False) for _ in range(20)]
    # A look, the events and their deliveries.
    with django_assert_max_num_queries(3):
        outbox.tell_of_alerts(many)
    assert told(endpoint) == ["alert.opened"] * 20


def test_an_alert_is_told_when_it_is_opened_and_not_while_it_goes_on():
    Refreshed.objects.create(pk=1, mark=alert_visits.NOW)
    alert_visits.make_areas("HILL")
    alert_visits.usual_visits("HILL", few=range(1, 15))
    endpoint = make_endpoint(make_staff("view_job"), events=["alert.opened"])
    for _ in range(2):
        assert alerts.evaluate(alert_visits.NOW) == 1
    assert told(endpoint) == ["alert.opened"]
    data = json.loads(Event.objects.get().body)["data"]
    opened = Alert.objects.get()
    assert (data["id"], data["says"], data["of_all_jobs"]) == (opened.pk, opened.says, True)
