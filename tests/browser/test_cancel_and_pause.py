"""The journey of a person who stops a job: permanently, keeping its results, or for a while."""

import pytest
from playwright.sync_api import expect

from jobs import actions, queue
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import record
from tests.factories import make_worker, ready, states, submit_job, success


@pytest.fixture
def worker(site):
    return make_worker()


@pytest.fixture
def job(worker, anna, sign_in, page):
    """Of four images one is completed, one in flight, two pending; anna looks at it."""
    job = submit_job(4, owner=anna)
    record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    sign_in(anna)
    page.goto(f"/jobs/{job.pk}/")
    return job


def status(page):
    return page.locator("#status .state")


def tile(page, name):
    return page.locator("#status .tiles > div", has_text=name).locator("dd")


def press(page, name):
    page.get_by_role("button", name=name).click()


def test_a_canceled_job_keeps_its_results_and_ends_with_what_is_in_flight(page, job, worker):
    (claim,) = queue.claim(worker, limit=1)
    press(page, "Cancel …")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Cancel job {job.pk}?")
    said = page.locator(".notice.warning")
    expect(said).to_contain_text("2 images will not be fetched")
    expect(said).to_contain_text("1 in flight will still finish")
    expect(said).to_contain_text("The 1 that are completed are kept")
    assert_accessible(page)
    assert states(job) == ["completed", "running", "pending", "pending"]

    press(page, "Cancel the job")
    expect(page.get_by_role("status").first).to_contain_text("2 images")
    expect(status(page)).to_have_text(["canceling"])
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    expect(page.get_by_role("button", name="Cancel …")).to_have_count(0)
    record(worker, [success(claim)])
    expect(status(page)).to_have_text(["ended", "canceled"])
    expect(tile(page, "Completed")).to_have_text("2 of 4")
    expect(tile(page, "Failed")).to_have_text("2 2 canceled")
    assert states(job) == ["completed", "completed", "failed", "failed"]
    expect(page.locator("#images tbody tr", has_text="canceled")).to_have_count(2)


def test_going_back_cancels_nothing(page, job):
    press(page, "Cancel …")
    page.get_by_role("link", name="Keep the job").click()
    expect(status(page)).to_have_text(["running"])
    assert states(job) == ["completed", "pending", "pending", "pending"]


def test_a_paused_job_rests_until_it_is_resumed(page, job, worker):
    press(page, "Pause")
    expect(page.get_by_role("status").first).to_contain_text("3 images")
    expect(status(page)).to_have_text(["paused"])
    assert not ready()
    assert not queue.claim(worker, limit=4)
    press(page, "Resume")
    expect(status(page)).to_have_text(["running"])
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    claims = queue.claim(worker, limit=4)
    record(worker, [success(claims.pop())])
    expect(tile(page, "Completed")).to_have_text("2 of 4")
    expect(tile(page, "In flight")).to_have_text("2")
    record(worker, [success(claim) for claim in claims])
    expect(status(page)).to_have_text(["ended", "completed"])
    expect(page.locator(".timeline li")).to_contain_text(["Resume by anna", "Pause by anna", "Submitted by anna"])


def test_an_action_on_more_jobs_than_a_request_has_time_for_goes_on_by_itself(page, anna, sign_in, monkeypatch):
    act = actions.act_on_all
    monkeypatch.setattr(actions, "act_on_all", lambda *given, **named: act(*given, **{**named, "seconds": 0}))
    jobs = [submit_job(1, owner=anna) for _ in range(4)]
    sign_in(anna)
    page.goto("/jobs/")
    page.get_by_label("With all jobs that match").select_option("cancel")
    press(page, "Count them …")
    press(page, "Cancel jobs")
    expect(page.get_by_role("status").first).to_contain_text("4 images of 4 jobs will not be fetched.")
    assert [states(job) for job in jobs] == [["failed"]] * 4
