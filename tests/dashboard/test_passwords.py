"""One's own password: who changes it, what ends with it, and what a link opens."""

import logging
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client

from access import links, own_keys, passwords, people, tokens
from access import mail as mails
from retail_pulse.logs.formatters import JSONLine
from tests.access.conftest import bearer
from tests.access.smtp_server import SMTPServer
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse", "battery staple"
CHANGE = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}
# Each page that asks for the password, with a form that it takes, and what is the password after it.
PAGES = [("/account/password/", CHANGE, NEW), ("/account/sign-out-everywhere/", {"old_password": OLD}, OLD)]
of_both = pytest.mark.parametrize(("path", "form", "after"), PAGES)


@pytest.fixture(autouse=True)
def uncounted():
    cache.clear()


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna", "anna@shop.example", OLD)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def is_in(client):
    return client.get("/account/").status_code == 200


def noted():
    return list(LogEntry.objects.order_by("pk").values_list("user__username", "object_repr", "change_message"))


# --- changed, or set anew


@of_both
def test_all_other_sessions_tokens_and_links_end_and_this_session_stays(anna, path, form, after):
    here, elsewhere = signed_in(anna), signed_in(anna)
    token, link = tokens.issue(anna), links.make(anna, "")
    before = here.session.session_key
    answer = here.post(path, form)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    assert is_in(here)
    assert here.session.session_key != before
    assert not is_in(elsewhere)
    assert Client().get("/api/v1/jobs", headers=bearer(token.access)).status_code == 401
    renewed = Client().post("/api/token/refresh/", {"refresh": token.refresh}, content_type="application/json")
    assert renewed.status_code == 401
    assert Client().get(link).status_code == 410
    assert User.objects.get().check_password(after)
    (line,) = noted()
    assert line[:2] == ("anna", "anna")


@of_both
def test_keys_go_on_unless_that_is_asked_for(anna, path, form, after):
    text = own_keys.make(anna, "till", ["read"], None)[1]
    here = signed_in(anna)
    assert "Revoke your 1 API key" in here.get(path).text
    here.post(path, form)
    assert Client().get("/api/v1/jobs", headers=bearer(text)).status_code == 200
    answer = here.post(path, form | {"old_password": after, "keys": "revoke"}, follow=True)
    assert "1 API key revoked." in answer.text
    assert Client().get("/api/v1/jobs", headers=bearer(text)).status_code == 401


@of_both
@pytest.mark.parametrize("wrong", ["", "guess", OLD + " ", "x" * 5_000, "\0"])
def test_without_the_right_password_nothing_changes(anna, path, form, after, wrong):
    here, elsewhere = signed_in(anna), signed_in(anna)
    answer = here.post(path, form | {"old_password": wrong})
    assert answer.status_code == 200
    assert 'class="error"' in answer.text
    assert NEW not in answer.text
    assert is_in(elsewhere)
    assert User.objects.get().password == anna.password


@of_both
def test_guessing_the_password_of_a_session_left_open_is_throttled_as_signing_in_is(anna, settings, path, form, after):
    settings.LOGIN_FAILURES = 2
    here = signed_in(anna)
    for _ in range(2):
        assert here.post(path, form | {"old_password": "guess"}).status_code == 200
    answer = here.post(path, form)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "Too many attempts" in answer.text
    assert User.objects.get().password == anna.password


@of_both
def test_only_this_services_own_form_is_obeyed(anna, path, form, after):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    assert client.post(path, form).status_code == 403
    assert User.objects.get().password == anna.password


@of_both
def test_who_was_deactivated_while_the_password_was_hashed_stays_so(anna, monkeypatch, path, form, after):
    set_password = User.set_password

    def slowly(user, raw):
        people.deactivate(User.objects.get(pk=user.pk))
        set_password(user, raw)

    here = signed_in(anna)
    monkeypatch.setattr(User, "set_password", slowly)
    here.post(path, form)
    found = User.objects.get()
    assert not found.is_active
    assert not found.has_usable_password()
    assert not is_in(here)


def test_the_admin_leads_to_the_same_page(client, anna):
    User.objects.update(is_staff=True)
    client.force_login(anna)
    assert client.post("/admin/password_change/", CHANGE)["Location"] == "/account/password/"
    assert User.objects.get().password == anna.password


def test_nothing_else_of_the_user_is_written(anna):
    read = User.objects.get(pk=anna.pk)
    User.objects.update(email="new@shop.example", is_staff=True)
    assert passwords.replace(read, NEW)
    found = User.objects.get()
    assert (found.email, found.is_staff, found.check_password(NEW)) == ("new@shop.example", True, True)


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (NEW, NEW + "r", "The two password fields"),
        ("short", "short", "too short"),
        ("password123", "password123", "too common"),
        ("0123443210", "0123443210", "entirely numeric"),
        ("shop.example", "shop.example", "too similar to the email address"),
        ("x" * 4_097, "x" * 4_097, "at most 4,096 characters"),
    ],
)
def test_a_bad_new_password_is_refused_with_the_reason(anna, first, second, sentence):
    answer = signed_in(anna).post("/account/password/", CHANGE | {"new_password1": first, "new_password2": second})
    assert sentence in answer.text
    assert User.objects.get().password == anna.password


