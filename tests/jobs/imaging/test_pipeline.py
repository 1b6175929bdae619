"""One image from its URL to its outcome."""

import gc
import logging
import time
import weakref

import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs import errors
from jobs.imaging.body import Body
from jobs.imaging.gpu import SimulatedGPU
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Claim, Measurement
from proofs.pictures import encoded, png_with
from proofs.world.fault_server import closing, response, silent

pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")

JPEG = encoded(size=(300, 200))


class Model:
    """A model step that does what the test needs."""

    def __init__(self, act=lambda image, measurement: {"bytes": len(image.read())}):
        self.infer = act


@pytest.fixture
def pipeline(make_fetcher):
    return Pipeline(make_fetcher(), Model(), check="complete", max_pixels=1_000_000)


def claim(url: str) -> Claim:
    return Claim(image_id=7, job_id=3, claim_no=1, attempt=2, url=url)


def test_an_image_is_fetched_measured_and_shown_to_the_model(pipeline, server):
    outcome = pipeline.process(claim(server.at("/", response(JPEG, "200 OK", "Content-Type: text/html"))))
    assert outcome.claim.image_id == 7
    assert outcome.error is None
    assert outcome.measurement == Measurement(300, 200, "JPEG")
    assert outcome.gpu_result == {"bytes": len(JPEG)}
    assert outcome.evidence.http_status == 200
    assert outcome.evidence.bytes == len(JPEG)
    assert outcome.evidence.redirects == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(response(b"<html>", "200 OK", "Content-Type: image/jpeg"), "not_an_image", id="HTML"),
        pytest.param(response(b"%PDF-1.7"), "unsupported_format", id="PDF"),
        pytest.param(response(b"", "404 Not Found"), "http_404", id="404"),
        pytest.param(closing(response(JPEG)[:-2]), "truncated", id="cut, as HTTP sees"),
        pytest.param(closing(response(length=False) + JPEG[:-2]), "truncated", id="cut, as the JPEG's end shows"),
        pytest.param(response(JPEG[:-2]), "corrupt_image", id="cut on the server's disk"),
        pytest.param(response(png_with(width=1001, height=1000)), "too_many_pixels", id="too many pixels"),
        pytest.param(closing(b""), "connection", id="no answer"),
    ],
)
def test_a_failure_is_an_outcome_with_its_code(pipeline, server, answer, code):
    outcome = pipeline.process(claim(server.at("/", answer)))
    assert outcome.error is not None
    assert outcome.error.code == code
    assert outcome.measurement is None
    assert outcome.gpu_result is None


def test_a_url_that_may_not_be_fetched_is_an_outcome_too(pipeline):
    assert pipeline.process(claim("ftp://images.example/")).error.code == "blocked"
    assert pipeline.process(claim("images.example")).error.code == "invalid_url"


def test_the_evidence_of_a_failure_keeps_what_came_before_it(pipeline, server):
    server.at("/end", closing(response(JPEG)[:-100]))
    outcome = pipeline.process(claim(server.at("/", response(b"", "302 Found", "Location: /end"))))
    assert outcome.error.code == "truncated"
    assert outcome.evidence.redirects == [server.url("/end")]
    assert outcome.evidence.http_status == 200
    assert 0 < outcome.evidence.bytes < len(JPEG)


def test_each_step_is_timed(make_fetcher, server, monkeypatch):
    def slow(stage):
        stage.pause(0.05)
        stage.send(response(JPEG))

    def slow_measure(*_, **__):
        time.sleep(0.05)
        return Measurement(1, 1, "JPEG")

    monkeypatch.setattr("jobs.imaging.pipeline.measure", slow_measure)
    model = Model(lambda *_: time.sleep(0.05))
    pipeline = Pipeline(make_fetcher(), model, check="complete", max_pixels=10**6)
    begun = time.monotonic()
    evidence = pipeline.process(claim(server.at("/", slow))).evidence
    whole = 1000 * (time.monotonic() - begun)
    steps = evidence.fetch_ms, evidence.measure_ms, evidence.gpu_ms
    assert min(steps) >= 50
    assert sum(steps) <= whole + len(steps)  # each is rounded


def test_the_time_of_a_failed_step_is_kept(make_fetcher, server):
    pipeline = Pipeline(make_fetcher(deadline_seconds=0.2), Model(), check="complete", max_pixels=10**6)
    begun = time.monotonic()
    outcome = pipeline.process(claim(server.at("/", silent())))
    assert outcome.error.code == "deadline"
    assert 190 <= outcome.evidence.fetch_ms <= 1000 * (time.monotonic() - begun) + 1
    assert outcome.evidence.measure_ms == outcome.evidence.gpu_ms == 0


def raising(error):
    def infer(image, measurement):
        raise error

    return Model(infer)


@pytest.mark.parametrize(
    "model",
    [raising(RuntimeError("out of memory")), raising(errors.NotAnImage()), Model(lambda *_: {"score": float("nan")})],
)
def test_a_model_that_fails_is_retried_and_logged(make_fetcher, server, caplog, model):
    pipeline = Pipeline(make_fetcher(), model, check="complete", max_pixels=10**6)
    outcome = pipeline.process(claim(server.at("/", response(JPEG))))
    assert outcome.error.code == "gpu_failed"
    assert outcome.error.retryable
    assert outcome.measurement is None
    (record,) = caplog.records
    assert (record.job, record.image, record.attempt) == (3, 7, 2)
    assert record.exc_info


