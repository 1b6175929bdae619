"""Paused hosts on the pages: who sees them, what the pages say, and the button that has one tried again."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.templatetags.dashboard import until
from jobs import queue
from jobs.errors import HTTPStatus
from jobs.imaging.host import Blame
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult, PausedHost
from jobs.reporting.overview import MOST_PAUSED
from jobs.reporting.throughput import FEWEST_IMAGES
from tests.dashboard.conftest import HOSTILE
from tests.factories import defer, make_worker, pause_host, submit_job, success

pytestmark = pytest.mark.django_db

HOST = "photos.test:443"


@pytest.fixture
def waiting(anna):
    """A job of anna's with images of its own pace, of which three wait."""
    job = submit_job(FEWEST_IMAGES + 4, owner=anna)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=FEWEST_IMAGES)])
    defer(job, HOST, 3)
    return job


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def words(answer):
    return " ".join(answer.text.split())


def test_the_overview_shows_no_section_where_no_host_is_paused(admin_client, waiting):
    answer = admin_client.get("/operations/")
    assert "Paused hosts" not in answer.text
    assert "<dt>Waiting for their host</dt><dd>3</dd>" in answer.text


def test_the_overview_says_of_a_paused_host_what_there_is_to_know(admin_client, waiting):
    host = pause_host(HOST)
    text = words(admin_client.get("/operations/"))
    assert "Paused hosts" in text
    assert '<th scope="row" data-label="Host" class="break">photos.test</th>' in text
    assert 'href="/docs/errors/#http_503"' in text
    assert f'data-label="Until"><time datetime="{host.until.isoformat()}"' in text
    assert '<td data-label="Images waiting" class="number">3</td>' in text


def test_the_overview_shows_the_first_and_counts_the_others(admin_client):
    for number in range(MOST_PAUSED + 2):
        pause_host(f"h{number}.test:443")
    answer = admin_client.get("/operations/")
    assert answer.text.count("Try again now") == MOST_PAUSED
    assert "and 2 more" in answer.text


def test_what_a_host_sent_is_text(admin_client, anna, page):
    pause_host(HOST)
    PausedHost.objects.update(message=HOSTILE)
    assert HOSTILE not in admin_client.get("/operations/").text


def test_staff_have_a_host_tried_again_from_the_overview(admin_client, waiting):
    pause_host(HOST)
    answer = admin_client.post("/operations/resume-host/", {"host": HOST}, follow=True)
    assert answer.redirect_chain == [("/operations/", 302)]
    assert said(answer) == ["photos.test is tried again now."]
    assert not PausedHost.objects.exists()
    again = admin_client.post("/operations/resume-host/", {"host": HOST}, follow=True)
    assert said(again) == ["The host is not paused any more."]


def test_any_paused_host_can_be_asked_for_beyond_those_that_are_listed(admin_client, anna):
    for number in range(MOST_PAUSED + 2):
        pause_host(f"h{number}.test:443")
    last = f"h{MOST_PAUSED + 1}.test:443"
    defer(submit_job(2, owner=anna), last)
    assert last not in admin_client.get("/operations/").text
    answer = admin_client.get("/operations/", {"host": last})
    assert "it answered 503. 2 images wait for it." in words(answer)
    assert f'name="host" value="{last}"' in answer.text
    admin_client.post("/operations/resume-host/", {"host": last})
    assert not PausedHost.objects.filter(name=last).exists()
    assert "is not paused any more." in admin_client.get("/operations/", {"host": last}).text


def test_the_fragment_of_the_overview_shows_no_host_that_was_asked_for(admin_client):
    pause_host(HOST)
    text = admin_client.get("/operations/", {"host": "other.test:443"}, headers={"HX-Request": "true"}).text
    assert "is not paused any more" not in text


@pytest.mark.parametrize("host", [HOSTILE, "\0", "x" * 3000])
def test_an_odd_host_asked_for_is_text_or_refused(admin_client, host):
    answer = admin_client.get("/operations/", {"host": host})
    assert answer.status_code == (400 if host == "\0" else 200)
    assert HOSTILE not in answer.text


@pytest.mark.parametrize("host", ["", "\0", "x" * 3000])
def test_an_odd_host_is_answered_like_one_that_is_not_paused(admin_client, page, waiting, host):
    assert admin_client.post("/operations/resume-host/", {"host": host}).status_code == 302
    assert page.post(f"/jobs/{waiting.pk}/resume-host/", {"host": host}).status_code == 302


def test_nobody_else_may(page, client):
    pause_host(HOST)
    assert page.post("/operations/resume-host/", {"host": HOST}).status_code == 403
    assert PausedHost.objects.exists()


def test_the_button_needs_its_token(anna, waiting):
    pause_host(HOST)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    assert strict.post(f"/jobs/{waiting.pk}/resume-host/", {"host": HOST}).status_code == 403
    assert PausedHost.objects.exists()


@pytest.mark.parametrize("path", ["/operations/resume-host/", "/jobs/1/resume-host/"])
def test_nothing_is_resumed_by_looking(admin_client, path):
    assert admin_client.get(path).status_code == 405


