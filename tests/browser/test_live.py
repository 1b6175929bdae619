"""A page that is open follows what happens, and keeps out of the way of the person using it."""

import pytest
from playwright.sync_api import expect

from jobs import queue
from jobs.models import Job, PausedHost
from tests.browser.conftest import record
from tests.factories import defer, make_worker, pause_host, submit_job, success


@pytest.fixture
def claims(site, anna, sign_in, page):
    """Three images in flight of a job that anna is looking at."""
    job = submit_job(3, owner=anna)
    worker = make_worker()
    claims = queue.claim(worker, limit=3)
    sign_in(anna)
    page.clock.install()
    page.goto(f"/jobs/{job.pk}/")
    return lambda count: record(worker, [success(claims.pop()) for _ in range(count)])


@pytest.fixture
def completed(page):
    return page.locator("#status .tiles dd").first


def indicator(page):
    return page.locator("[data-live-indicator]")


def asked_by(page) -> list[str]:
    """The addresses that the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def let_it_act(page) -> None:
    """Until the page has done what it had to do at once."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def let_time_pass(page) -> None:
    """Until the page would have asked again: at most once a second, so that only after one does silence say something.

    Its clock is put forward, as `page.clock.install()` allows.
    """
    page.clock.run_for(1500)
    let_it_act(page)


def test_it_follows_a_job_to_its_end(page, claims, completed):
    expect(indicator(page)).to_have_text("live")
    claims(1)
    expect(completed).to_contain_text("1 of 3")
    claims(2)
    expect(page.locator("#status .state")).to_have_text(["ended", "completed"])
    expect(indicator(page)).to_have_count(0)
    asked = asked_by(page)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as if somebody came back to it
    let_it_act(page)
    assert asked == []


def test_it_waits_for_a_person_who_is_in_a_field_or_has_selected_text(page, claims, completed):
    expect(indicator(page)).to_have_text("live")
    let_time_pass(page)  # what the page asked for as it opened is there
    page.get_by_label("Error code").fill("http_4")
    asked = asked_by(page)
    claims(1)
    expect(indicator(page)).to_have_text("paused")
    let_time_pass(page)
    assert asked == []
    expect(completed).to_contain_text("0 of 3")
    assert page.get_by_label("Error code").input_value() == "http_4"
    page.get_by_label("Error code").blur()
    expect(completed).to_contain_text("1 of 3")
    expect(indicator(page)).to_have_text("live")
    page.locator("#failures").evaluate("() => getSelection().selectAllChildren(document.querySelector('#status'))")
    claims(1)
    expect(indicator(page)).to_have_text("paused")
    page.evaluate("getSelection().removeAllRanges()")
    expect(completed).to_contain_text("2 of 3")


def test_it_takes_no_button_away_while_it_is_pressed(page, claims, completed):
    expect(indicator(page)).to_have_text("live")
    page.get_by_role("button", name="Cancel …").hover()
    page.mouse.down()
    claims(1)
    expect(indicator(page)).to_have_text("paused")
    expect(completed).to_have_text("0 of 3")
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancel job")


def test_focus_scroll_and_open_details_survive(page, claims, completed):
    expect(indicator(page)).to_have_text("live")
    claims(1)
    page.get_by_text("As a table").click()
    page.get_by_role("button", name="Pause").focus()
    page.set_viewport_size({"width": 1280, "height": 300})
    page.evaluate("scrollTo(0, 120)")
    claims(1)
    expect(completed).to_contain_text("2 of 3")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    expect(page.locator("#throughput-table")).to_have_attribute("open", "")
    assert page.evaluate("scrollY") == 120


def test_without_a_stream_it_asks_every_few_seconds(page, site, anna, sign_in, troubles, settings):
    settings.LIVE_STREAMS = 0
    job = submit_job(2, owner=anna)
    worker = make_worker()
    claims = queue.claim(worker, limit=2)
    sign_in(anna)
    page.clock.install()
    page.goto(f"/jobs/{job.pk}/")
    completed = page.locator("#status .tiles dd").first
    expect(indicator(page)).to_have_text("polling")
    page.evaluate("window.isStillHere = true")
    record(worker, [success(claims.pop())])
    page.clock.run_for(5000)
    expect(completed).to_contain_text("1 of 2")
    expect(indicator(page)).to_have_text("polling")

    page.get_by_label("Error code").fill("http_4")
    record(worker, [success(claims.pop())])
    page.clock.run_for(5000)
    expect(indicator(page)).to_have_text("paused")
    expect(completed).to_contain_text("1 of 2")
    page.get_by_label("Error code").blur()
    expect(completed).to_contain_text("2 of 2")
    assert page.evaluate("window.isStillHere")
    assert all("503" in trouble for trouble in troubles)
    troubles.clear()


def test_after_the_session_a_person_is_led_to_the_form(page, claims, anna):
    expect(indicator(page)).to_have_text("live")
    page.context.clear_cookies()
    claims(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_it_follows_the_hosts_that_a_job_waits_for(page, site, anna, sign_in):
    job = submit_job(2, owner=anna)
    sign_in(anna)
    page.goto(f"/jobs/{job.pk}/")
    expect(indicator(page)).to_have_text("live")
    pause_host("photos.test:443")
    defer(Job.objects.get(), "photos.test:443")
    expect(page.locator("#status")).to_contain_text("All remaining images wait for their host.")
    page.get_by_role("button", name="Try again now for photos.test").click()
    expect(page.get_by_role("status").first).to_contain_text("photos.test is tried again now.")
    expect(page.locator("#status .waits")).to_have_count(0)
    assert not PausedHost.objects.exists()
