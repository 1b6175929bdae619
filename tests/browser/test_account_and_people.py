"""A key, an invitation and a forgotten password, by sight: what is shown once, and what a link leads to."""

from django.contrib.auth.models import User
from playwright.sync_api import expect

from access import links
from access.roles import RoleName, give_role
from tests.browser.accessible import assert_accessible, assert_fits_a_phone
from tests.browser.conftest import PASSWORD


def assert_well_made(page):
    assert_accessible(page)
    assert_fits_a_phone(page)


def test_a_key_is_made_and_shown_this_once(page, anna, sign_in):
    sign_in(anna)
    page.goto("/jobs/")
    page.get_by_role("link", name="Your account, anna").click()
    page.get_by_label("Name, such as the program that uses it").fill("till")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_label("A request with it")).to_contain_text("curl -H 'Authorization: Bearer rp_")
    assert_well_made(page)


def test_an_invitation_leads_to_a_password_and_into_the_service(page, context, anna, sign_in, site):
    give_role(anna, RoleName.ADMINISTRATOR)
    sign_in(anna)
    page.goto("/people/")
    page.get_by_role("link", name="Invite somebody").click()
    page.get_by_label("Username").fill("bela")
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("The link").inner_text()
    assert link.startswith(f"{site}/welcome/")
    assert_well_made(page)
    context.clear_cookies()
    page.goto(link)
    assert page.url.endswith("/set-password/")
    expect(page.get_by_text("For bela.")).to_be_visible()
    assert_well_made(page)
    page.get_by_label("New password:").fill(PASSWORD)
    page.get_by_label("New password confirmation:").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("link", name="Your account, bela")).to_be_visible()


def test_a_link_that_has_ended_and_a_forgotten_password_are_told_in_words(page, anna, settings, troubles):
    page.goto("/forgot-password/")
    expect(page.get_by_text("Ask an administrator")).to_be_visible()
    assert_well_made(page)
    settings.EMAIL_URL = "smtp://mail.example"
    page.goto("/sign-in/")
    page.get_by_role("link", name="Forgot your password?").click()
    assert_well_made(page)
    page.get_by_label("Email").fill("nobody@shop.example")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("on its way")).to_be_visible()
    link = links.make(anna, "")
    User.objects.update(is_active=False)
    assert page.goto(link).status == 410
    expect(page.get_by_role("heading", level=1)).to_have_text("This link has ended")
    assert_well_made(page)
    assert all("410" in trouble for trouble in troubles)
    troubles.clear()
