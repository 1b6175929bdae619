"""Does the engine live on when one of its threads dies of what nobody foresaw?"""

import pytest

from jobs import failpoints
from jobs.models import FailedAttempt, ImageResult, Worker
from tests.factories import submit_job
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "point", ["claim.after_commit", "record.before_commit", "record.after_commit", "heartbeat.wait"]
)
def test_a_dead_claimer_recorder_or_heartbeat_ends_the_epoch_and_no_more(start_engine, images, settings, point):
    settings.MAX_CRASHES = 1000
    engine = start_engine(THREADS)
    first = wait_for(Worker.objects.first)
    with failpoints.armed(f"{point}:raise"):
        job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(20)])
        wait_for(lambda: Worker.objects.filter(id__gt=first.id).exists())
    assert finished(job).status == "completed"
    assert engine.is_running
    assert set(ImageResult.objects.values_list("attempts", flat=True)) == {1}
    assert not FailedAttempt.objects.exists()


def test_a_dying_slot_fails_its_image_and_is_there_for_the_next_one(start_engine, images, settings):
    settings.MAX_ATTEMPTS = 2
    start_engine(THREADS)
    good = [f"{images.url}/{images.names[0]}?{number}" for number in range(20)]
    with failpoints.armed("gpu.before@bad:raise"):
        job = submit_job([f"{images.url}/{images.names[0]}?bad", *good])
        assert finished(job).status == "failed"
    assert (job.completed, job.failed) == (20, 1)
    assert ImageResult.objects.get(job=job, state="failed").error_code == "internal"
    assert FailedAttempt.objects.count() == 2
