"""Under `stop_store`: never two images of a store at once, whatever people and engines do to the job."""

import random
from dataclasses import replace

import pytest
from django.db import connection
from django.db.models import Count, Q

from jobs import errors, queue
from jobs.imaging.host import Blame
from jobs.models import ImageFilter, ImageResult, Job, Visit
from jobs.queue import completion
from jobs.reporting.audit import audit
from jobs.states import ImageState, OnError
from tests.factories import failure, make_stores, make_worker, submit_job, submit_visits, success

ACTIVE = Q(state=ImageState.RUNNING) | Q(state=ImageState.PENDING, held=False)
RESULTS = {"good": success, "bad": lambda claim: failure(claim, errors.NotAnImage())}


def active(job):
    """How many images of each store are on their way, by store."""
    images = ImageResult.objects.filter(ACTIVE, job=job).values_list("visit__store_id")
    return dict(images.annotate(number=Count("pk")))


def claim_and_record(worker, result):
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [RESULTS[result](claim)])
    return claim.image_id


@pytest.mark.django_db
def test_a_retry_while_an_image_is_in_flight_makes_the_others_wait():
    job, worker = submit_job(3, on_error=OnError.STOP_STORE), make_worker()
    claim_and_record(worker, "bad")
    assert queue.retry(job.pk, ImageFilter(code="skipped")).reopened == 2
    (claim,) = queue.claim(worker, limit=5)
    assert queue.retry(job.pk).reopened == 1
    assert queue.claim(worker, limit=5) == []
    queue.record(worker, [success(claim)])
    assert len(queue.claim(worker, limit=5)) == 1


@pytest.mark.django_db
def test_a_second_retry_while_the_first_waits_makes_the_others_wait():
    job, worker = submit_job(3, on_error=OnError.STOP_STORE), make_worker()
    claim_and_record(worker, "bad")
    queue.retry(job.pk, ImageFilter(code="skipped"))
    queue.retry(job.pk)
    assert active(job) == {"T-1": 1}


@pytest.mark.django_db
def test_a_resume_after_a_retry_goes_on_with_the_image_in_flight():
    job, worker = submit_job(3, on_error=OnError.STOP_STORE), make_worker()
    claim_and_record(worker, "bad")
    queue.retry(job.pk, ImageFilter(code="skipped"))
    (claim,) = queue.claim(worker, limit=1)
    queue.retry(job.pk)
    queue.pause(job.pk)
    queue.resume(job.pk)
    assert queue.claim(worker, limit=5) == []
    queue.record(worker, [success(claim)])
    assert active(job) == {"T-1": 1}


@pytest.mark.django_db
def test_after_its_last_visit_a_store_goes_back_to_what_was_retried_before_it():
    make_stores("A")
    job, worker = (
        submit_visits(("A", ["http://a/1"]), ("A", ["http://a/2"]), on_error=OnError.STOP_STORE),
        make_worker(),
    )
    first = claim_and_record(worker, "bad")
    queue.retry(job.pk, ImageFilter(code="skipped"))
    (claim,) = queue.claim(worker, limit=1)
    queue.retry(job.pk)
    queue.record(worker, [success(claim)])
    (claim,) = queue.claim(worker, limit=1)
    assert claim.image_id == first


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_a_store_has_one_image_on_its_way(seed, settings):
    settings.BACKOFF_BASE_SECONDS, settings.MAX_ATTEMPTS, settings.MAX_CRASHES = 0, 2, 2
    chance = random.Random(seed)
    make_stores("A", "B", "C")
    urls = ["http://i.test/1", "http://i.test/2"]
    job = submit_visits(*[(store, urls) for store in "ABCABBA"], on_error=OnError.STOP_STORE)
    worker, claims = make_worker(), []

    def record(outcome):
        if claims:
            claim = claims.pop(chance.randrange(len(claims)))
            queue.record(worker, [outcome(claim)])

    def release():
        if claims:
            queue.release(worker, [claims.pop()])

    def crash():
        nonlocal worker
        claims.clear()
        queue.rescue()  # nobody holds the worker's lock
        worker = make_worker()

    def retry(code=None):
        queue.retry(job.pk, ImageFilter(code=code))

    moves = [
        *[lambda: claims.extend(queue.claim(worker, limit=chance.randint(1, 3)))] * 4,
        *[lambda: record(success)] * 3,
        lambda: record(lambda claim: failure(claim, errors.NotAnImage())),
        lambda: record(lambda claim: failure(claim, errors.ReadTimeout())),
        *[queue.promote, release, crash, retry],
        *[lambda: retry("skipped"), lambda: retry("not_an_image"), lambda: retry("canceled")],
        *[lambda: queue.pause(job.pk), lambda: queue.resume(job.pk), lambda: queue.cancel(job.pk)],
        lambda: queue.prioritize(job.pk, chance.randint(-9, 9)),
    ]
    for _ in range(60):
        try:
            chance.choice(moves)()
        except queue.NotPossible:
            continue
        on_their_way = active(job)
        assert set(on_their_way.values()) <= {1}
        if Job.objects.get(pk=job.pk).paused_at is None:
            waiting = ImageResult.objects.held().filter(job=job).values_list("visit__store_id", flat=True)
            assert set(waiting) <= on_their_way.keys()
    queue.rescue()
    assert audit().is_clean


