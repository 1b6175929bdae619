"""Whoever has seen a job under its revision has seen all of it: every change makes another one."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from jobs import errors, queue
from jobs.models import Job
from tests.factories import failure, look, make_worker, submit_job, success

pytestmark = pytest.mark.django_db

WHAT_PEOPLE_DO = {
    "prioritize": lambda job: queue.prioritize(job.pk, 3),
    "pause": lambda job: queue.pause(job.pk),
    "cancel": lambda job: queue.cancel(job.pk),
}


@pytest.mark.parametrize("act", WHAT_PEOPLE_DO)
def test_what_people_do_changes_it(act):
    job = submit_job(2)
    before = look(job).revision
    WHAT_PEOPLE_DO[act](job)
    assert look(job).revision != before


def test_what_engines_do_changes_it():
    job, worker = submit_job(3), make_worker()
    seen = [look(job).revision]
    for outcome in (success, lambda claim: failure(claim, errors.NotAnImage())):
        (claim,) = queue.claim(worker, limit=1)
        seen.append(look(job).revision)
        queue.record(worker, [outcome(claim)])
        seen.append(look(job).revision)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 1},
        {"completed": 1},
        {"failed": 1},
        {"failed": 1, "canceled": 1},
        {"canceled_at": Now()},
        {"paused_at": Now()},
        {"started_at": Now()},
    ],
    ids=lambda change: "+".join(change),
)
def test_every_field_that_describes_the_job_changes_it(change):
    job = submit_job(3)
    seen = look(job).revision
    Job.objects.update(**change)
    assert look(job).revision != seen


def test_a_job_that_was_canceled_anew_has_another_one():
    job, worker = submit_job(2), make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.cancel(job.pk)
    first = look(job).revision
    Job.objects.update(canceled_at=F("canceled_at") + timedelta(seconds=1))
    assert look(job).revision != first
    queue.record(worker, [success(claim)])


def test_what_does_not_describe_the_job_leaves_it():
    job = submit_job(1)
    assert look(job).revision == look(job).revision
    assert look(submit_job(1)).revision == look(job).revision
