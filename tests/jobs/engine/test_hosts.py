"""A photo host in trouble delays its own images alone, and while the trouble lasts it fails none of them."""

import threading

import pytest

from jobs import queue
from jobs.imaging.fetch import Fetcher
from jobs.models import FailedAttempt, ImageResult, PausedHost
from jobs.states import OnError
from proofs.world.fault_server import FaultServer, response, silent
from tests.conftest import FIXTURES
from tests.factories import defer, make_stores, pause_host, submit_job, submit_visits
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"
IMAGE = (FIXTURES / "images" / "shelf.jpg").read_bytes()
GOOD = response(IMAGE)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _backoff(settings):
    """No image comes back so soon that it has used up its attempts before others have shown that it is the host."""
    settings.BACKOFF_BASE_SECONDS = 0.3


@pytest.fixture
def start(start_engine, settings):
    """Start an engine of 16 slots."""
    settings.WORKER_THREADS = 16

    def start():
        return start_engine(THREADS)

    return start


@pytest.fixture
def hasty(monkeypatch):
    """Pauses of moments."""
    monkeypatch.setattr("jobs.imaging.host.PAUSE_SECONDS", (0.1, 0.2))
    monkeypatch.setattr("jobs.imaging.host.HOLD_SECONDS", (0.01, 0.02))


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


def refusing_until(opened: threading.Event, status: str = "503 Service Unavailable", *headers: str):
    def answer(stage):
        stage.send(GOOD if opened.is_set() else response(b"", status, *headers))

    return answer


def served(server, answer, count):
    return [server.at(f"/{number}", answer) for number in range(count)]


def names(server):
    return f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("count", [400, 5_000])
def test_images_of_a_silent_host_delay_nobody_else(start, images, server, settings, monkeypatch, count):
    # Neither of the two gives up the silent ones before the others are done.
    monkeypatch.setattr(Fetcher.__init__, "__kwdefaults__", {**Fetcher.__init__.__kwdefaults__, "timeouts": (5, 300)})
    settings.FETCH_DEADLINE_SECONDS, settings.SHUTDOWN_SECONDS = 300, 0
    settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = 0.1, 0.4
    start()
    server.at("/", silent())
    submit_job([server.url(f"/?{number}") for number in range(count)])
    for number in range(count):
        server.at(f"/?{number}", silent())
    wait_for(lambda: server.requests)
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(100)])
    assert finished(job).status == "completed"
    assert not FailedAttempt.objects.exists()


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests", "502 Bad Gateway"])
def test_a_host_that_refuses_for_a_while_fails_no_image(start, server, hasty, status):
    opened = threading.Event()
    start()
    job = submit_job(served(server, refusing_until(opened, status), 40))
    host = wait_for(PausedHost.objects.first)
    assert (host.name, host.code) == (names(server), f"http_{status[:3]}")
    # All that was asked for before the host was paused has been answered; from now on there are probes.
    wait_for(lambda: ImageResult.objects.deferred().count() >= 39)
    number, before = PausedHost.objects.get().number, len(server.requests)
    wait_for(lambda: PausedHost.objects.filter(number__gte=number + 3).exists())
    # One at a time, a pause apart, instead of forty again and again.
    asked, number_then = len(server.requests) - before, PausedHost.objects.get().number
    assert asked <= number_then - number + 1
    opened.set()
    assert finished(job).status == "completed"
    assert FailedAttempt.objects.filter(counted=False).exists()
    assert set(ImageResult.objects.values_list("attempts", flat=True)) <= {1, 2}
    wait_for(lambda: not PausedHost.objects.exists())


def test_a_host_that_is_down_for_a_while_fails_no_image(start, server, hasty):
    port = server.port
    with FaultServer() as other:
        down = other.port
    start()
    job = submit_job([f"http://127.0.0.1:{down}/{number}" for number in range(20)])
    assert wait_for(PausedHost.objects.first).code == "connection"
    assert port != down
    with FaultServer(port=down) as back:
        for number in range(20):
            back.at(f"/{number}", GOOD)
        assert finished(job).status == "completed"


def test_a_host_is_not_blamed_for_where_it_redirects_to(start, server, hasty):
    with FaultServer() as other:
        target = other.at("/", response(b"", "503 Service Unavailable"))
        start()
        redirect = response(b"", "302 Found", f"Location: {target}")
        job = finished(submit_job(served(server, redirect, 8)))
    assert set(ImageResult.objects.filter(job=job).values_list("error_code", "attempts")) == {("http_503", 3)}
    assert not PausedHost.objects.exists()


def test_while_refusals_are_counted_for_a_host_other_images_begin(start, server, images, hasty, settings):
    settings.HOST_PATIENCE_SECONDS = 0.5
    # Long enough to be seen waiting, however slowly they are counted.
    settings.BACKOFF_BASE_SECONDS = 5
    dead = submit_job(served(server, response(b"", "503 Service Unavailable"), 6_000))
    defer(dead, names(server))
    start()
    # They wait between two attempts once the refusal of the probe has been counted for them.
    wait_for(lambda: ImageResult.objects.waiting().count() > 1_000, timeout=40)
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(50)])
    assert finished(job).status == "completed"
    # The first refusals were still being counted then.
    wait_for(FailedAttempt.objects.filter(image__job=dead, claim_no=1, failed_at__gt=job.finished_at).exists)
    queue.cancel(dead.pk)


