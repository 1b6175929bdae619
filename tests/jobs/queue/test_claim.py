"""Who gets which image, and in which order."""

import ast
import re
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from jobs import queue
from jobs.models import ImageResult, Worker
from jobs.queue.worker import _hold as hold
from tests.factories import make_worker, ready, submit_job

pytestmark = pytest.mark.django_db


def test_a_claim_marks_the_row_and_raises_the_claim_number():
    job = submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=10)
    row = ImageResult.objects.get(job=job)
    assert (row.state, row.claimed_by, row.claim_no) == ("running", worker, 1)
    assert (claim.image_id, claim.job_id, claim.claim_no, claim.attempt, claim.url) == (row.pk, job.pk, 1, 1, row.url)


def test_no_image_is_claimed_twice():
    submit_job(3)
    assert len(queue.claim(make_worker(), limit=2)) == 2
    assert len(queue.claim(make_worker(), limit=2)) == 1
    assert queue.claim(make_worker(), limit=2) == []


def test_exactly_the_limit_is_claimed():
    submit_job(5)
    assert len(queue.claim(make_worker(), limit=4)) == 4


def test_images_of_one_job_are_claimed_in_submission_order():
    submit_job(5)
    claims = queue.claim(make_worker(), limit=5)
    assert [claim.image_id for claim in claims] == sorted(claim.image_id for claim in claims)


def test_a_small_job_does_not_wait_for_the_large_one_before_it():
    submit_job(100)
    small = submit_job(3)
    claims = queue.claim(make_worker(), limit=10)
    assert [claim.job_id for claim in claims].count(small.pk) == 3


def test_priority_goes_first():
    submit_job(20)
    urgent = submit_job(2, priority=1)
    claims = queue.claim(make_worker(), limit=2)
    assert [claim.job_id for claim in claims] == [urgent.pk, urgent.pk]


def test_a_worker_declared_dead_gets_nothing():
    submit_job(1)
    worker = make_worker()
    Worker.objects.all().delete()
    with pytest.raises(queue.WorkerGone):
        queue.claim(worker, limit=1)
    assert ready() == 1


def test_a_waiting_or_held_image_is_not_claimed():
    job = submit_job(2)
    first, second = ImageResult.objects.filter(job=job).order_by("id")
    ImageResult.objects.filter(pk=first.pk).update(held=True)
    ImageResult.objects.filter(pk=second.pk).update(run_after=queue.database_now())
    assert queue.claim(make_worker(), limit=5) == []


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_share_the_images_without_an_overlap():
    submit_job(60)
    workers = [make_worker() for _ in range(4)]
    claimed: list[int] = []

    def take(worker: int) -> None:
        try:
            while claims := queue.claim(worker, limit=4):
                claimed.extend(claim.image_id for claim in claims)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 60


@pytest.mark.django_db(transaction=True)
def test_a_rescue_cannot_pass_a_claim_in_the_making():
    submit_job(1)
    worker = make_worker()  # nobody holds its lock, so to a rescue it is dead
    with transaction.atomic():
        hold(worker)
        rescued: list[queue.Rescued] = []
        thread = threading.Thread(target=lambda: (rescued.append(queue.rescue()), connection.close()))
        thread.start()
        thread.join(timeout=30)
    assert [found.workers for found in rescued] == [[]]
    assert queue.rescue().workers == [worker]


def test_no_statement_of_the_queue_is_written_by_hand():
    """How moves become SQL is the business of `jobs/models/`."""
    for path in Path(queue.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(
                    r"\b(SELECT|UPDATE|INSERT INTO|DELETE FROM|LOCK TABLE|SET LOCAL)\s+\w", node.value
                ), f"{path.name}: {node.value}"
