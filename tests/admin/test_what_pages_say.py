"""The words and numbers on the pages."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from jobs import errors, queue
from jobs.admin import job as job_page
from jobs.models import ImageResult, Job, Worker
from jobs.states import OnError
from tests.admin.conftest import HOSTILE_URL, list_page, row_page
from tests.factories import KNOWN_STORE, failure, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


def words(response):
    """The page's text, with every tag and every run of blanks as one blank."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())


def test_a_job_shows_its_progress_rounded_down(admin_client, db):
    job = submit_job(300)
    worker = make_worker()
    claims = queue.claim(worker, limit=299)
    queue.record(worker, [success(claim) for claim in claims])
    for page in (list_page(Job), row_page(job)):
        response = admin_client.get(page)
        assert '<progress value="299" max="300"' in response.text
        assert "99 %" in words(response)


def test_a_job_says_why_its_images_failed_and_what_a_retry_can_do(admin_client, job):
    page = words(admin_client.get(row_page(job)))
    assert "http_404 1 permanent" in page
    assert "unknown_store 1 permanent" in page
    assert "nowhere The store is not in the store master." in page


def test_a_passing_error_is_retryable(admin_client, db, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [failure(claim, errors.HTTPStatus(503))])
    assert "http_503 1 a retry may help" in words(admin_client.get(row_page(job)))
    page = words(admin_client.get(row_page(ImageResult.objects.get())))
    assert "http_503 The server answered 503 instead of 200. A retry may help." in page


@pytest.mark.parametrize(("stores", "more"), [(2, False), (3, True)])
def test_a_long_list_of_failed_stores_is_cut(admin_client, monkeypatch, stores, more):
    monkeypatch.setattr(job_page, "MOST_STORE_ERRORS", 2)
    job = submit_visits(*((f"nowhere-{number}", ["http://n.test/1"]) for number in range(stores)))
    page = words(admin_client.get(row_page(job)))
    assert ("… and 1 more" in page) == more
    assert "nowhere-1" in page
    assert "nowhere-2 The store" not in page


def test_a_failed_image_shows_its_code_its_sentence_and_each_failed_attempt(admin_client, job):
    page = words(admin_client.get(row_page(ImageResult.objects.get(url=HOSTILE_URL))))
    assert "http_404 The server answered 404 instead of 200. Permanent:" in page
    assert "http://a.test/&lt;b&gt; http://b.test/" in page
    assert re.search(
        r"UTC http_404 The server answered 404 instead of 200\. 404 http.* public text/&lt;i&gt; 321 45 \d+", page
    )


def test_a_measured_image_shows_its_perimeter(admin_client, job):
    assert "perimeter 2,240 (640 \N{MULTIPLICATION SIGN} 480)" in words(admin_client.get(list_page(ImageResult)))


def test_a_pending_image_says_what_it_waits_for(admin_client, db):
    submit_visits((KNOWN_STORE, ["http://i.test/1", "http://i.test/2"]), on_error=OnError.STOP_STORE)
    first, held = ImageResult.objects.order_by("pk")
    assert "In the queue: ready" in words(admin_client.get(row_page(first)))
    assert "In the queue: held, until" in words(admin_client.get(row_page(held)))
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    assert "In the queue: - " in words(admin_client.get(row_page(first)))
    queue.record(worker, [failure(claim, errors.ReadTimeout())])
    assert "In the queue: waiting for its next attempt" in words(admin_client.get(row_page(first)))


def alive(admin_client, worker_id):
    page = admin_client.get(row_page(Worker.objects.get(pk=worker_id))).text
    return 'alt="True"' in page


@pytest.mark.parametrize(("silent_for", "expected"), [(28, True), (31, False)])
def test_a_worker_is_alive_while_its_heartbeat_is_within_the_lease(admin_client, settings, silent_for, expected):
    settings.LEASE_SECONDS = 30
    worker_id = make_worker()
    # Both by the database's clock, whatever this machine's says.
    Worker.objects.update(beat_at=Now() - timedelta(seconds=silent_for))
    assert alive(admin_client, worker_id) == expected
    assert f"{silent_for} seconds ago" in words(admin_client.get(list_page(Worker)))


def test_a_worker_shows_its_slots_and_its_images_in_flight(admin_client, crowd):
    page = words(admin_client.get(row_page(Worker.objects.get(pk=ImageResult.objects.running()[0].claimed_by))))
    assert "Worker slots: 4" in page
    assert "Images in flight: 60" in page
