"""Do the statements of every second read only what is due, whatever the statistics say?"""

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from jobs.models import Job
from tests.factories import submit_job
from tests.jobs.reporting.test_audit_plans import rows_read
from tests.webhooks.conftest import finish, make_endpoint
from webhooks import claims, gauges, outbox
from webhooks.models import Delivery, DeliveryState, DisabledFor, Endpoint, Event

TABLES = ["webhooks_endpoint", "webhooks_event", "webhooks_delivery", "webhooks_attempt"]
# Delivered, failed and waiting for their next attempt, of each endpoint.
DELIVERIES = 300


def read(statement, given):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", given)
        ((found,),) = cursor
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return sum(rows_read(plan["Plan"]))


@pytest.fixture
def backlog(transactional_db, ann_and_ben):
    """Two endpoints with a long log, and much that is not due yet; of the first, three deliveries are due."""
    first, second = (make_endpoint(user) for user in ann_and_ben)
    events = Event.objects.bulk_create(
        Event(uid=f"evt_{number}", type="job.ended", body="{}") for number in range(3 * DELIVERIES)
    )
    later = Now() + timedelta(hours=1)
    for endpoint in (first, second):
        Delivery.objects.bulk_create(
            Delivery(event=event, endpoint=endpoint, state=list(DeliveryState)[number % 3], due_at=later)
            for number, event in enumerate(events)
        )
    pending = Delivery.objects.pending().filter(endpoint=first).order_by("pk").values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(pending[:3])).update(due_at=Now() - timedelta(minutes=1))
    # In one transaction with what is asked then, lest autovacuum counts the rows in between.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM pg_statistic WHERE starelid = ANY (%s::regclass[])", [TABLES])
            cursor.execute("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE oid = ANY (%s::regclass[])", [TABLES])
        yield first, second
        transaction.set_rollback(True)


@pytest.fixture
def ann_and_ben(ann, ben):
    return ann, ben


def test_a_look_reads_only_what_is_due(backlog):
    ids = [endpoint.pk for endpoint in backlog]
    assert claims.pending_endpoints(0, 10) == ids
    # Each endpoint, the three that are due, and what their minimum and number are made of.
    assert read(claims._LOOK, {"endpoints": ids}) <= 20
    (due,), _ = claims.look(0, {})
    assert (due.endpoint_id, due.number) == (ids[0], 3)


def test_a_claim_reads_only_what_it_takes(backlog):
    ids = [endpoint.pk for endpoint in backlog]
    given = {"endpoints": ids, "numbers": [2, 2], "sender": 1, "lease": 45}
    assert read(claims._CLAIM, given) <= 20


def test_the_endpoints_with_something_pending_cost_a_step_each(backlog):
    statement = claims.pending_endpoints.statement
    assert read(statement.sql, statement.bound({"after": 0, "limit": 100})) <= 20


def test_gauges_read_no_more_than_they_count(backlog):
    # Ten pending and ten failed ones, and what their numbers are made of.
    assert read(gauges._UNDELIVERED, {"most": 10}) <= 50


def test_who_asks_is_found_by_the_indexes(transactional_db, ann, ben):
    for _ in range(5):
        make_endpoint(ann)
    disabled = make_endpoint(ben)
    Endpoint.objects.bulk_create(
        Endpoint(owner=ben, url=disabled.url, events=["job.ended"], secret="x", disabled_for=DisabledFor.GONE)
        for _ in range(500)
    )
    job = submit_job(1, owner=ann)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM pg_statistic WHERE starelid = ANY (%s::regclass[])", [TABLES])
            cursor.execute("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE oid = ANY (%s::regclass[])", [TABLES])
        given = [f"{{job:{job.pk},owner:{ann.pk},all}}", "{job.ended}"]
        # The five, each twice: where they are, and what they are.
        assert read(outbox._WHO_ASKS, given) <= 10
        transaction.set_rollback(True)
    finish(Job.objects.get())
