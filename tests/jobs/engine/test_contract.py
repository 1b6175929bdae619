"""What every engine promises; a new engine is added to ENGINES and must pass unchanged."""

import uuid

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from PIL import Image

from jobs.models import FailedAttempt, ImageResult, Job, Worker
from jobs.states import OnError
from tests.conftest import FIXTURES
from tests.factories import KNOWN_STORE, make_stores, states, submit_job, submit_visits
from tests.waiting import wait_for

# Each with the broker that hands out its work.
ENGINES = {
    "threads": ("jobs.engine.threads.ThreadEngine", None),
    "inline": ("jobs.engine.inline.InlineEngine", None),
    "celery-redis": ("jobs.engine.celery.CeleryEngine", "redis"),
    "celery-rabbitmq": ("jobs.engine.celery.CeleryEngine", "rabbitmq"),
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=ENGINES)
def engine_path(request, settings):
    path, broker = ENGINES[request.param]
    if broker is not None:
        settings.BROKER_URL = request.getfixturevalue(broker).url
    return path


@pytest.fixture
def engine(engine_path, start_engine):
    return start_engine(engine_path)


def finished(job):
    def is_finished():
        job.refresh_from_db()
        return job.status != "ongoing"

    wait_for(is_finished)
    return job


def test_every_image_is_measured(engine, images):
    job = finished(submit_job([f"{images.url}/{name}" for name in images.names]))
    assert (job.status, job.completed) == ("completed", len(images.names))
    for row, name in zip(ImageResult.objects.order_by("id"), images.names, strict=True):
        with Image.open(FIXTURES / "images" / name) as image:
            assert (row.width, row.height) == image.size
        assert row.perimeter == 2 * (row.width + row.height)


def test_failures_are_explained_and_touch_no_other_image(engine, images):
    job = submit_job([f"{images.url}/404", f"{images.url}/{images.names[0]}", f"{images.url}/not-an-image"])
    assert finished(job).status == "failed"
    codes = ImageResult.objects.order_by("id").values_list("error_code", flat=True)
    assert list(codes) == ["http_404", "", "not_an_image"]


def test_a_retryable_failure_is_tried_again(engine, images):
    job = finished(submit_job([f"{images.url}/flaky/{images.names[0]}?{uuid.uuid4()}"]))
    assert job.status == "completed"
    assert ImageResult.objects.get(job=job).attempts == 2
    assert FailedAttempt.objects.get().code == "http_503"


def test_a_failure_is_final_after_the_last_attempt(engine, images, settings):
    job = finished(submit_job([f"{images.url}/truncated"]))
    row = ImageResult.objects.get(job=job)
    assert (row.error_code, row.attempts) == ("truncated", settings.MAX_ATTEMPTS)
    assert FailedAttempt.objects.count() == settings.MAX_ATTEMPTS


def test_unknown_stores_are_never_fetched(engine, images):
    make_stores(KNOWN_STORE)
    good = f"{images.url}/{images.names[0]}"
    job = finished(submit_visits(("nowhere", [good]), (KNOWN_STORE, [good])))
    assert states(job) == ["failed", "completed"]
    assert ImageResult.objects.get(error_code="unknown_store").attempts == 0


def test_stop_store_skips_what_follows_a_failure(engine, images):
    good = f"{images.url}/{images.names[0]}"
    job = submit_job([good, f"{images.url}/404", good, good], on_error=OnError.STOP_STORE)
    assert finished(job).status == "failed"
    codes = ImageResult.objects.order_by("id").values_list("error_code", flat=True)
    assert list(codes) == ["", "http_404", "skipped", "skipped"]


def test_work_left_behind_is_resumed_at_the_start(engine_path, start_engine, images):
    job = submit_job([f"{images.url}/{images.names[0]}"])
    start_engine(engine_path)
    assert finished(job).status == "completed"


def test_after_the_first_look_what_was_left_behind_is_begun(engine_path, start_engine, images):
    job = submit_job([f"{images.url}/{images.names[0]}"])
    start_engine(engine_path).wait_for_first_look(30)
    assert states(job) != ["pending"]


def test_what_a_dead_worker_held_is_done_again(engine_path, start_engine, images):
    from jobs import queue
    from tests.factories import make_worker

    job = submit_job([f"{images.url}/{images.names[0]}"])
    queue.claim(make_worker(), limit=1)
    start_engine(engine_path)
    assert finished(job).status == "completed"
    assert ImageResult.objects.get(job=job).claim_no == 2


def test_a_stopped_engine_leaves_nothing_running_and_no_worker(engine, images):
    submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(50)])
    engine.stop()
    assert not ImageResult.objects.running().exists()
    assert not Worker.objects.exists()
    assert not engine.is_running


def test_an_engine_may_be_stopped_twice_and_started_again(engine, images):
    engine.stop()
    engine.stop()
    engine.start()
    assert finished(submit_job([f"{images.url}/{images.names[0]}"])).status == "completed"


def test_starting_twice_is_starting_once(engine, images):
    engine.start()
    assert finished(submit_job([f"{images.url}/{images.names[0]}"])).status == "completed"
    assert Worker.objects.count() <= 1


def test_counters_and_rows_agree_at_the_end(engine, images):
    urls = [f"{images.url}/{images.names[0]}?{number}" for number in range(40)] + [f"{images.url}/404"] * 7
    job = finished(submit_job(urls))
    assert (job.completed, job.failed) == (40, 7)
    assert Job.objects.get(pk=job.pk).images.completed().count() == 40


def test_a_wrong_model_step_is_reported_to_the_caller_that_starts_the_engine(engine_path, settings):
    settings.GPU_STEP = "jobs.imaging.gpu.NoSuchStep"
    with pytest.raises(ImproperlyConfigured, match="GPU_STEP"):
        import_string(engine_path)().start()
