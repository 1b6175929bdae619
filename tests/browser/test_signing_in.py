"""Signing in, for everybody: by sight, on a phone, by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.browser.accessible import assert_accessible, assert_fits_a_phone
from tests.browser.conftest import PASSWORD


def test_the_form_is_accessible_in_both_schemes_and_on_a_phone(page):
    page.goto("/sign-in/")
    assert_accessible(page)
    assert_fits_a_phone(page)


def test_a_wrong_password_is_reported_on_the_form(page, anna):
    page.goto("/sign-in/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert_accessible(page)


def test_it_is_done_by_keyboard_alone_and_leads_to_the_page_asked_for(page, anna):
    page.goto("/stores/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("anna")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stores")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_signing_out_ends_the_session(page, anna, sign_in):
    sign_in(anna)
    page.goto("/stores/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto("/stores/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_appearance_chosen_goes_before_the_systems(page, scheme):
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    page.goto("/sign-in/")
    ground = "getComputedStyle(document.body).backgroundColor"
    systems = page.evaluate(ground)
    page.get_by_role("button", name=scheme.capitalize()).click()
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    assert page.evaluate(ground) != systems
    assert page.get_by_role("button", name=scheme.capitalize()).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="As the system").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", scheme)
    assert page.evaluate(ground) == systems


def test_an_address_that_leads_nowhere_says_so_in_the_same_look(page, troubles):
    page.goto("/nowhere/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    assert_accessible(page)
    assert all("404" in trouble for trouble in troubles)
    troubles.clear()