@pytest.mark.parametrize("part", ["", "?part=status"])
def test_a_job_says_for_whom_how_many_images_wait_and_until_when(page, waiting, part):
    host = pause_host(HOST)
    text = words(page.get(f"/jobs/{waiting.pk}/{part}"))
    assert '3 images wait for <strong class="break">photos.test</strong> until <time' in text
    assert f"{host.until:%H:%M:%S}</time>: it answered 503" in text
    assert "All remaining images wait" not in text
    assert "<dt>Ends</dt>" in text


def test_a_job_of_which_all_images_wait_says_so_and_guesses_no_end(page, waiting):
    pause_host(HOST)
    pause_host("other.test:80", code="read_timeout")
    defer(waiting, "other.test:80")
    text = words(page.get(f"/jobs/{waiting.pk}/"))
    assert "All remaining images wait for their hosts." in text
    assert '1 image waits for <strong class="break">other.test:80</strong>' in text
    assert "it stopped sending" in text
    assert "<dt>Ends</dt>" not in text
    assert '<span class="state running">' in text


def test_the_list_says_for_whom_a_job_waits_instead_of_its_end(page, waiting):
    pause_host(HOST)
    assert "waits for" not in page.get("/jobs/").text
    pause_host("other.test:80")
    defer(waiting, "other.test:80")
    assert '<span class="quiet">waits for</span> photos.test and 1 more' in page.get("/jobs/").text


def test_the_owner_of_a_job_has_its_host_tried_again(page, waiting):
    pause_host(HOST)
    answer = page.post(f"/jobs/{waiting.pk}/resume-host/", {"host": HOST}, follow=True)
    assert answer.redirect_chain == [(f"/jobs/{waiting.pk}/", 302)]
    assert said(answer) == ["photos.test is tried again now."]
    assert not PausedHost.objects.exists()


def test_a_host_that_the_job_does_not_wait_for_is_left_alone(page, waiting):
    pause_host("other.test:443")
    answer = page.post(f"/jobs/{waiting.pk}/resume-host/", {"host": "other.test:443"}, follow=True)
    assert said(answer) == ["No image of this job waits for that host any more."]
    assert PausedHost.objects.exists()


def test_somebody_elses_job_is_not_found(page):
    theirs = submit_job(1)
    pause_host(HOST)
    defer(theirs, HOST)
    assert page.post(f"/jobs/{theirs.pk}/resume-host/", {"host": HOST}).status_code == 404
    assert PausedHost.objects.exists()


@pytest.mark.parametrize(
    ("waits_for", "is_paused", "said"),
    [
        (HOST, True, 'Waits for <strong class="break">photos.test</strong>, paused until'),
        (HOST, False, 'Waits for a place at its host, <strong class="break">photos.test</strong>'),
        ("*7", False, "Waits for its host, which has not answered yet"),
        ("", False, "Ready, until a worker has a free slot"),
    ],
)
def test_an_image_says_what_it_waits_for(page, anna, waits_for, is_paused, said):
    job = submit_job(1, owner=anna)
    defer(job, waits_for)
    if is_paused:
        pause_host(HOST)
    image = ImageResult.objects.get(job=job)
    assert said in words(page.get(f"/jobs/{job.pk}/images/{image.pk}/"))
    listed = page.get(f"/jobs/{job.pk}/?part=images").text
    assert ("waits for its host" in listed) is bool(waits_for)


def test_a_held_image_is_shown_as_held(page, anna):
    pause_host(HOST)
    job = submit_job(1, owner=anna)
    defer(job, HOST)
    queue.pause(job.pk)
    image = ImageResult.objects.get(job=job)
    text = page.get(f"/jobs/{job.pk}/images/{image.pk}/").text
    assert "Held, until" in text
    assert "Waits for" not in text


def test_an_attempt_that_did_not_count_says_so(page, anna):
    job = submit_job(1, owner=anna)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    refused = Outcome(claim, Evidence(), error=HTTPStatus(503), blame=Blame(HOST, is_paused=True))
    queue.record(worker, [refused])
    text = page.get(f"/jobs/{job.pk}/images/{claim.image_id}/").text
    assert "It did not count as an attempt: its host refused other images, too." in text
    assert "Attempt failed" not in text


def test_an_attempt_that_counted_says_nothing_of_that(page, job):
    image = ImageResult.objects.get(job=job, error_code="http_404")
    text = page.get(f"/jobs/{job.pk}/images/{image.pk}/").text
    assert "did not count" not in text
    assert "Attempt failed" in text


def test_a_pause_that_is_over_says_that_the_host_is_being_tried():
    over = timezone.now() - timedelta(seconds=1)
    assert until(over) == "until it answers; it is being tried"
    assert until(over, bare=True) == "being tried"
    moment = datetime(2126, 1, 2, 12, 4, 30, tzinfo=timezone.get_default_timezone())
    assert ">12:04:30</time>" in until(moment)