def test_the_model_reads_from_the_first_byte(make_fetcher, server):
    model = Model(lambda image, measurement: {"start": image.read(3).hex(), "format": measurement.format})
    pipeline = Pipeline(make_fetcher(), model, check="decode", max_pixels=10**6)
    assert pipeline.process(claim(server.at("/", response(JPEG)))).gpu_result == {"start": "ffd8ff", "format": "JPEG"}


def test_the_file_is_closed_once_the_model_has_seen_it(make_fetcher, server):
    seen = []
    pipeline = Pipeline(make_fetcher(), Model(lambda image, _: seen.append(image)), check="complete", max_pixels=10**6)
    pipeline.process(claim(server.at("/", response(JPEG))))
    assert [image.closed for image in seen] == [True]


@pytest.mark.parametrize("error", [AttributeError("bug"), MemoryError(), errors.Internal()])
def test_an_unexpected_error_is_internal_and_logged(pipeline, server, caplog, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("jobs.imaging.pipeline.measure", fail)
    with caplog.at_level(logging.ERROR):
        outcome = pipeline.process(claim(server.at("/", response(JPEG))))
    assert outcome.error.code == "internal"
    assert outcome.error.retryable
    (record,) = caplog.records
    assert (record.job, record.image, record.attempt) == (3, 7, 2)


def test_expected_failures_are_not_logged_here(pipeline, server, caplog):
    pipeline.process(claim(server.at("/", response(b"", "404 Not Found"))))
    assert caplog.records == []


def test_a_step_that_needs_no_pixels_holds_no_memory(make_fetcher, server):
    seen = []
    step = Model(lambda image, measurement: seen.append((image.closed, measurement)))
    step.reads_image = False
    fetcher = make_fetcher(memory_bytes=len(JPEG))
    pipeline = Pipeline(fetcher, step, check="complete", max_pixels=10**6)
    assert pipeline.process(claim(server.at("/", response(JPEG)))).error is None
    assert seen == [(True, Measurement(300, 200, "JPEG"))]


def test_an_exception_that_stops_the_process_passes(make_fetcher, server):
    pipeline = Pipeline(make_fetcher(), raising(SystemExit()), check="complete", max_pixels=10**6)
    with pytest.raises(SystemExit):
        pipeline.process(claim(server.at("/", response(JPEG))))


@pytest.mark.parametrize("answer", [response(JPEG), response(JPEG[:-2]), closing(response(JPEG)[:-2])])
def test_no_outcome_keeps_the_image_in_memory(make_fetcher, server, monkeypatch, answer):
    bodies = []

    def remember(*options):
        body = Body(*options)
        bodies.append(weakref.ref(body))
        return body

    monkeypatch.setattr("jobs.imaging.fetch.Body", remember)
    pipeline = Pipeline(make_fetcher(), Model(), check="complete", max_pixels=10**6)
    outcome = pipeline.process(claim(server.at("/", answer)))
    gc.collect()
    assert outcome
    assert [body() for body in bodies] == [None]


def test_a_pipeline_is_built_from_the_settings(settings, server):
    settings.GPU_MIN_SECONDS = settings.GPU_MAX_SECONDS = 0
    pipeline = Pipeline.from_settings()
    assert [type(step) for step in pipeline.model.steps] == [SimulatedGPU]
    try:
        outcome = pipeline.process(claim(server.at("/", response(JPEG))))
        assert outcome.measurement == Measurement(300, 200, "JPEG")
        assert outcome.gpu_result is None
    finally:
        pipeline.close()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("FETCH_MAX_BYTES", 100, "too_large"),
        ("FETCH_MAX_REDIRECTS", 0, "too_many_redirects"),
        ("FETCH_DEADLINE_SECONDS", 0.2, "deadline"),
        ("FETCH_ALLOW_CIDRS", [], "blocked"),
        ("FETCH_ALLOW_PORTS", [range(80, 81)], "blocked"),
        ("IMAGE_MAX_PIXELS", 59_999, "too_many_pixels"),
        ("IMAGE_CHECK", "complete", "corrupt_image"),
    ],
)
def test_every_limit_is_a_setting(settings, server, name, value, code):
    setattr(settings, name, value)
    server.at("/image", response(JPEG[:-2] if name == "IMAGE_CHECK" else JPEG))
    server.at("/redirect", response(b"", "302 Found", "Location: /image"))
    server.at("/silence", silent())
    path = {"FETCH_MAX_REDIRECTS": "/redirect", "FETCH_DEADLINE_SECONDS": "/silence"}.get(name, "/image")
    pipeline = Pipeline.from_settings()
    try:
        assert pipeline.process(claim(server.url(path))).error.code == code
    finally:
        pipeline.close()


def test_the_header_level_is_a_setting(settings, server):
    settings.IMAGE_CHECK = "header"
    pipeline = Pipeline.from_settings()
    try:
        assert pipeline.process(claim(server.at("/", response(JPEG[:-2])))).error is None
    finally:
        pipeline.close()


def test_the_host_limit_is_a_setting(settings):
    settings.FETCH_PER_HOST = 3
    pipeline = Pipeline.from_settings()
    assert pipeline._fetcher._cap._limit == 3
    pipeline.close()


def test_a_wrong_model_stops_the_start(settings):
    settings.GPU_STEP = "no.such.Step"
    with pytest.raises(ImproperlyConfigured):
        Pipeline.from_settings()