def test_the_longest_password_that_is_taken_signs_in(anna):
    longest = "correct horse " * 292 + "12345678"
    assert len(longest) == passwords.LONGEST_PASSWORD
    signed_in(anna).post("/account/password/", CHANGE | {"new_password1": longest, "new_password2": longest})
    answer = Client().post("/sign-in/", {"username": "anna", "password": longest})
    assert answer.status_code == 302


# --- set by a link


def form_of(client, link):
    """The address of the form that the link leads to."""
    answer = client.get(link)
    assert answer.status_code == 302
    return answer["Location"]


def set_password(client, path, password=NEW):
    return client.post(path, {"new_password1": password, "new_password2": password})


@pytest.fixture
def invited(db):
    form = people.Invitation({"username": "bela", "email": ""})
    assert form.is_valid()
    return form.make()


def test_who_is_invited_sets_a_password_once_and_is_signed_in(client, invited):
    link = links.make(invited, "")
    path = form_of(client, link)
    page = client.get(path)
    assert "bela" in page.text
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    answer = set_password(client, path)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_in(client)
    assert Client().post("/sign-in/", {"username": "bela", "password": NEW}).status_code == 302
    assert noted() == [("bela", "bela", "Set their password by a link.")]
    # Of either kind: the link, and the form that it led to.
    for again in (Client().get(link), set_password(client, path, "yet another")):
        assert again.status_code == 410
    assert User.objects.get().check_password(NEW)


def test_the_token_leaves_the_address_for_the_session_before_the_page_is_shown(client, anna):
    link = links.make(anna, "")
    token = link.split("/")[-2]
    path = form_of(client, link)
    assert path == link.replace(token, "set-password")
    assert token not in client.get(path).text
    # Without the session there is nothing behind that address.
    assert Client().get(path).status_code == 410


def test_whoever_knew_the_session_before_the_link_cannot_use_it(client, anna):
    client.get("/sign-in/")
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    path = form_of(client, links.make(anna, ""))
    assert client.session.session_key != planted
    attacker = Client()
    attacker.cookies["sessionid"] = planted
    assert attacker.get(path).status_code == 410
    assert client.get(path).status_code == 200
    between = client.session.session_key
    set_password(client, path)
    assert client.session.session_key != between


def test_signing_in_changes_the_session_too(client, anna):
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    client.post("/sign-in/", {"username": "anna", "password": OLD})
    assert client.session.session_key != planted
    attacker = Client()
    attacker.cookies["sessionid"] = planted
    assert not is_in(attacker)


def test_a_new_password_by_a_link_ends_all_that_was_signed_in(anna):
    elsewhere, token = signed_in(anna), tokens.issue(anna)
    client = Client()
    set_password(client, form_of(client, links.make(anna, "")))
    assert not is_in(elsewhere)
    assert Client().get("/api/v1/jobs", headers=bearer(token.access)).status_code == 401


def test_of_two_who_use_a_link_at_once_one_succeeds(anna, monkeypatch):
    link = links.make(anna, "")
    first, second = Client(), Client()
    paths = [form_of(each, link) for each in (first, second)]
    replace = passwords.replace

    def after_the_other(user, raw):
        monkeypatch.setattr(passwords, "replace", replace)
        assert set_password(second, paths[1], "the other one").status_code == 302
        return replace(user, raw)

    monkeypatch.setattr(passwords, "replace", after_the_other)
    assert set_password(first, paths[0]).status_code == 410
    assert User.objects.get().check_password("the other one")
    assert not is_in(first)


def test_a_link_opens_nothing_for_who_is_deactivated(client, anna):
    link = links.make(anna, "")
    path = form_of(client, link)
    User.objects.update(is_active=False)
    assert Client().get(link).status_code == 410
    assert set_password(client, path).status_code == 410
    assert User.objects.get().password == anna.password


def test_who_follows_a_link_while_signed_in_as_somebody_else_becomes_its_user(anna, invited):
    client = signed_in(anna)
    set_password(client, form_of(client, links.make(invited, "")))
    assert client.get("/account/").context["user"] == invited


