"""People on pages: found, invited, given links, roles and teams, deactivated; by whom, and what is kept of it."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access import tokens
from access.models import ApiKey, Team
from access.roles import RoleName, give_role, role_of
from dashboard.pages import people as pages
from tests.access.conftest import bearer, make_key
from tests.access.smtp_server import SMTPServer
from tests.dashboard.conftest import HOSTILE
from tests.factories import allow

pytestmark = pytest.mark.django_db


def someone(name, role=None, **options):
    user = User.objects.create_user(name, **options)
    if role:
        give_role(user, role)
    return user


@pytest.fixture
def chief(db):
    return someone("chief", RoleName.ADMINISTRATOR)


@pytest.fixture
def page(client, chief):
    """Ask for a page as an administrator, who is no superuser."""
    client.force_login(chief)
    return client


@pytest.fixture
def bela(db):
    return someone("bela", password="correct horse", email="bela@shop.example")


def noted(person):
    return [
        (line.user.username, line.change_message)
        for line in LogEntry.objects.filter(object_id=person.pk).order_by("pk")
    ]


def link_in(answer):
    return re.search(r"http://testserver(/welcome/[^<]+)", answer.text)[1]


def do(client, person, act, **form):
    return client.post(f"/people/{person.pk}/", {"act": act, **form})


# --- the list


def test_the_list_says_who_everybody_is(page, chief, bela):
    Team.objects.create(name="North").members.add(bela)
    give_role(bela, RoleName.OPERATOR)
    someone("root", is_superuser=True)
    someone("gone", is_active=False)
    text = " ".join(page.get("/people/").text.split())
    assert [person.username for person, _ in page.get("/people/").context["people"]] == [
        "bela",
        "chief",
        "gone",
        "root",
    ]
    for cell in (">operator<", ">administrator<", ">superuser<", ">North<", ">deactivated<", ">no password yet<"):
        assert cell in text.replace("> ", ">").replace(" <", "<"), cell
    assert 'aria-current="page">People' in text


@pytest.mark.parametrize(
    ("asked", "found"),
    [("BEL", ["bela"]), ("shop.example", ["bela"]), ("nobody", []), ("%", []), ("_", []), ("", ["bela", "chief"])],
)
def test_it_is_searched_by_a_part_of_a_name_or_an_address(page, bela, asked, found):
    assert [person.username for person, _ in page.get("/people/", {"q": asked}).context["people"]] == found


def test_it_comes_in_pages_of_the_same_statements_however_many_there_are(page, monkeypatch):
    monkeypatch.setattr(pages, "ROWS", 3)
    User.objects.bulk_create(User(username=f"u{number:03}") for number in range(7))
    seen, address = [], "/people/?q=u"
    while address:
        with CaptureQueriesContext(connection) as statements:
            answer = page.get(address)
        assert len(statements) <= 10
        seen += [person.username for person, _ in answer.context["people"]]
        last = answer.context["next"]
        address = f"/people/?q=u&after={last}" if last else None
    assert seen == [f"u{number:03}" for number in range(7)]


MANY_USERS = """
    INSERT INTO auth_user
        (username, email, password, first_name, last_name, is_superuser, is_staff, is_active, date_joined)
    SELECT 'user-' || n, 'user-' || n || '@shop.example', '!', '', '', false, false, true, now()
    FROM generate_series(1, 100000) AS n
