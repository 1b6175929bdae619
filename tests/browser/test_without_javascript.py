"""Nothing that must be read or done depends on a script."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from jobs import queue
from jobs.errors import HTTPStatus, Truncated
from jobs.models import Job, PausedHost
from tests.browser.conftest import record
from tests.factories import allow, defer, failure, make_worker, pause_host, states, submit_job, success


@pytest.fixture
def context_options():
    return {"java_script_enabled": False}


@pytest.fixture
def job(anna, sign_in):
    """Ended: one image is completed, one permanently failed, one may be retried."""
    job = submit_job(3, owner=anna)
    worker = make_worker()
    good, bad, short = queue.claim(worker, limit=3)
    late = Truncated()
    late.retryable = False
    record(worker, [success(good), failure(bad, HTTPStatus(404)), failure(short, late)])
    sign_in(anna)
    return job


def test_a_job_is_found_read_and_its_images_filtered(page, job):
    page.goto("/jobs/")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name=f"Job {job.pk}").click()
    expect(page.locator("#status .state")).to_have_text(["ended", "failed"])
    expect(page.locator("[data-live-indicator]")).to_have_count(0)
    page.get_by_label("Error code").fill("http_404")
    page.get_by_role("button", name="Filter").click()
    images = page.get_by_role("region", name="Images of this job")
    expect(images.locator("tbody tr")).to_have_count(1)
    images.get_by_role("link").click()
    expect(page.locator(".timeline")).to_contain_text("Attempt failed: http_404")


def test_what_is_retryable_is_retried(page, job):
    page.goto(f"/jobs/{job.pk}/")
    page.get_by_role("link", name="Retry …", exact=True).click()
    page.get_by_role("button", name="Retry 1 of 2").click()
    expect(page.get_by_role("status").first).to_contain_text("1 image will be tried again.")
    expect(page.locator("[data-live-indicator]")).to_have_text("not live")
    assert states(job) == ["completed", "failed", "pending"]
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#status .state")).to_have_text(["ended", "canceled"])


def test_a_submission_of_two_visits_is_checked_and_sent(page, job):
    page.goto("/submit/")
    for number in (1, 2):
        visit = page.get_by_role("group", name=f"Visit {number}")
        visit.get_by_label("Store id").fill("T-1")
        visit.get_by_label("Time of the visit").fill(f"2026-11-22T0{number}:00:00Z")
        visit.get_by_label("Image URLs").fill(f"http://images.test/{number}.jpg")
        if number == 1:
            page.get_by_role("button", name="Add another visit").click()
    page.get_by_role("button", name="Check it first").click()
    expect(page.get_by_text("This would be accepted.")).to_be_visible()
    page.get_by_role("button", name="Submit 2 images").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {job.pk + 1}")
    assert Job.objects.get(pk=job.pk + 1).total == 2


def test_a_paused_host_is_tried_again_from_the_job_and_from_the_overview(page, anna, job):
    waiting = submit_job(2, owner=anna)
    defer(waiting, "photos.test:443")
    pause_host("photos.test:443")
    page.goto(f"/jobs/{waiting.pk}/")
    expect(page.locator("#status")).to_contain_text("2 images wait for photos.test until")
    page.get_by_role("button", name="Try again now for photos.test").click()
    expect(page.get_by_role("status").first).to_contain_text("photos.test is tried again now.")
    assert not PausedHost.objects.exists()
    pause_host("photos.test:443")
    User.objects.filter(pk=anna.pk).update(is_staff=True)
    allow(anna, "view_job", "change_pausedhost")
    page.goto("/operations/")
    page.get_by_role("button", name="Try again now for photos.test").click()
    expect(page.get_by_role("status").first).to_contain_text("photos.test is tried again now.")
    assert not PausedHost.objects.exists()
