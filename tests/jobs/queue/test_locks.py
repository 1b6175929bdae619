"""What two engines do to the same rows at the same moment."""

import pytest
from django.db import transaction

from jobs import queue
from jobs.models import ImageResult, Job
from tests.factories import make_worker, submit_job, success
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_rescues_what_is_being_recorded():
    job = submit_job(1)
    worker = make_worker()  # nobody holds its lock, so to a rescue it is dead
    claims = queue.claim(worker, limit=1)
    with transaction.atomic():
        recorded = queue.record(worker, [success(claims[0])])
        rescued = Concurrent(queue.rescue).ended()
    assert (recorded.written, rescued.released) == (1, 0)
    assert Job.objects.get(pk=job.pk).status == "completed"


def test_what_is_rescued_first_is_not_recorded(other):
    submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    # As a rescue in the midst of its transaction has it.
    other.execute("UPDATE jobs_imageresult SET state = 'pending', claimed_by = NULL, crashes = 1")
    recording = Concurrent(lambda: queue.record(worker, [success(claim)]))
    wait_for(blocked)
    other.commit()
    assert recording.ended().fenced == [claim]
    assert ImageResult.objects.get().state == "pending"


def test_two_recorders_of_one_job_count_every_image():
    job = submit_job(2)
    workers = [make_worker(), make_worker()]
    claims = [queue.claim(worker, limit=1)[0] for worker in workers]
    with transaction.atomic():
        queue.record(workers[0], [success(claims[0])])
        second = Concurrent(lambda: queue.record(workers[1], [success(claims[1])]))
        wait_for(blocked)
    assert second.ended().finished_jobs == [job.pk]
    job.refresh_from_db()
    assert (job.completed, job.status) == (2, "completed")


def test_a_claim_passes_over_what_another_one_is_claiming(other):
    submit_job(3)
    first = ImageResult.objects.order_by("rank", "id").values_list("id", flat=True)[0]
    other.execute("SELECT FROM jobs_imageresult WHERE id = %s FOR UPDATE", [first])
    worker = make_worker()
    claims = Concurrent(lambda: queue.claim(worker, limit=2)).ended()
    assert len(claims) == 2
    assert first not in [claim.image_id for claim in claims]


def test_a_recorder_that_waits_for_its_job_holds_no_image(other):
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=2)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR UPDATE", [job.pk])
    recording = Concurrent(lambda: queue.record(worker, [success(claim) for claim in reversed(claims)]))
    wait_for(blocked)
    # So nobody who has the job waits for the recorder.
    other.execute("SELECT FROM jobs_imageresult WHERE job_id = %s FOR UPDATE NOWAIT", [job.pk])
    other.commit()
    assert recording.ended().written == 2


def test_jobs_are_locked_in_the_order_of_their_ids(other):
    jobs = [submit_job(1), submit_job(1)]
    worker = make_worker()
    claims = queue.claim(worker, limit=2)
    low, high = sorted(job.pk for job in jobs)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR UPDATE", [low])
    recording = Concurrent(lambda: queue.record(worker, [success(claim) for claim in reversed(claims)]))
    wait_for(blocked)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR UPDATE NOWAIT", [high])
    other.commit()
    assert sorted(recording.ended().finished_jobs) == [low, high]