@pytest.mark.parametrize("uid", ["MQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "AA", "_w", "x", "%00", "é", "x" * 3_000])
@pytest.mark.parametrize("token", ["set-password", "d4a3f2-0123456789abcdef0123456789abcdef", "-", "é-x"])
def test_links_that_are_none_look_alike(client, anna, uid, token):
    answer = client.get(f"/welcome/{uid}/{token}/")
    assert answer.status_code == 410
    assert "This link has ended" in answer.text
    assert "anna" not in answer.text


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "//evil.test/"])
def test_no_link_leads_elsewhere(client, anna, elsewhere):
    link = links.make(anna, "")
    path = form_of(client, f"{link}?next={elsewhere}")
    assert path.startswith("/welcome/")
    answer = client.post(f"{path}?next={elsewhere}", {"new_password1": NEW, "new_password2": NEW, "next": elsewhere})
    assert answer["Location"] == "/"


def test_a_bad_password_keeps_the_link(client, anna):
    path = form_of(client, links.make(anna, ""))
    assert "too short" in set_password(client, path, "short").text
    assert set_password(client, path).status_code == 302


def test_a_link_that_is_refused_is_logged_without_its_token(client, anna, caplog):
    token = links.make(anna, "").split("/")[-2]
    User.objects.update(is_active=False)
    with caplog.at_level(logging.INFO):
        client.get(links.make(anna, ""))
    lines = [JSONLine().format(record) for record in caplog.records]
    assert any("/welcome/" in line for line in lines)
    assert not any(token in line for line in lines)


# --- forgotten


@pytest.fixture
def with_mail(settings):
    settings.EMAIL_URL = "smtp://mail.example"


def ask(address, client=None, **options):
    return (client or Client()).post("/forgot-password/", {"email": address}, **options)


def arrived(number):
    wait_for(lambda: len(mail.outbox) == number and mails._free._value == mails.MOST_AT_ONCE)
    return mail.outbox


def test_a_link_comes_by_mail_and_works(client, anna, with_mail):
    assert "Forgot your password?</a>" in client.get("/sign-in/").text
    answer = ask("Anna@shop.example")
    assert "a mail with a link is on its way" in answer.text
    (message,) = arrived(1)
    assert message.to == ["anna@shop.example"]
    link = re.search(r"http://testserver(/welcome/\S+)", message.body)[1]
    assert set_password(client, form_of(client, link)).status_code == 302


def test_nobody_learns_whether_an_address_is_known(anna, with_mail):
    User.objects.create_user("gone", "gone@shop.example", OLD, is_active=False)
    User.objects.create_user("machine", "machine@shop.example")
    texts = [ask(f"{name}@shop.example") for name in ("anna", "nobody", "gone", "machine")]
    without = [re.sub(r'value="\w{64}"', "", answer.text) for answer in texts]
    assert len({(answer.status_code, text) for answer, text in zip(texts, without, strict=True)}) == 1
    assert [message.to for message in arrived(1)] == [["anna@shop.example"]]


def test_the_answer_waits_for_no_mail_server(anna, settings, caplog):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(is_silent=True) as server:
        settings.MAILERS = server.mailers
        assert "on its way" in ask("anna@shop.example").text
        # The server has not said a word yet, and says none before the test ends.
        assert server.asked.wait(30)
        assert not server.ended.is_set()
        assert "mail server takes too long" not in caplog.text
    wait_for(lambda: mails._free._value == mails.MOST_AT_ONCE)


def test_a_mail_server_that_fails_changes_no_answer(anna, settings):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(refuses=True) as server:
        settings.MAILERS = server.mailers
        assert ask("anna@shop.example").status_code == 200
        wait_for(lambda: mails._free._value == mails.MOST_AT_ONCE)


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_so_many_mails_are_sent_to_an_address_whether_it_is_known_or_not(anna, with_mail, name):
    addresses = [f"192.0.2.{number}" for number in range(4)]
    answers = [ask(f"{name}@shop.example", Client(REMOTE_ADDR=address)) for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "Too many links were asked for by mail to this address" in answers[-1].text
    assert int(answers[-1]["Retry-After"]) > 0
    arrived(3 if name == "anna" else 0)


def test_so_many_are_asked_for_from_one_network(with_mail):
    statuses = [ask(f"{number}@shop.example").status_code for number in range(16)]
    assert statuses == [200] * 15 + [429]


@pytest.mark.parametrize("address", ["", "anna", "anna@", "a@b.example\nBcc: x@evil.example", "\0@shop.example"])
def test_what_is_no_address_is_said_so(anna, with_mail, address):
    answer = ask(address)
    assert answer.status_code == 200
    assert "on its way" not in answer.text
    arrived(0)


def test_without_a_mail_server_one_is_told_whom_to_ask(client, anna):
    assert "Ask an administrator for a link" in client.get("/sign-in/").text
    for answer in (client.get("/forgot-password/"), ask("anna@shop.example")):
        assert "This service sends no mail" in answer.text
    assert mail.outbox == []
