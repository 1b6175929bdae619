"""One job's page: its status, what failed, its images, and what may be done."""

import re
from html import unescape

import pytest
from django.utils.html import escape

from dashboard.pages import job as module
from jobs import queue
from jobs.models import ImageResult, JobAction
from tests.dashboard.conftest import HOSTILE
from tests.factories import look, make_worker, states, submit_job, success

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(anna):
    job = submit_job(4)
    job.owner = anna
    job.save(update_fields=["owner"])
    worker = make_worker()
    first, _ = queue.claim(worker, limit=2)
    queue.record(worker, [success(first)])
    return job


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_the_numbers_are_shown(page, job):
    text = page.get(f"/jobs/{job.pk}/").text
    assert "1 completed, 4 failed of 5 images" in text
    assert text.count("not_an_image") >= 2


def test_what_a_client_sent_is_text(page, job):
    for part in ("", "?part=failures", "?part=images"):
        text = page.get(f"/jobs/{job.pk}/{part}").text
        assert HOSTILE not in text
    assert escape(HOSTILE) in page.get(f"/jobs/{job.pk}/").text


@pytest.mark.parametrize("part", ["status", "failures", "images"])
def test_a_part_is_answered_alone(page, job, part):
    text = page.get(f"/jobs/{job.pk}/?part={part}").text
    assert f'<section id="{part}"' in text
    assert "<html" not in text
    assert text.count("<section") == 1


def test_each_failed_group_leads_to_its_images_their_retry_and_their_export(page, job):
    text = page.get(f"/jobs/{job.pk}/?part=failures").text
    query = "code=not_an_image&amp;host=b.test&amp;area=A-1"
    assert f"/jobs/{job.pk}/?{query}#images" in text
    assert f"/jobs/{job.pk}/retry/?{query}" in text
    assert f"/api/v1/jobs/{job.pk}/export?format=csv&amp;{query}" in text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"state": "completed"}, 1),
        ({"state": "failed"}, 4),
        ({"state": "asleep"}, 5),
        ({"code": "http_404"}, 1),
        ({"host": "b.test"}, 2),
        ({"host": ""}, 0),
        ({"store": "T-1"}, 4),
        ({"store": ""}, 5),
        ({"area": "A-1"}, 4),
        ({"area": ""}, 1),
        ({"area": "A-1", "host": "b.test", "state": "failed", "code": "not_an_image"}, 1),
    ],
)
def test_the_images_can_be_filtered(page, job, query, count):
    assert len(page.get(f"/jobs/{job.pk}/", query).context["images"]) == count


def test_images_come_page_by_page(page, anna):
    job = submit_job(51)
    job.owner = anna
    job.save(update_fields=["owner"])
    first = page.get(f"/jobs/{job.pk}/")
    assert len(first.context["images"]) == 50
    second = page.get(f"/jobs/{job.pk}/?after={first.context['next']}")
    assert (len(second.context["images"]), second.context["next"]) == (1, None)


def test_a_running_job_is_live(page, running):
    assert f'data-live="/api/v1/jobs/{running.pk}/events"' in page.get(f"/jobs/{running.pk}/").text


def test_a_job_that_has_ended_is_not(page, job):
    assert "data-live=" not in page.get(f"/jobs/{job.pk}/").text


@pytest.mark.parametrize(("act", "state"), [("pause", "paused"), ("prioritize", "running")])
def test_what_can_be_undone_is_done_at_once(page, running, act, state):
    answer = page.post(f"/jobs/{running.pk}/act/", {"act": act, "priority": "-3"}, follow=True)
    assert len(said(answer)) == 1
    assert look(running).state == state
    assert JobAction.objects.get().verb == act


def test_a_paused_job_can_be_resumed(page, running):
    queue.pause(running.pk)
    assert "Resume" in page.get(f"/jobs/{running.pk}/").text
    page.post(f"/jobs/{running.pk}/act/", {"act": "resume"})
    assert look(running).state == "running"


def test_a_cancel_asks_for_confirmation(page, running):
    answer = page.post(f"/jobs/{running.pk}/act/", {"act": "cancel"})
    assert "2 images" in answer.text
    assert look(running).state == "running"
    page.post(f"/jobs/{running.pk}/act/", {"act": "cancel", "confirmed": "yes"})
    assert look(running).state == "canceling"


@pytest.mark.parametrize("priority", ["10", "-10", "x", "", "1.5", "³"])
def test_a_priority_out_of_bounds_is_refused_with_the_bounds(page, running, priority):
    answer = page.post(f"/jobs/{running.pk}/act/", {"act": "prioritize", "priority": priority}, follow=True)
    assert said(answer) == ["A priority is a whole number from -9 to 9."]


