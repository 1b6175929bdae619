"""The journey of a person who runs the field work: submit by form, watch, see why it failed, retry, export."""

import csv
import uuid

import pytest
from playwright.sync_api import expect

from jobs.models import ImageResult, Job
from tests.browser.accessible import assert_accessible
from tests.factories import KNOWN_STORE, make_stores

STATUS = "#status .tiles > div"


@pytest.fixture
def urls(images):
    """Two good ones, one that is there at the second attempt, and three that fail: one of them is retryable."""
    good = [f"{images.url}/{name}" for name in images.names[:2]]
    flaky = f"{images.url}/flaky/{images.names[0]}?{uuid.uuid4()}"
    return [*good, flaky, *(f"{images.url}/{bad}" for bad in ("404", "not-an-image", "truncated"))]


def fill_in(page, urls):
    make_stores(KNOWN_STORE)
    page.goto("/jobs/")
    page.get_by_role("link", name="Submit a job").click()
    page.get_by_label("Store id").fill(KNOWN_STORE)
    page.get_by_label("Time of the visit").fill("2026-11-22T09:30:00+05:30")
    page.get_by_label("Image URLs").fill("\n".join(urls))


def number(page, name):
    return page.locator(STATUS, has=page.locator("dt", has_text=name)).locator("dd")


def stay(page):
    """What this returns is true as long as the page was not loaded anew."""
    page.evaluate("window.isStillHere = true")
    return lambda: page.evaluate("window.isStillHere === true")


def test_a_submission_is_a_dry_run_first_and_nothing_of_it_is_stored(page, anna, sign_in, urls):
    sign_in(anna)
    fill_in(page, urls)
    page.get_by_role("button", name="Check it first").click()
    outcome = page.get_by_role("region", name="Dry run")
    expect(outcome).to_contain_text("This would be accepted. Nothing is sent yet.")
    expect(outcome.locator(".tiles > div", has_text="Images")).to_contain_text("6")
    assert page.get_by_label("Image URLs").input_value().split() == urls
    expect(page.get_by_role("button", name="Submit 6 images")).to_be_enabled()
    assert not Job.objects.exists()

    page.get_by_label("Store id").fill("N-1")
    page.get_by_label("Image URLs").fill(f"{urls[0]}\n{urls[0]}\nhttp://10.0.0.1/x.jpg")
    page.get_by_role("button", name="Check it first").click()
    expect(outcome.get_by_role("heading", name="Unknown stores")).to_be_visible()
    expect(outcome.get_by_role("listitem").filter(has_text="N-1")).to_be_visible()
    expect(outcome.get_by_role("heading", name="Refused by their URL")).to_be_visible()
    expect(outcome.get_by_role("heading", name="URLs that occur more than once")).to_be_visible()

    page.get_by_label("Image URLs").fill("")
    page.get_by_role("button", name="Submit", exact=False).click()
    expect(outcome).to_contain_text("This would be refused")
    assert not Job.objects.exists()


def test_a_job_is_submitted_watched_understood_retried_and_exported(
    page, anna, sign_in, urls, engine, settings, tmp_path
):
    settings.MAX_ATTEMPTS = 1
    sign_in(anna)
    fill_in(page, urls)
    page.get_by_role("button", name="Check it first").click()
    page.get_by_role("button", name="Submit 6 images").click()
    expect(page.get_by_role("status").first).to_contain_text("is submitted")

    # It is followed to its end without a click.
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    expect(number(page, "Pending")).to_have_text("6")
    is_still_here = stay(page)
    engine.start()
    expect(number(page, "Completed")).to_have_text("2 of 6")
    expect(number(page, "Failed")).to_have_text("4")
    expect(page.locator("#status .state")).to_have_text(["ended", "failed"])
    assert is_still_here()
    engine.stop()

    # Why it failed, and whether a retry can help.
    failures = page.get_by_role("region", name="Failures by code, host and area")
    expect(failures.locator("tbody th code")).to_have_text(["http_404", "http_503", "not_an_image", "truncated"])
    page.locator("#failures tr", has_text="http_404").get_by_role("link", name="Show").click()
    images = page.get_by_role("region", name="Images of this job")
    expect(images.locator("tbody tr")).to_have_count(1)
    images.get_by_role("link").click()
    expect(page.locator(".notice.error")).to_contain_text("It would fail again")
    attempt = page.locator(".timeline .failed").first
    expect(attempt).to_contain_text("Attempt failed: http_404")
    expect(attempt.locator("dd")).to_contain_text(["404", "text/plain", "0", "loopback"])
    assert_accessible(page)
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Job").last.click()

    # What may be retryable is retried, and the rest counted.
    page.get_by_role("link", name="Retry …", exact=True).click()
    for name, count in {"Match": 4, "Another attempt may help": 2, "Permanent": 2, "Store still unknown": 0}.items():
        expect(page.locator(".tiles > div", has_text=name).locator("dd")).to_have_text(str(count))
    page.get_by_role("button", name="Retry 2 of 4 (2 permanent)").click()
    expect(page.get_by_role("status").first).to_contain_text("2 images will be tried again.")
    expect(page.locator("#status .state")).to_have_text("running")
    is_still_here = stay(page)
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    engine.start()
    expect(page.locator("#status .state")).to_have_text(["ended", "failed"])
    expect(number(page, "Completed")).to_have_text("3 of 6")
    assert is_still_here()
    expect(page.locator(".timeline")).to_contain_text("Retry by anna")
    truncated = ImageResult.objects.get(url=urls[-1])
    page.goto(f"/jobs/{truncated.job_id}/images/{truncated.pk}/")
    expect(page.locator(".timeline li", has_text="Attempt failed: truncated")).to_have_count(2)
    page.go_back()

    # What is left goes to the people who can repair it.
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Export failed").click()
    downloading.value.save_as(tmp_path / "failed.csv")
    with open(tmp_path / "failed.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image_url"], row["error_code"]) for row in rows] == [
        (urls[3], "http_404"), (urls[4], "not_an_image"), (urls[5], "truncated")
    ]  # fmt: skip
    assert {(row["store_id"], row["area_code"], row["state"]) for row in rows} == {(KNOWN_STORE, "A-1", "failed")}
