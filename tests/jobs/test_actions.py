"""What people do to jobs is recorded in the job's history, and wakes the engine."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, SerializationFailure

from jobs import actions, errors, queue
from jobs.models import ImageFilter, Job, JobAction
from tests.factories import KNOWN_STORE, failure, make_stores, make_worker, submit_job, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return User.objects.create_user("anna")


def fail(job, *found):
    worker = make_worker()
    claims = queue.claim(worker, limit=len(found))
    queue.record(worker, [failure(claim, error) for claim, error in zip(claims, found, strict=True)])


def history():
    return list(JobAction.objects.order_by("pk").values_list("verb", "user_name", "images", "parameters"))


def test_every_action_is_recorded_with_who_did_it(anna):
    job = submit_job(2)
    actions.pause(job.pk, anna)
    actions.prioritize(job.pk, 3, anna)
    actions.resume(job.pk, AnonymousUser())
    actions.cancel(job.pk, None)
    actions.retry(job.pk, anna, ImageFilter(code="canceled"), only_retryable=True)
    assert history() == [
        ("pause", "anna", 2, {}),
        ("prioritize", "anna", 2, {"priority": 3}),
        ("resume", "", 2, {}),
        ("cancel", "", 2, {}),
        ("retry", "anna", 2, {"code": "canceled", "only_promising": True}),
    ]


def test_the_name_stays_when_the_user_goes(anna):
    actions.pause(submit_job(1).pk, anna)
    anna.delete()
    assert JobAction.objects.values_list("user", "user_name").get() == (None, "anna")


def test_what_is_refused_is_not_recorded(anna):
    job = submit_job(1)
    with pytest.raises(queue.NotPossible):
        actions.resume(job.pk, anna)
    assert actions.retry(job.pk, anna).reopened == 0
    assert history() == []


def test_a_retry_of_what_is_retryable_leaves_the_rest(anna):
    job = submit_job(3)
    fail(job, errors.NotAnImage(), errors.HTTPStatus(404), errors.CorruptImage())
    assert actions.preview_retry(job.pk) == actions.RetryPreview(3, 0, 3, 0)
    assert actions.retry(job.pk, anna, only_retryable=True).reopened == 0
    assert actions.retry(job.pk, anna, ImageFilter(code="http_404")).reopened == 1


def test_the_preview_says_how_many_a_retry_can_help(anna, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_visits(
        (KNOWN_STORE, ["http://a.test/1", "http://b.test/2"]), ("new", ["http://n/1"]), ("no", ["http://n/2"])
    )
    fail(job, errors.ReadTimeout(), errors.NotAnImage())
    make_stores("new")
    assert actions.preview_retry(job.pk) == actions.RetryPreview(matching=4, retryable=2, permanent=1, unknown_store=1)
    assert actions.preview_retry(job.pk, ImageFilter(host="a.test")) == actions.RetryPreview(1, 1, 0, 0)
    assert actions.preview_retry(job.pk, ImageFilter(area="A-1")) == actions.RetryPreview(3, 2, 1, 0)
    assert actions.preview_retry(job.pk, ImageFilter(area="")) == actions.RetryPreview(1, 0, 0, 1)
    assert actions.preview_retry(job.pk, ImageFilter(store="new")) == actions.RetryPreview(1, 1, 0, 0)
    assert actions.retry(job.pk, anna, only_retryable=True) == queue.Retried(reopened=2, still_unknown=1)


def test_many_jobs_at_once_each_by_itself(anna):
    jobs = [submit_job(1) for _ in range(3)]
    queue.cancel(jobs[1].pk)
    acted = actions.act_on_all(Job.objects.all(), lambda job_id: actions.cancel(job_id, anna))
    assert (acted.jobs, acted.images) == (2, 2)
    assert acted.refused == {jobs[1].pk: f"Job {jobs[1].pk} has ended; there is nothing to cancel."}


def test_an_action_on_many_jobs_ends_in_time_and_says_how_many_are_left(anna):
    jobs = [submit_job(1) for _ in range(3)]
    acted = actions.act_on_all(Job.objects.all(), lambda job_id: actions.cancel(job_id, anna), seconds=0)
    assert (acted.jobs, acted.last, acted.left, Job.objects.ongoing().count()) == (1, jobs[0].pk, 2, 2)


@pytest.mark.parametrize("at_a_time", [1, 2, 200])
def test_an_action_on_many_jobs_goes_on_behind_the_last_one_until_the_newest(anna, monkeypatch, at_a_time):
    monkeypatch.setattr(actions, "JOBS_AT_A_TIME", at_a_time)
    jobs = [submit_job(1).pk for _ in range(4)]
    reached, last = [], 0
    # The jobs match as before: only the key says which have been done.
    for _ in range(4):
        acted = actions.act_on_all(Job.objects.all(), lambda pk: reached.append(pk) or 1, after=last, seconds=0)
        last = acted.last
    assert (reached, acted.left) == (jobs, 0)


@pytest.mark.django_db(transaction=True)
def test_the_engine_is_woken(anna, monkeypatch):
    woken = []
    monkeypatch.setattr(actions, "wake_up", lambda: woken.append(True))
    job = submit_job(1)
    actions.pause(job.pk, anna)
    actions.resume(job.pk, anna)
    assert woken


def broken_off(times, sqlstate_class):
    """A move that the database breaks off so many times."""
    left = [sqlstate_class] * times

    def move(job_id):
        if left:
            raise OperationalError from left.pop()()
        return 7

    return move


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [DeadlockDetected, SerializationFailure])
def test_an_action_that_was_broken_off_for_anothers_sake_is_done_again(monkeypatch, error):
    job = submit_job(1)
    monkeypatch.setattr(queue, "pause", broken_off(2, error))
    assert actions.pause(job.pk, None) == 7
    assert JobAction.objects.get().images == 7
    monkeypatch.setattr(queue, "pause", broken_off(3, error))
    with pytest.raises(OperationalError):
        actions.pause(job.pk, None)