def test_what_the_state_does_not_allow_is_reported(page, job):
    answer = page.post(f"/jobs/{job.pk}/act/", {"act": "pause"}, follow=True)
    assert said(answer) == [f"Job {job.pk} has ended; there is nothing to pause."]


def test_the_history_says_who_did_what(page, running):
    page.post(f"/jobs/{running.pk}/act/", {"act": "pause"})
    text = page.get(f"/jobs/{running.pk}/").text
    assert "<strong>Pause</strong> by anna" in text


def test_a_retry_first_counts_what_it_can_help(page, job):
    answer = page.get(f"/jobs/{job.pk}/retry/")
    preview = answer.context["preview"]
    assert (preview.matching, preview.retryable, preview.permanent, preview.unknown_store) == (4, 1, 2, 1)
    assert "Retry 1 of 4 (2 permanent)" in answer.text


def test_then_the_retryable_ones_are_retried_or_all(page, job):
    answer = page.post(f"/jobs/{job.pk}/retry/", {"what": "retryable"}, follow=True)
    assert said(answer)[0].startswith("1 image will be tried again.")
    answer = page.post(f"/jobs/{job.pk}/retry/", {"what": "all"}, follow=True)
    assert said(answer) == ["2 images will be tried again. Left failed, because their store is still unknown: 1."]
    assert states(job).count("pending") == 3


def test_a_retry_keeps_to_its_filter(page, job):
    query = {"code": "not_an_image", "host": "b.test", "area": "A-1"}
    assert page.get(f"/jobs/{job.pk}/retry/", query).context["preview"].matching == 1
    page.post(f"/jobs/{job.pk}/retry/", {**query, "what": "all"})
    assert states(job).count("pending") == 1


def test_a_page_takes_as_many_queries_for_a_large_job(page, anna, django_assert_max_num_queries):
    job = submit_job(300)
    job.owner = anna
    job.save(update_fields=["owner"])
    with django_assert_max_num_queries(14):
        page.get(f"/jobs/{job.pk}/")


def test_an_image_shows_every_attempt_with_its_evidence(page, job):
    image = ImageResult.objects.get(job=job, error_code="http_404")
    text = page.get(f"/jobs/{job.pk}/images/{image.pk}/").text
    for shown in ("http_404", "404", "321", "text/html", escape(f"http://r.test/{HOSTILE}")):
        assert shown in text
    assert HOSTILE not in text


def test_a_measured_image_shows_its_perimeter_as_a_sum(page, job):
    image = ImageResult.objects.get(job=job, state="completed")
    text = page.get(f"/jobs/{job.pk}/images/{image.pk}/").text
    assert "2,240" in text
    assert "2 \N{MULTIPLICATION SIGN} (480 + 640)" in text


def test_images_on_their_way_say_what_they_wait_for(page, running):
    shown = {
        image.state: page.get(f"/jobs/{running.pk}/images/{image.pk}/").text
        for image in ImageResult.objects.filter(job=running)
    }
    assert "Ready, until a worker has a free slot" in shown["pending"]
    assert "In flight at worker" in shown["running"]
    queue.pause(running.pk)
    held = ImageResult.objects.filter(job=running, held=True).first()
    assert "Held, until its job is resumed" in page.get(f"/jobs/{running.pk}/images/{held.pk}/").text


def test_failures_are_sent_again_only_where_others_have_failed(page, job):
    def ask():
        addresses = re.findall(r'data-refresh="([^"]*part=failures[^"]*)"', page.get(f"/jobs/{job.pk}/").text)
        return page.get(unescape(*addresses))

    assert ask().status_code == 204
    address = f"/jobs/{job.pk}/?part=failures&seen={job.failed}-0"
    assert page.get(address).status_code == 204
    # As many have failed as before, but not the same.
    JobAction.objects.create(job=job, verb=JobAction.Verb.RETRY, images=1)
    assert page.get(address).status_code == 200
    assert ask().status_code == 204


def test_failed_stores_beyond_the_first_are_counted_and_linked(page, job, monkeypatch):
    assert "the API lists them all" not in page.get(f"/jobs/{job.pk}/").text
    monkeypatch.setattr(module, "MOST_STORE_ERRORS", 1)
    text = page.get(f"/jobs/{job.pk}/").text
    assert "The first 1 of 2" in text
    assert f'href="/api/v1/jobs/{job.pk}/store-errors"' in text
