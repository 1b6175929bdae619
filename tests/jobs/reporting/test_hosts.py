"""Which hosts are paused, what waits for them, and whether a job can go on without them."""

import pytest

from jobs import queue
from jobs.models import PausedHost
from jobs.reporting.hosts import MOST_OF_JOB, NONE, displayed, paused_hosts, reason, waiting_images, waits
from jobs.reporting.overview import overview
from jobs.reporting.throughput import FEWEST_IMAGES, paces
from tests.factories import defer, look, make_worker, pause_host, submit_job, success

pytestmark = pytest.mark.django_db

HOST = "photos.test:443"


def of(job):
    return waits([look(job)]).get(job.pk, NONE)


def test_if_no_host_is_paused_nothing_waits_for_one():
    job = submit_job(3)
    defer(job, HOST)
    assert of(job) == NONE
    assert paused_hosts(20).hosts == []


def test_a_paused_host_says_why_until_when_and_how_many_images_wait():
    paused = pause_host(HOST)
    defer(submit_job(5), HOST, 3)
    defer(submit_job(2), HOST)
    (host,) = paused_hosts(20).hosts
    assert (host.host, host.name, host.code, host.images) == (HOST, "photos.test", "http_503", 5)
    assert (host.since, host.until, host.number) == (paused.since, paused.until, 1)
    assert host.reason == "it answered 503"


def test_held_images_wait_for_no_host():
    pause_host(HOST)
    job = submit_job(2)
    defer(job, HOST)
    queue.pause(job.pk)
    assert of(job) == NONE
    assert waiting_images([HOST]) == {HOST: 0}


def test_those_that_refuse_for_the_longest_come_first_and_the_others_are_counted():
    for number in range(5):
        pause_host(f"{number}.test:443")
    seen = paused_hosts(2)
    assert [host.name for host in seen.hosts] == ["0.test", "1.test"]
    assert seen.more == 3


def test_images_that_wait_for_a_busy_host_are_ordinary_work():
    pause_host(HOST)
    job = submit_job(4)
    defer(job, HOST, 1)
    defer(job, "busy.test:443", 1)
    defer(job, f"*{job.pk}", 1)
    found = of(job)
    assert (found.images, [host.host for host in found.hosts], found.is_all) == (1, [HOST], False)


def test_a_job_whose_images_all_wait_says_so():
    pause_host(HOST)
    pause_host("other.test:80")
    job = submit_job(5)
    defer(job, HOST, 2)
    defer(job, "other.test:80", 2)
    assert not of(job).is_all
    defer(job, HOST)
    found = of(job)
    assert [(host.name, host.images) for host in found.hosts] == [("photos.test", 3), ("other.test:80", 2)]
    assert (found.images, found.more, found.is_all) == (5, 0, True)


def test_the_image_that_probes_the_host_changes_nothing():
    pause_host(HOST)
    job = submit_job(3)
    worker = make_worker()
    queue.claim(worker, limit=1)
    defer(job, HOST)
    assert not of(job).is_all
    PausedHost.objects.update(probed_by=worker)
    assert of(job).is_all


def test_a_job_with_other_images_in_flight_goes_on():
    pause_host(HOST)
    job = submit_job(4)
    worker = make_worker()
    queue.claim(worker, limit=2)
    PausedHost.objects.update(probed_by=worker)
    defer(job, HOST)
    assert not of(job).is_all


@pytest.mark.parametrize("ask", [queue.pause, queue.cancel])
def test_a_paused_or_canceled_job_waits_for_no_host(ask):
    pause_host(HOST)
    job = submit_job(3)
    defer(job, HOST)
    ask(job.pk)
    assert of(job) == NONE


def test_only_the_hosts_with_the_most_images_are_listed_and_all_are_counted():
    job = submit_job(MOST_OF_JOB + 3)
    for number in range(MOST_OF_JOB + 2):
        pause_host(f"h{number:02}.test:443")
        defer(job, f"h{number:02}.test:443", 1)
    defer(job, "h21.test:443")
    found = of(job)
    assert (len(found.hosts), found.more, found.images, found.is_all) == (MOST_OF_JOB, 2, MOST_OF_JOB + 3, True)
    assert (found.hosts[0].host, found.hosts[0].images) == ("h21.test:443", 2)


def test_many_jobs_take_one_query(django_assert_num_queries):
    pause_host(HOST)
    jobs = [submit_job(2) for _ in range(3)]
    for job in jobs:
        defer(job, HOST)
    looked = [look(job) for job in jobs]
    with django_assert_num_queries(1):
        assert len(waits(looked)) == 3


def test_the_revision_changes_with_every_field():
    job = submit_job(3)
    assert of(job).revision == ""
    pause_host(HOST)
    defer(job, HOST, 1)
    one = of(job).revision
    defer(job, HOST, 1)
    two = of(job).revision
    PausedHost.objects.update(code="http_429")
    assert len({"", one, two, of(job).revision}) == 4
    assert of(job).revision == of(job).revision


def test_a_job_that_only_waits_has_no_pace():
    job = submit_job(FEWEST_IMAGES + 3)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=FEWEST_IMAGES)])
    pause_host(HOST)
    defer(job, HOST, 2)
    assert job.pk in paces([look(job)], waits([look(job)]))
    defer(job, HOST)
    assert paces([look(job)], waits([look(job)])) == {}


def test_the_overview_counts_images_that_wait_for_their_host_separately():
    job = submit_job(6)
    defer(job, HOST, 2)
    defer(job, f"*{job.pk}", 1)
    seen = overview()
    assert (seen.ready, seen.deferred, seen.waiting) == (3, 3, 0)
    defer(job, HOST)
    assert (overview().ready, overview().oldest_seconds) == (0, None)


def test_the_overview_takes_as_many_queries_when_a_host_is_paused(django_assert_num_queries):
    pause_host(HOST)
    with django_assert_num_queries(7):
        assert overview().paused.hosts[0].host == HOST


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("http_429", "it answered 429"),
        ("read_timeout", "it stopped sending"),
        ("connection", "connections to it failed"),
        ("odd_one", "its last request failed as odd_one"),
    ],
)
def test_the_reason_is_a_clause(code, said):
    assert reason(code) == said


def test_every_refusal_has_a_reason_of_its_own():
    from jobs.errors import HTTPStatus, all_errors

    codes = [error.code for error in all_errors() if error is not HTTPStatus and error.is_refusal]
    assert codes
    assert not [code for code in codes if reason(code).startswith("its last")]


@pytest.mark.parametrize(
    ("host", "said"), [("a.test:443", "a.test"), ("a.test:80", "a.test:80"), ("[2001:db8::1]:443", "[2001:db8::1]")]
)
def test_a_host_is_displayed_without_the_port_of_https(host, said):
    assert displayed(host) == said