def statements(captured):
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in captured if not query["sql"].startswith(control)]


@pytest.mark.django_db(transaction=True)
def test_a_batch_takes_nine_statements_whatever_it_holds(django_assert_max_num_queries, settings):
    settings.BACKOFF_BASE_SECONDS = 0
    chance = random.Random(1)
    stores = [f"S-{number}" for number in range(60)]
    make_stores(*stores)
    for on_error in OnError:
        for number in range(4):
            submit_visits(*[(store, [f"http://{number}.test/{store}"] * 2) for store in stores], on_error=on_error)
        # Those that end with this batch.
        for number in range(4):
            submit_job([f"http://{number}.test/last"], on_error=on_error)
    worker = make_worker()
    claims = queue.claim(worker, limit=900)
    jobs = list(Job.objects.order_by("pk"))
    queue.pause(jobs[0].pk)
    queue.pause(jobs[9].pk)
    queue.cancel(jobs[1].pk)
    queue.cancel(jobs[10].pk)
    bad = [errors.NotAnImage(), errors.ReadTimeout(), errors.HTTPStatus(404)]
    outcomes = [success(claim) if chance.random() < 0.5 else failure(claim, chance.choice(bad)) for claim in claims]
    refused = [failure(claim, errors.HTTPStatus(503)) for claim in claims[:20]]
    outcomes[:20] = [replace(each, blame=Blame(each.claim.host, is_paused=True)) for each in refused]
    with django_assert_max_num_queries(100) as captured:
        recorded = queue.record(worker, outcomes)
    assert recorded.written == len(claims) > 500
    assert len(recorded.finished_jobs) >= 2
    # Eight, and a look for who is to be told of it.
    assert len(statements(captured.captured_queries)) <= 8 + 1
    assert audit().is_clean


@pytest.mark.django_db
def test_what_most_batches_hold_takes_four_statements(django_assert_max_num_queries):
    submit_job(20)
    worker = make_worker()
    claims = queue.claim(worker, limit=10)
    with django_assert_max_num_queries(100) as captured:
        queue.record(worker, [success(claim) for claim in claims])
    assert len(statements(captured.captured_queries)) <= 4


def rows_read(node):
    """How many rows the nodes of a plan met in all."""
    met = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return met + sum(map(rows_read, node.get("Plans", [])))


@pytest.mark.django_db
@pytest.mark.parametrize("visits", [1, 6_000])
@pytest.mark.parametrize("analyzed", ["never", "when empty", "now", "so that a bitmap is preferred"])
def test_the_next_image_is_found_without_reading_the_others(visits, analyzed):
    make_stores("A")
    urls = [f"http://a/{number}" for number in range(6_000 // visits)]
    with connection.cursor() as cursor:
        if analyzed == "when empty":
            cursor.execute("ANALYZE jobs_imageresult, jobs_visit")
        job = submit_visits(*[("A", urls)] * visits, on_error=OnError.STOP_STORE)
        if analyzed == "now":
            cursor.execute("ANALYZE jobs_imageresult, jobs_visit")
        if analyzed == "so that a bitmap is preferred":
            # As where the planner expects to find next to nothing, by chance.
            for other in ("indexscan", "indexonlyscan", "seqscan"):
                cursor.execute(f"SET LOCAL enable_{other} = off")
        # As whoever moves images does first.
        completion.lock_jobs([job.pk])
        first, second = ImageResult.objects.order_by("id")[:2]
        find = completion._release_next
        given = {"row": find._select.holding([{"visit_id": first.visit_id, "job_id": job.pk}])}
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {find.statement.sql}", find.statement.bound(given))
        plan = cursor.fetchone()[0][0]["Plan"]
    assert list(ImageResult.objects.filter(ACTIVE).order_by("id").values_list("id", flat=True)) == [first.pk, second.pk]
    assert rows_read(plan) < 40
    assert Visit.objects.count() == visits
