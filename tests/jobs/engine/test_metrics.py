"""Is every batch counted once, by what became of it, and without an address in any label?"""

import threading

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from jobs import queue
from jobs.engine import metrics
from jobs.engine.batch_histogram import BatchHistogram
from jobs.engine.meter import Meter, make_meter
from jobs.errors import HTTPStatus, ReadTimeout
from jobs.imaging.types import Claim, Evidence, Measurement, Outcome
from jobs.models import Worker
from jobs.queue import Recorded, Rescued
from jobs.states import OnError
from tests.factories import failure, look, make_worker, submit_job
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"


def value(name, **labels):
    return REGISTRY.get_sample_value(f"retail_pulse_{name}", labels) or 0.0


@pytest.fixture
def meter(settings):
    settings.METRICS_PORT = 9464
    return make_meter()


@pytest.fixture
def increase(meter):
    """By how much a sample has risen since the test began."""
    before = {(s.name, *sorted(s.labels.items())): s.value for family in REGISTRY.collect() for s in family.samples}

    def increase(name, **labels):
        return value(name, **labels) - before.get((f"retail_pulse_{name}", *sorted(labels.items())), 0.0)

    return increase


def claim(number):
    return Claim(number, 1, claim_no=1, attempt=1, url="http://photos.test/secret.jpg", host="photos.test:80")


def measured(number, fetch_ms):
    seen = Evidence(fetch_ms=fetch_ms, measure_ms=0, gpu_ms=200)
    return Outcome(claim(number), seen, Measurement(4, 3, "JPEG"))


def failed(number, error, fetch_ms=0):
    return Outcome(claim(number), Evidence(fetch_ms=fetch_ms), error=error)


def test_a_batch_is_counted_by_what_became_of_it(meter, increase):
    outcomes = [measured(1, 30), measured(2, 25), failed(3, HTTPStatus(404), 40), failed(4, ReadTimeout(), 29_000)]
    deferred = Outcome(claim(5), Evidence())
    recorded = Recorded(4, [claim(9)], [], completed=2, failed=1)
    meter.recorded([*outcomes, deferred, failed(9, HTTPStatus(404))], recorded, seconds=0.01)

    assert (increase("images_total", outcome="completed"), increase("images_total", outcome="failed")) == (2, 1)
    assert increase("attempts_failed_total", code="http_404") == 1
    assert increase("attempts_failed_total", code="read_timeout") == 1
    assert increase("fenced_total") == 1
    assert increase("record_seconds_count") == 1
    # The bounds are inclusive; an image that was deferred was not fetched.
    assert [increase("fetch_seconds_bucket", le=le) for le in ("0.025", "0.05", "10.0", "30.0", "+Inf")] == [
        1, 3, 3, 4, 4,
    ]  # fmt: skip
    assert increase("fetch_seconds_sum") == pytest.approx(29.095)
    # Measured within a millisecond is measured; what failed before was not.
    assert (increase("measure_seconds_count"), increase("model_seconds_count")) == (2, 2)


def test_what_is_seldom_is_counted_too(meter, increase):
    meter.claimed(0.2)
    meter.rescued(Rescued([7], released=3, crash_loops=1, failed=2))
    meter.shifts("begun", 2)

    assert (increase("claim_seconds_count"), increase("rescued_total")) == (1, 4)
    assert increase("images_total", outcome="failed") == 2
    assert increase("shifts_total", what="begun") == 2


def test_a_broker_is_only_shown_where_there_is_one(meter, monkeypatch):
    monkeypatch.setattr(metrics.BROKER, "is_up", None)
    assert REGISTRY.get_sample_value("retail_pulse_broker_up") is None
    for is_up in (True, False):
        meter.watch_broker(lambda is_up=is_up: is_up)
        assert REGISTRY.get_sample_value("retail_pulse_broker_up") == is_up


def test_no_label_holds_an_address(meter):
    meter.recorded([failed(1, ReadTimeout())], Recorded(1, [], [], failed=1), 0.01)
    assert b"photos.test" not in generate_latest()


def test_a_host_makes_no_series_of_its_own(meter, increase):
    answers = [failed(status, HTTPStatus(status)) for status in range(100, 1_000)]
    meter.recorded(answers, Recorded(900, [], [], failed=900), 0.01)

    codes = {sample.labels["code"] for family in metrics.ATTEMPTS_FAILED.collect() for sample in family.samples}
    assert len(codes) < 100
    assert (increase("attempts_failed_total", code="http_503"), increase("attempts_failed_total", code="http_999")) == (
        1, 0,
    )  # fmt: skip
    assert increase("attempts_failed_total", code="http_other") > 800


def test_without_a_port_nothing_is_counted(settings):
    settings.METRICS_PORT = 0
    assert type(make_meter()) is Meter


def test_many_threads_lose_no_value_of_a_histogram():
    registry = CollectorRegistry()
    histogram = BatchHistogram("h", "help", [1.0, 2.0], registry)
    threads = [threading.Thread(target=lambda: [histogram.observe([0.5, 1.5, 9]) for _ in range(500)]) for _ in "1234"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [registry.get_sample_value("h_bucket", {"le": le}) for le in ("1.0", "2.0", "+Inf")]
    assert (found, registry.get_sample_value("h_sum")) == ([2000, 4000, 6000], 22_000)


@pytest.mark.django_db
def test_whatever_makes_images_final_is_counted_as_the_jobs_count_it(settings, meter, increase):
    settings.MAX_CRASHES = 1
    looped, skipped, canceled = submit_job(2), submit_job(3, on_error=OnError.STOP_STORE), submit_job(1)
    dead = make_worker()
    claims = queue.claim(dead, 10)
    assert len(claims) == 4
    (stops,) = (each for each in claims if each.job_id == skipped.pk)
    (ends,) = (each for each in claims if each.job_id == canceled.pk)
    queue.cancel(canceled.pk)
    recorded = queue.record(dead, [failure(stops, HTTPStatus(404)), failure(ends, ReadTimeout())])
    meter.recorded([], recorded, 0.01)
    Worker.objects.filter(pk=dead).delete()
    meter.rescued(queue.rescue())

    jobs = [look(job) for job in (looped, skipped, canceled)]
    assert [(job.status, job.failed) for job in jobs] == [("failed", 2), ("failed", 3), ("failed", 1)]
    assert increase("images_total", outcome="failed") == 6


@pytest.mark.django_db(transaction=True)
def test_an_engine_reports_batches_not_images(settings, start_engine, images, increase, monkeypatch):
    # Long enough for more than one image, however busy the machine is.
    monkeypatch.setattr("jobs.engine.recorder.LINGER_SECONDS", 0.5)
    settings.METRICS_PORT = 9464
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(20)])
    missing = submit_job([f"{images.url}/missing"])
    engine = start_engine(THREADS)
    finished(job)
    finished(missing)
    assert engine.has_looked
    wait_for(lambda: increase("images_total", outcome="completed") == 20)
    assert increase("images_total", outcome="failed") == 1
    # They are counted behind the images; the failed one where its download took as much as a millisecond.
    wait_for(lambda: increase("fetch_seconds_count") >= 20)
    assert 1 <= increase("record_seconds_count") < 21
    assert increase("claim_seconds_count") >= 1
    assert engine.busy_slots == 0
