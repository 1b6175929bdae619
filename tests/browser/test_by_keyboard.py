"""Everything without a mouse, and at every step it shows where one is."""

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import queue
from jobs.errors import HTTPStatus
from tests.browser.conftest import PASSWORD, record
from tests.factories import failure, make_worker, states, submit_job, success

MOST_STEPS = 60
WHERE_ONE_IS = """() => {
    const element = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return {
        tag: element.tagName,
        outlined: element.matches(":focus-visible") && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        inSight: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""


@pytest.fixture
def worker(site):
    return make_worker()


@pytest.fixture
def jobs(worker, anna):
    """Two of anna's jobs: of the older, three images long, one is completed and one has failed."""
    older = submit_job(3, owner=anna)
    good, bad = queue.claim(worker, limit=2)
    record(worker, [success(good), failure(bad, HTTPStatus(404))])
    return older, submit_job(2, owner=anna)


def is_focused(element: Locator) -> bool:
    return element.evaluate("element => element === document.activeElement")


def go_to(page: Page, element: Locator, key: str = "Tab") -> None:
    """Step there; every step on the way is seen."""
    expect(element).to_have_count(1)
    for _ in range(MOST_STEPS):
        page.keyboard.press(key)
        here = page.evaluate(WHERE_ONE_IS)
        if here["tag"] == "BODY":
            continue  # around the end of the page
        assert here["outlined"], f"focus does not show: {here}"
        assert here["inSight"], f"focus is out of sight: {here}"
        if is_focused(element):
            return
    raise AssertionError(f"not within {MOST_STEPS} steps: {element}")


def press(page: Page, element: Locator) -> None:
    go_to(page, element)
    page.keyboard.press("Enter")


def sign_in_by_keyboard(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("anna")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")


def test_an_image_is_found_and_left_and_its_job_paused(page, jobs):
    older, _ = jobs
    sign_in_by_keyboard(page)
    press(page, page.get_by_role("link", name="Skip to the content"))
    expect(page.get_by_role("main")).to_be_focused()
    press(page, page.get_by_role("link", name=f"Job {older.pk}", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {older.pk}")

    go_to(page, page.get_by_label("State"))
    page.keyboard.type("failed")
    press(page, page.get_by_role("button", name="Filter"))
    page.wait_for_url("**state=failed**")
    images = page.get_by_role("region", name="Images of this job")
    expect(images.locator("tbody tr")).to_have_count(1)
    press(page, images.get_by_role("link"))
    expect(page.locator(".notice.error")).to_contain_text("http_404")
    press(page, page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name=f"Job {older.pk}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {older.pk}")

    press(page, page.get_by_role("button", name="Pause"))
    expect(page.locator("#status .state")).to_have_text("paused")
    press(page, page.get_by_role("button", name="Resume"))
    expect(page.locator("#status .state")).to_have_text("running")


def test_an_action_on_all_jobs_that_match_is_done_once_confirmed(page, jobs, worker):
    sign_in_by_keyboard(page)
    go_to(page, page.get_by_label("With all jobs that match this filter"))
    page.keyboard.type("Cancel")
    press(page, page.get_by_role("button", name="Count them"))
    expect(page.locator(".notice.warning")).to_contain_text("2 jobs match no filter")
    assert [states(job).count("pending") for job in jobs] == [1, 2]
    press(page, page.get_by_role("main").get_by_role("button"))
    expect(page.get_by_role("status")).to_contain_text("3 images of 2 jobs")
    assert [states(job).count("pending") for job in jobs] == [0, 0]


def test_a_refresh_leaves_one_where_one_was(page, jobs, worker, anna, sign_in):
    """A link in a part that is replaced, and a summary whose details are open."""
    _, newer = jobs
    sign_in(anna)
    page.goto("/jobs/")
    expect(page.get_by_role("row", name=f"Job {newer.pk}")).to_contain_text("0 of 2")
    link = page.get_by_role("link", name=f"Job {newer.pk}", exact=True)
    go_to(page, link)
    claims = queue.claim(worker, limit=3)
    record(worker, [success(claim) for claim in claims if claim.job_id == newer.pk][:1])
    expect(page.get_by_role("row", name=f"Job {newer.pk}")).to_contain_text("1 of 2")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")

    table = page.get_by_text("As a table")
    press(page, table)
    expect(page.locator("#throughput-table")).to_have_attribute("open", "")
    record(worker, [success(claim) for claim in claims if claim.job_id == newer.pk][1:])
    expect(page.locator("#status .state")).to_have_text(["ended", "completed"])
    expect(page.locator("#throughput-table")).to_have_attribute("open", "")
    expect(table).to_be_focused()


def test_where_the_focused_button_is_gone_focus_does_not_go_to_the_top(page, jobs, worker, anna, sign_in):
    _, newer = jobs
    sign_in(anna)
    page.goto(f"/jobs/{newer.pk}/")
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    go_to(page, page.get_by_role("button", name="Pause"))
    record(worker, [success(claim) for claim in queue.claim(worker, limit=3)])
    expect(page.locator("#status .state")).to_have_text(["ended", "completed"])
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert page.evaluate(WHERE_ONE_IS)["tag"] != "BODY"


def test_what_has_changed_its_text_keeps_the_focus(page, jobs, worker, anna, sign_in):
    """A table that is scrolled by keyboard, and a link whose text is a number."""
    older, newer = jobs
    sign_in(anna)
    page.goto(f"/jobs/{older.pk}/")
    expect(page.locator("[data-live-indicator]")).to_have_text("live")
    link = page.locator("#status .tiles a")
    go_to(page, link)
    claims = queue.claim(worker, limit=3)
    record(worker, [failure(claim, HTTPStatus(404)) for claim in claims if claim.job_id == older.pk])
    expect(link).to_have_text("2")
    expect(link).to_be_focused()

    page.goto("/jobs/")
    table = page.get_by_role("region", name="Jobs", exact=True)
    expect(page.get_by_role("row", name=f"Job {newer.pk}")).to_contain_text("0 of 2")
    go_to(page, table)
    record(worker, [success(claim) for claim in claims if claim.job_id == newer.pk])
    expect(page.get_by_role("row", name=f"Job {newer.pk}")).to_contain_text("2 of 2")
    expect(table).to_be_focused()
