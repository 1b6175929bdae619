"""Links that set a password: how long, how often, for whom; by mail where there is a server, and never without."""

import logging
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator as generator
from django.core import checks, mail
from django.test import override_settings

from access import links, people
from access import mail as mails
from access.checks import mailed_links_lead_here
from retail_pulse.logs.formatters import JSONLine, without_secrets
from retail_pulse.sentry import cut_down
from tests.access.smtp_server import SMTPServer
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
HERE = "http://testserver"


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna", "anna@shop.example", "correct horse")


def token_of(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def opens(link: str, user: User) -> bool:
    return generator.check_token(User.objects.get(pk=user.pk), token_of(link))


@pytest.mark.parametrize(("seconds", "is_valid"), [(3 * 86_400, True), (3 * 86_400 + 1, False)])
def test_a_link_lives_for_its_days_to_the_second(anna, monkeypatch, seconds, is_valid):
    now = [datetime(2031, 5, 6)]
    monkeypatch.setattr(generator, "_now", lambda: now[0])
    link = links.make(anna, HERE)
    now[0] += timedelta(seconds=seconds)
    assert opens(link, anna) == is_valid


@pytest.mark.parametrize(
    "change",
    [
        lambda user: (user.set_password("another one"), user.save()),
        lambda user: User.objects.filter(pk=user.pk).update(email="other@shop.example"),
        lambda user: people.deactivate(user),
        lambda user: (people.deactivate(user), people.reactivate(user)),
    ],
)
def test_a_link_ends_with_what_it_was_made_of(anna, change):
    link = links.make(anna, HERE)
    assert opens(link, anna)
    change(anna)
    assert not opens(link, anna)


def test_a_link_is_its_users_alone(anna):
    other = User.objects.create_user("other")
    assert not opens(links.make(anna, HERE), other)


def test_a_link_leads_where_the_request_came_in_or_where_the_setting_says(rf, settings):
    settings.ALLOWED_HOSTS = ["pulse.example"]
    request = rf.get("/", headers={"host": "pulse.example"})
    assert links.base_url(request) == "http://pulse.example"
    settings.PUBLIC_URL = "https://elsewhere.example"
    assert links.base_url(request) == "https://elsewhere.example"


def test_a_host_that_is_not_ours_makes_no_link(client, settings):
    settings.ALLOWED_HOSTS = ["pulse.example"]
    settings.EMAIL_URL = "smtp://mail.example"
    User.objects.create_user("anna", "anna@shop.example", "correct horse")
    answer = client.post("/forgot-password/", {"email": "anna@shop.example"}, headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("changed", "is_wrong"),
    [
        ({}, False),
        ({"EMAIL_URL": "smtp://mail.example"}, False),
        ({"ALLOWED_HOSTS": ["*"]}, False),
        ({"EMAIL_URL": "smtp://mail.example", "ALLOWED_HOSTS": ["*"]}, True),
        ({"EMAIL_URL": "smtp://mail.example", "ALLOWED_HOSTS": ["*"], "PUBLIC_URL": "https://a.example"}, False),
    ],
)
def test_mails_need_a_host_that_nobody_else_can_choose(changed, is_wrong):
    with override_settings(**{"EMAIL_URL": "", "PUBLIC_URL": "", "ALLOWED_HOSTS": ["a"], **changed}):
        found = mailed_links_lead_here()
    assert [each.id for each in found] == (["access.E003"] if is_wrong else [])
    assert all(each.level == checks.ERROR for each in found)


def test_no_line_of_the_log_holds_a_links_token(anna):
    link = links.make(anna, "https://pulse.example")
    token = token_of(link)
    for text in (link, link.removeprefix("https://pulse.example"), f"Gone: {link} ({token})"):
        assert token not in without_secrets(text)
        assert token[-32:] not in without_secrets(text)
    record = logging.makeLogRecord({"msg": "%s: %s", "args": ("Service Unavailable", link), "url": link})
    assert token not in JSONLine().format(record)
    event = cut_down({"logentry": {"formatted": f"Service Unavailable: {link}"}}, {"log_record": record})
    assert token not in str(event)


@pytest.mark.parametrize(
    "text",
    [
        "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "3f1c2b4a-0123-4567-89ab-cdef01234567",
        "rp_1a2b3c4d5e6f",
        "worker-0123456789abcdef",
    ],
)
def test_what_is_no_token_is_left_as_it_is(text):
    assert without_secrets(text) == text


# --- mail


@pytest.fixture
def server(settings):
    with SMTPServer() as server:
        settings.EMAIL_URL = "smtp://127.0.0.1"
        settings.MAILERS = server.mailers
        yield server


def test_a_real_server_gets_the_link(server, anna, settings):
    settings.DEFAULT_FROM_EMAIL = "Pulse <pulse@shop.example>"
    link = links.make(anna, "https://pulse.example")
    assert links.mail_to(anna, links.invitation(anna, link)) is True
    (message,) = server.messages
    assert (message["To"], message["From"]) == ("anna@shop.example", "Pulse <pulse@shop.example>")
    assert message["Subject"] == "Your account at Retail Pulse"
    text = message.get_content()
    assert link in text.splitlines()
    assert "within 3 days; the link works once" in text


def test_a_server_that_refuses_is_told_as_such_and_its_text_is_not_logged(settings, anna, caplog):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(refuses=True) as server:
        settings.MAILERS = server.mailers
        assert links.mail_to(anna, links.reset(anna, "link")) is False
    assert "mail not sent" in caplog.text
    assert "anna@shop.example" not in caplog.text


def test_a_server_that_is_away_is_told_as_such(server, anna):
    server.shutdown()
    server.server_close()
    assert links.mail_to(anna, links.reset(anna, "link")) is False


def test_a_server_that_says_nothing_is_waited_for_so_long_and_no_longer(settings, anna, monkeypatch, caplog):
    monkeypatch.setattr(mails, "PATIENCE_SECONDS", 0.05)
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(is_silent=True) as server:
        settings.MAILERS = server.mailers
        assert links.mail_to(anna, links.reset(anna, "link")) is False
    assert "mail server takes too long" in caplog.text
    wait_for(all_free)


def all_free() -> bool:
    return mails._free._value == mails.MOST_AT_ONCE


def test_so_many_are_under_way_and_the_next_is_dropped(settings, anna):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(is_silent=True) as server:
        settings.MAILERS = server.mailers
        under_way = [mails.begin(links.reset(anna, "link")) for _ in range(mails.MOST_AT_ONCE)]
        assert not any(each.done() for each in under_way)
        assert mails.begin(links.reset(anna, "link")).result(0) is False
    assert [each.result(30) for each in under_way] == [False] * mails.MOST_AT_ONCE
    wait_for(all_free)


@pytest.mark.parametrize(("url", "email"), [("", "anna@shop.example"), ("smtp://127.0.0.1", "")])
def test_without_a_server_or_an_address_nothing_is_tried(settings, anna, url, email):
    settings.EMAIL_URL, anna.email = url, email
    assert links.mail_to(anna, links.reset(anna, "link")) is None
    assert mail.outbox == []


def test_a_machine_without_threads_sends_nothing_and_goes_on(settings, anna, monkeypatch):
    monkeypatch.setattr("access.mail.Thread.start", lambda *_: (_ for _ in ()).throw(RuntimeError("no thread")))
    assert mails.begin(links.reset(anna, "link")).result(0) is False
    assert all_free()