"""


def test_of_a_hundred_thousand_a_page_is_read(page, bela):
    with connection.cursor() as cursor:
        cursor.execute(MANY_USERS)
    for asked, first in {
        "": "bela",
        "q=user-99999": "user-99999",
        "after=user-5": "user-50",
        "q=@shop&after=user-9": "user-90",
    }.items():
        with CaptureQueriesContext(connection) as statements:
            answer = page.get(f"/people/?{asked}")
        assert answer.context["people"][0][0].username == first
        assert len(answer.context["people"]) <= pages.ROWS
        assert len(statements) <= 10
        assert all("LIMIT" in each["sql"] or "WHERE" in each["sql"] for each in statements)
        assert len(answer.content) < 2**17


def test_markup_in_names_is_text(page, chief):
    User.objects.create(username=HOSTILE, email=HOSTILE, first_name=HOSTILE)
    Team.objects.create(name=HOSTILE)
    assert HOSTILE not in page.get("/people/").text
    assert HOSTILE not in page.get(f"/people/{User.objects.get(username=HOSTILE).pk}/").text


@pytest.mark.parametrize("role", [None, RoleName.VIEWER, RoleName.OPERATOR])
def test_it_is_for_administrators(client, bela, role):
    user = someone("other", role)
    client.force_login(user)
    assert 'href="/people/"' not in client.get("/jobs/").text
    for path in ("/people/", "/people/invite/", f"/people/{bela.pk}/", f"/people/{bela.pk}/deactivate/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"act": "link"}).status_code in (403, 405)
    assert client.get("/people/999999/").status_code == 403


def test_who_may_change_users_without_adding_them_invites_nobody(client, chief):
    user = allow(User.objects.create_user("other", is_staff=True), "change_user")
    client.force_login(user)
    assert "Invite somebody" not in client.get("/people/").text
    assert client.post("/people/invite/", {"username": "new"}).status_code == 403


# --- invitations


def test_an_invitation_makes_a_user_without_a_password_and_a_link_that_works(page, chief):
    team = Team.objects.create(name="North")
    answer = page.post("/people/invite/", {"username": "new", "role": "viewer", "join": team.pk})
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    new = User.objects.get(username="new")
    assert (new.has_usable_password(), role_of(new), list(new.teams.all())) == (False, RoleName.VIEWER, [team])
    assert noted(new) == [
        ("chief", "Invited with the role viewer in the team North."),
        ("chief", "Made a link to set a password."),
    ]
    guest = Client()
    form = guest.get(link_in(answer))["Location"]
    guest.post(form, {"new_password1": "battery staple", "new_password2": "battery staple"})
    assert guest.get("/account/").context["user"] == new
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"username": ""}, "This field is required."),
        ({"username": "a b"}, "Enter a valid username."),
        ({"username": "x" * 151}, "at most 150 characters"),
        ({"username": "BELA"}, "There is a user of this name already."),
        ({"username": "new", "email": "nobody"}, "Enter a valid email address."),
        ({"username": "new", "email": "a@b.example\nBcc: c@d.example"}, "Enter a valid email address."),
    ],
)
def test_a_wrong_invitation_is_shown_again_with_the_reason(page, bela, form, sentence):
    answer = page.post("/people/invite/", form)
    assert answer.status_code == 400
    assert sentence in answer.text
    assert User.objects.count() == 2


def test_a_name_that_was_taken_meanwhile_is_said_so(page, monkeypatch):
    save = User.save

    def after_another(user, **options):
        monkeypatch.setattr(User, "save", save)
        User.objects.create_user(user.username)
        save(user, **options)

    monkeypatch.setattr(User, "save", after_another)
    answer = page.post("/people/invite/", {"username": "new"})
    assert (answer.status_code, "There is a user of this name already." in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("refuses", "sentence"), [(False, "was mailed to new@"), (True, "could not be mailed to new@")]
)
def test_the_link_is_mailed_too_and_shown_whether_that_works_or_not(page, settings, refuses, sentence):
    settings.EMAIL_URL = "smtp://127.0.0.1"
    with SMTPServer(refuses=refuses) as server:
        settings.MAILERS = server.mailers
        answer = page.post("/people/invite/", {"username": "new", "email": "new@shop.example"})
    assert answer.status_code == 200
    assert sentence in answer.text
    assert link_in(answer)
    assert [link_in(answer) in message.get_content() for message in server.messages] == [True] * (not refuses)


def test_a_role_that_may_do_more_than_oneself_is_not_given(page, chief):
    Permission.objects.get(codename="delete_job").group_set.clear()
    give_role(chief, RoleName.ADMINISTRATOR)
    strong = Team.objects.create(name="North")
    User.objects.get(pk=chief.pk).groups.first().permissions.remove(Permission.objects.get(codename="prioritize_job"))
    answer = page.post("/people/invite/", {"username": "new", "role": "operator", "join": strong.pk})
    assert answer.status_code == 403
    assert not User.objects.filter(username="new").exists()
    assert "operator" not in page.get("/people/invite/").context["roles"]


# --- one person


def test_a_reset_link_is_shown_once_and_noted_and_works(page, bela):
    answer = do(page, bela, "link")
    assert Client().get(link_in(answer)).status_code == 302
    assert "/welcome/" not in page.get(f"/people/{bela.pk}/").text
    assert noted(bela) == [("chief", "Made a link to set a password.")]


def test_a_role_is_given_and_taken_away(page, bela):
    do(page, bela, "role", role="operator")
    assert role_of(bela) == RoleName.OPERATOR
    do(page, bela, "role", role="operator")
    do(page, bela, "role", role="none")
    assert role_of(bela) is None
    assert noted(bela) == [
        ("chief", "Role changed from none to operator."),
        ("chief", "Role changed from operator to none."),
    ]


@pytest.mark.parametrize("wish", [{"role": "superuser"}, {"role": ""}, {"join": "x"}, {"join": "9" * 18}])
def test_what_is_no_role_or_no_team_changes_nothing(page, bela, wish):
    give_role(bela, RoleName.VIEWER)
    act = "role" if "role" in wish else "teams"
    assert do(page, bela, act, **wish).status_code == 400
    assert page.post("/people/invite/", {"username": "new", **wish}).status_code == 400
    assert role_of(bela) == RoleName.VIEWER
    assert (noted(bela), User.objects.filter(username="new").exists()) == ([], False)


def test_teams_are_joined_and_left(page, bela):
    north, south = (Team.objects.create(name=name) for name in ("North", "South"))
    do(page, bela, "teams", join=north.pk)
    do(page, bela, "teams", join=south.pk, leave=[north.pk, "x", "9" * 40])
    assert list(bela.teams.all()) == [south]
    assert [line for _, line in noted(bela)] == [
        "Joined the team North.",
        "Left the team North.",
        "Joined the team South.",
    ]


def test_a_team_that_is_full_is_said_so_and_nothing_changes(page, bela, monkeypatch):
    monkeypatch.setattr("access.models.team.MOST_MEMBERS", 0)
    north = Team.objects.create(name="North")
    answer = do(page, bela, "teams", join=north.pk)
    assert [str(each) for each in page.get(answer["Location"]).context["messages"]] == ["A team has at most 0 members."]
    assert not bela.teams.exists()
    assert noted(bela) == []
    assert page.post("/people/invite/", {"username": "new", "join": north.pk}).status_code == 400
    assert not User.objects.filter(username="new").exists()


def test_deactivating_ends_sessions_tokens_and_keys_at_once_and_for_good(page, bela):
    key, text = make_key(bela)
    token = tokens.issue(bela)
    theirs = Client()
    theirs.force_login(bela)
    path = f"/people/{bela.pk}/deactivate/"
    assert "1 API key end at once" in page.get(path).text
    assert User.objects.get(pk=bela.pk).is_active
    page.post(path)

    def opened():
        return [
            theirs.get("/account/").status_code == 200,
            Client().get("/api/v1/jobs", headers=bearer(text)).status_code == 200,
            Client().get("/api/v1/jobs", headers=bearer(token.access)).status_code == 200,
            Client().post("/sign-in/", {"username": "bela", "password": "correct horse"}).status_code == 302,
        ]

    assert opened() == [False] * 4
    assert "a link would open nothing" in page.get(do(page, bela, "link")["Location"]).text
    page.post(path)
    do(page, bela, "reactivate")
    assert User.objects.get(pk=bela.pk).is_active
    assert opened() == [False] * 4
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert noted(bela) == [("chief", "Deactivated."), ("chief", "Reactivated.")]
    answer = do(page, bela, "link")
    assert Client().get(link_in(answer)).status_code == 302


ACTS = [("link", {}), ("role", {"role": "none"}), ("role", {"role": "viewer"}), ("reactivate", {}), ("deactivate", {})]


def refused(client, person, act, form):
    path = f"/people/{person.pk}/deactivate/" if act == "deactivate" else f"/people/{person.pk}/"
    return client.post(path, {"act": act, **form}).status_code == 403


def test_nobody_acts_on_who_may_do_more_than_they_may(page, chief):
    root = someone("root", is_superuser=True, is_staff=True)
    more = allow(someone("more", RoleName.ADMINISTRATOR), "delete_worker")
    for person in (root, more):
        for act, form in ACTS:
            assert refused(page, person, act, form), (act, form)
            found = User.objects.get(pk=person.pk)
            assert (found.is_active, found.password, role_of(found)) == (True, person.password, role_of(person))
            assert noted(person) == []
        text = page.get(f"/people/{person.pk}/").text
        assert "only somebody with at least the same rights can change them" in text
        assert "Deactivate" not in text


@pytest.mark.parametrize("is_superuser", [False, True])
def test_nobody_changes_their_own_role_or_deactivates_themselves(page, chief, is_superuser):
    User.objects.filter(pk=chief.pk).update(is_superuser=is_superuser)
    for act, form in ACTS:
        if act == "link":
            continue
        assert refused(page, chief, act, form), (act, form)
        assert User.objects.get(pk=chief.pk).is_active
        assert role_of(chief) == RoleName.ADMINISTRATOR
    assert "This is you" in page.get(f"/people/{chief.pk}/").text


def test_a_superuser_acts_on_another(client):
    client.force_login(someone("root", is_superuser=True, is_staff=True))
    other = someone("other", is_superuser=True)
    assert client.post(f"/people/{other.pk}/deactivate/").status_code == 302
    assert not User.objects.get(pk=other.pk).is_active


def test_teams_take_the_permission_for_teams(client, bela):
    user = allow(User.objects.create_user("other", is_staff=True), "change_user", "add_user")
    client.force_login(user)
    north = Team.objects.create(name="North")
    assert client.post("/people/invite/", {"username": "new", "join": north.pk}).status_code == 403
    assert not User.objects.filter(username="new").exists()
    assert do(client, bela, "teams", join=north.pk).status_code == 403
    assert not bela.teams.exists()
    # Nor those of whom one may not change.
    root = someone("root", is_superuser=True)
    client.force_login(allow(user, "change_team"))
    assert do(client, root, "teams", join=north.pk).status_code == 403
    assert do(client, bela, "teams", join=north.pk).status_code == 302


@pytest.mark.parametrize("act", ["", "delete", "\0"])
def test_what_is_no_act_does_nothing(page, bela, act):
    answer = do(page, bela, act)
    assert (answer.status_code, answer["Location"]) == (302, f"/people/{bela.pk}/")
    assert noted(bela) == []


def test_only_this_services_own_forms_are_obeyed(chief, bela):
    client = Client(enforce_csrf_checks=True)
    client.force_login(chief)
    for path in ("/people/invite/", f"/people/{bela.pk}/", f"/people/{bela.pk}/deactivate/"):
        assert client.post(path, {"act": "link", "username": "new"}).status_code == 403
    assert User.objects.filter(is_active=True).count() == 2
