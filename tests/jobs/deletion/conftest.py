from datetime import timedelta

import pytest
from django.db.models import F, Sum

from jobs import errors, queue
from jobs.deletion import slices
from jobs.models import DayTotal, ImageResult, Job
from tests.factories import KNOWN_STORE, failure, make_worker, submit_visits, success


@pytest.fixture(autouse=True)
def no_grace(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)


def ended_job(completed=2, failed=1, *, owner=None, host="images.test", days_ago=0):
    """A job that ended so many days ago."""
    urls = [f"http://{host}/{number}.jpg" for number in range(completed + failed)]
    job = submit_visits(*[(KNOWN_STORE, some) for some in (urls[:1], urls[1:]) if some], owner=owner)
    worker = make_worker()
    claims = queue.claim(worker, limit=len(urls))
    assert {claim.job_id for claim in claims} == {job.pk}
    good, bad = claims[:completed], claims[completed:]
    queue.record(worker, [*map(success, good), *(failure(claim, errors.NotAnImage()) for claim in bad)])
    if days_ago:
        age(job, days_ago)
    return Job.objects.get(pk=job.pk)


def age(job, days):
    """Make the job so many days older."""
    Job.objects.filter(pk=job.pk).update(
        created_at=F("created_at") - timedelta(days=days), finished_at=F("finished_at") - timedelta(days=days)
    )


def counted():
    """All that is counted in the totals: images by code."""
    return dict(DayTotal.objects.values_list("code").annotate(number=Sum("images")).order_by("code"))


def left(job):
    return ImageResult.objects.filter(job_id=job.pk).count()
