"""Which jobs are deleted, at one instant for every reader, and what is kept of them?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs import actions, deletion, queue
from jobs.deletion import slices
from jobs.models import DeletedJob, IdempotencyKey, Job
from jobs.queue import NotPossible, database_now
from jobs.submission import submit as submit_module
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import IdempotencyToken, submit
from tests.factories import look, make_worker, states, submit_job, success
from tests.jobs.deletion.conftest import age, ended_job, left
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def mark_old(days, most=100):
    before = database_now() - timedelta(days=days)
    return [job.job_id for job in deletion.mark_old(before, DeletedJob.Cause.RETENTION, most)]


def test_a_deleted_job_is_on_record_with_what_it_was():
    anna = User.objects.create_user("anna")
    job = ended_job(completed=2, failed=1, owner=anna)
    actions.delete(job.pk, anna)
    record = DeletedJob.objects.get()
    assert (record.job_id, record.owner_name, record.total, record.completed, record.failed) == (
        job.pk, "anna", 3, 2, 1,
    )  # fmt: skip
    assert (record.cause, record.user, record.user_name, record.gone_at) == ("request", anna, "anna", None)
    assert (record.submitted_at, record.ended_at) == (job.created_at, job.finished_at)
    assert record.deleted_at > record.ended_at
    deletion.delete_slice(wait=True)
    anna.delete()
    record.refresh_from_db()
    assert (record.user, record.user_name) == (None, "anna")
    assert record.gone_at > record.deleted_at


@pytest.mark.parametrize("prepare", [lambda job: None, lambda job: queue.pause(job.pk)], ids=["queued", "paused"])
def test_a_job_that_has_not_ended_is_refused_with_the_cure(prepare):
    job = submit_job(2)
    prepare(job)
    with pytest.raises(NotPossible, match=rf"Job {job.pk} has not ended, so it cannot be deleted; cancel it first\."):
        deletion.mark(job.pk, None)
    assert not look(job).is_deleted
    assert not DeletedJob.objects.exists()


def test_a_canceled_job_is_refused_until_its_images_in_flight_have_ended():
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.cancel(job.pk)
    with pytest.raises(NotPossible, match="wait until its images in flight have ended"):
        deletion.mark(job.pk, None)
    queue.record(worker, [success(claim) for claim in claims])
    assert deletion.mark(job.pk, None).total == 2


def test_nobody_finds_a_job_once_it_is_deleted():
    job = ended_job()
    deletion.mark(job.pk, None)
    assert not Job.objects.filter(pk=job.pk).exists()
    assert left(job) == 3
    for act in (deletion.mark, queue.retry, queue.cancel, queue.pause):
        with pytest.raises(Job.DoesNotExist):
            act(job.pk, *([None] if act is deletion.mark else []))


def test_of_two_who_delete_a_job_at_once_one_finds_it_gone(other):
    job = ended_job()
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])

    def delete():
        try:
            return deletion.mark(job.pk, None)
        except Job.DoesNotExist:
            return None

    deleting = [Concurrent(delete), Concurrent(delete)]
    wait_for(blocked)
    other.commit()
    assert sorted(each.ended() is None for each in deleting) == [False, True]
    assert DeletedJob.objects.count() == 1


def test_a_retry_that_comes_too_late_finds_no_job_and_changes_no_image(other):
    job = ended_job(completed=1, failed=2)
    other.execute("UPDATE jobs_job SET is_deleted = true WHERE id = %s", [job.pk])

    def retry():
        try:
            return queue.retry(job.pk)
        except Job.DoesNotExist:
            return "gone"

    retrying = Concurrent(retry)
    wait_for(blocked)
    other.commit()
    assert retrying.ended() == "gone"
    assert states(job) == ["completed", "failed", "failed"]


def test_a_deletion_that_comes_behind_a_retry_is_refused(other):
    job = ended_job(completed=1, failed=1)
    other.execute("UPDATE jobs_job SET status = 'ongoing', finished_at = NULL, failed = 0 WHERE id = %s", [job.pk])

    def delete():
        try:
            return deletion.mark(job.pk, None)
        except NotPossible:
            return "refused"

    deleting = Concurrent(delete)
    wait_for(blocked)
    other.commit()
    assert deleting.ended() == "refused"


def test_old_jobs_are_those_that_ended_long_ago_the_oldest_first():
    young, old, oldest = ended_job(days_ago=89), ended_job(days_ago=91), ended_job(days_ago=400)
    age(submit_job(2), 500)
    assert mark_old(90, most=1) == [oldest.pk]
    assert mark_old(90) == [old.pk]
    assert mark_old(90) == []
    assert Job.objects.ended().get() == young
    assert {job.cause for job in DeletedJob.objects.all()} == {"retention"}


def test_an_old_job_that_somebody_is_at_is_passed_over(other):
    free, busy = ended_job(days_ago=100), ended_job(days_ago=101)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [busy.pk])
    assert Concurrent(lambda: mark_old(90)).ended() == [free.pk]
    other.commit()
    assert mark_old(90) == [busy.pk]


def test_a_retry_makes_an_old_job_young():
    job = ended_job(completed=0, failed=1, days_ago=100)
    queue.retry(job.pk)
    assert mark_old(90) == []
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    assert mark_old(90) == []


def test_the_key_of_a_deleted_job_submits_a_new_one():
    token = IdempotencyToken("route-7", "0" * 64)
    visits = [VisitPayload("unknown", "today", None, ["http://images.test/1.jpg"])]
    first = submit(visits, idempotency=token)
    assert submit(visits, idempotency=token) == type(first)(first.job_id, replayed=True)
    deletion.mark(first.job_id, None)
    assert not IdempotencyKey.objects.exists()
    again = submit(visits, idempotency=token)
    assert not again.replayed
    assert again.job_id != first.job_id


def test_a_submission_whose_job_is_deleted_before_it_can_be_found_is_a_new_one(monkeypatch):
    token = IdempotencyToken("route-7", "0" * 64)
    visits = [VisitPayload("unknown", "today", None, ["http://images.test/1.jpg"])]
    first, find = submit(visits, idempotency=token), submit_module._find

    def find_behind_a_deletion(*arguments):
        if Job.objects.filter(pk=first.job_id).exists():
            deletion.mark(first.job_id, None)
        return find(*arguments)

    monkeypatch.setattr(submit_module, "_find", find_behind_a_deletion)
    again = submit(visits, idempotency=token)
    assert not again.replayed
    assert Job.objects.get().pk == again.job_id == IdempotencyKey.objects.get().job_id
    assert submit(visits, idempotency=token) == type(first)(again.job_id, replayed=True)


def test_old_jobs_are_found_by_an_index(monkeypatch):
    ended_job(days_ago=100)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        old = deletion.old_jobs(database_now()).order_by("finished_at", "pk")[:10]
        assert "job_finished" in old.explain()
        cursor.execute(f"EXPLAIN {slices._DUE}", {"grace": 0, "jobs": 10})
        assert "job_deleted" in str(cursor.fetchall())
        cursor.execute("RESET enable_seqscan")


def test_a_slice_reads_the_records_of_its_jobs_and_not_of_all_that_were_ever_deleted():
    with connection.cursor() as cursor:
        # Whatever else the planner prefers.
        cursor.execute("SET enable_nestloop = off")
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {slices._DUE}", {"grace": 0, "jobs": 10})
        plan = "\n".join(row for (row,) in cursor.fetchall())
        cursor.execute("RESET enable_nestloop")
        cursor.execute("RESET enable_seqscan")
    assert "Nested Loop" in plan
    assert "Index Cond: (job_id = job.id)" in plan