def test_a_single_url_in_trouble_fails_as_ever(start, server, hasty):
    start()
    urls = served(server, GOOD, 40)
    urls[7] = server.at("/bad", response(b"", "503 Service Unavailable"))
    job = finished(submit_job(urls))
    assert (job.completed, job.failed) == (39, 1)
    assert ImageResult.objects.get(error_code="http_503").attempts == 3
    assert not PausedHost.objects.exists()


def test_once_patience_has_ended_the_refusal_of_a_probe_counts_for_all(start, server, hasty, settings):
    settings.HOST_PATIENCE_SECONDS = 1
    start()
    job = finished(submit_job(served(server, response(b"", "503 Service Unavailable"), 300)))
    assert (job.status, job.failed) == ("failed", 300)
    rows = ImageResult.objects.filter(job=job)
    assert set(rows.values_list("error_code", "attempts")) == {("http_503", 3)}
    assert rows.filter(error_message__contains="not requested again").exists()
    # Most of them were never asked for again and again.
    assert len(server.requests) < 300
    assert set(FailedAttempt.objects.filter(counted=True).values_list("code", flat=True)) == {"http_503"}


def test_without_patience_refusals_cost_attempts_as_ever(start, server, settings):
    settings.HOST_PATIENCE_SECONDS = 0
    start()
    job = finished(submit_job(served(server, response(b"", "503 Service Unavailable"), 10)))
    assert job.failed == 10
    assert set(ImageResult.objects.values_list("attempts", flat=True)) == {3}
    assert not PausedHost.objects.exists()


def test_a_person_resumes_a_host_at_once(start, server, monkeypatch):
    monkeypatch.setattr("jobs.imaging.host.PAUSE_SECONDS", (60.0, 60.0))
    opened = threading.Event()
    start()
    job = submit_job(served(server, refusing_until(opened), 10))
    wait_for(PausedHost.objects.exists)
    opened.set()
    assert queue.resume_host(names(server))
    assert not queue.resume_host(names(server))
    assert finished(job).status == "completed"


def test_a_host_that_another_process_has_paused_is_not_asked(start, server):
    pause_host(names(server), seconds=1.5)
    start()
    job = submit_job(served(server, GOOD, 5))
    wait_for(lambda: ImageResult.objects.deferred().filter(waits_for=names(server)).count() == 5)
    assert server.requests == []
    assert finished(job).status == "completed"
    wait_for(lambda: not PausedHost.objects.exists())


def test_two_engines_probe_a_host_once_at_a_time(start, server, monkeypatch):
    monkeypatch.setattr("jobs.imaging.host.PAUSE_SECONDS", (0.3, 0.3))
    asked, most = [0], [0]
    lock = threading.Lock()
    opened = threading.Event()

    def answer(stage):
        with lock:
            asked[0] += 1
            most[0] = max(most[0], asked[0])
        stage.pause(0.2)
        with lock:
            asked[0] -= 1
        stage.send(GOOD if opened.is_set() else response(b"", "503 Service Unavailable"))

    urls = served(server, answer, 40)
    pause_host(names(server), seconds=0.5)
    job = submit_job(urls)
    defer(job, names(server))
    start()
    start()
    wait_for(lambda: len(server.requests) >= 4)
    assert most == [1]
    opened.set()
    assert finished(job).status == "completed"


def test_images_that_wait_for_a_host_are_found_by_the_next_process(start, images):
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(30)])
    defer(job, images.url.removeprefix("http://"), 15)
    defer(job, f"*{job.pk}")
    start()
    assert finished(job).status == "completed"
    assert not ImageResult.objects.exclude(waits_for="").exists()


def test_images_that_wait_for_a_host_are_canceled_with_their_job(start, server):
    pause_host(names(server))
    start()
    job = submit_job(served(server, GOOD, 5))
    wait_for(lambda: ImageResult.objects.deferred().count() == 5)
    assert queue.cancel(job.pk) == 5
    assert finished(job).canceled == 5
    assert not ImageResult.objects.exclude(waits_for="").exists()


def test_images_that_wait_for_a_host_are_paused_and_resumed_with_their_job(start, server, images):
    pause_host(names(server))
    start()
    job = submit_job(served(server, GOOD, 5))
    wait_for(lambda: ImageResult.objects.deferred().count() == 5)
    queue.pause(job.pk)
    queue.resume_host(names(server))
    # The engine has seen that the host is no longer paused, and what is ready, by the time that this is done.
    wait_for(lambda: finished(submit_job([f"{images.url}/{images.names[0]}"])) and not PausedHost.objects.exists())
    assert server.requests == []
    queue.resume(job.pk)
    assert finished(job).status == "completed"


def test_a_store_s_images_go_on_one_by_one_when_their_host_has_recovered(start, server, hasty):
    opened = threading.Event()
    make_stores("T-2", "T-3", "T-4")
    urls = served(server, refusing_until(opened), 12)
    start()
    visits = [(f"T-{n + 1}", urls[3 * n : 3 * n + 3]) for n in range(4)]
    job = submit_visits(*visits, on_error=OnError.STOP_STORE)
    wait_for(PausedHost.objects.exists)
    opened.set()
    assert finished(job).status == "completed"
    assert sorted(request.split()[1] for request in server.requests[-12:]) != []


def test_what_waits_when_an_engine_stops_is_still_there(start, server):
    pause_host(names(server))
    engine = start()
    job = submit_job(served(server, GOOD, 5))
    wait_for(lambda: ImageResult.objects.deferred().count() == 5)
    engine.stop()
    assert ImageResult.objects.filter(job=job, state="pending", claim_no=0).count() == 5
