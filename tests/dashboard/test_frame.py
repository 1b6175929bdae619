"""What holds on every page for people: signing in, which links are followed, and what an error looks like."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stores.models import Category, StoreGroup
from tests.api.v1.test_alerts import make_alert
from tests.factories import allow, make_staff

ELSEWHERE = [
    "https://evil.test/",
    "//evil.test/",
    "///evil.test",
    "/\\evil.test",
    "javascript:alert(1)",
    "",
    "http:evil.test",
]


@pytest.fixture(autouse=True)
def uncounted():
    cache.clear()


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna", password="correct horse")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_to_another_host(client, anna, elsewhere):
    sent = {"username": "anna", "password": "correct horse", "next": elsewhere}
    assert client.post("/sign-in/", sent)["Location"] == "/"
    assert client.get("/sign-in/", {"next": elsewhere})["Location"] == "/"
    assert client.post("/appearance/", {"theme": "dark", "next": elsewhere})["Location"] == "/"
    assert client.post("/sign-out/", {"next": elsewhere})["Location"] == "/sign-in/"


def test_the_page_asked_for_is_what_comes_after_the_form(client, anna):
    asked = client.get("/stores/?q=x")
    assert asked["Location"] == "/sign-in/?next=/stores/%3Fq%3Dx"
    sent = {"username": "anna", "password": "correct horse", "next": "/stores/?q=x"}
    assert client.post("/sign-in/", sent)["Location"] == "/stores/?q=x"


def test_too_many_attempts_are_shown_on_the_form(client, anna, settings):
    settings.LOGIN_FAILURES = 1
    wrong = {"username": "anna", "password": "wrong"}
    assert client.post("/sign-in/", wrong).status_code == 200
    response = client.post("/sign-in/", wrong)
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "Too many attempts to sign in with this name have failed" in response.text
    assert 'value="anna"' in response.text
    assert "wrong" not in response.text.replace('id="wrong"', "")


def test_signing_out_is_asked_by_post_alone(client, anna):
    client.force_login(anna)
    assert client.get("/sign-out/").status_code == 405
    assert "_auth_user_id" in client.session
    client.post("/sign-out/")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("is_staff", "permissions", "operations"),
    [
        (False, ["view_job", "view_pausedhost"], False),
        (True, ["view_job", "view_pausedhost"], True),
        (True, ["view_job"], False),
        (True, [], False),
    ],
)
def test_staff_alone_are_shown_what_is_for_staff(client, anna, is_staff, permissions, operations):
    User.objects.update(is_staff=is_staff)
    allow(anna, *permissions)
    client.force_login(anna)
    shown = client.get("/stores/").text
    assert ('href="/operations/"' in shown, 'href="/admin/"' in shown) == (operations, is_staff)
    assert '<a href="/stores/" aria-current="page">' in shown


@pytest.mark.parametrize(
    ("cookie", "attribute"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ('"><b>', "")]
)
def test_the_first_byte_knows_what_was_chosen(client, cookie, attribute):
    client.cookies["theme"] = cookie
    for page in ("/docs/errors/", "/nowhere/"):
        assert f'<html lang="en"{attribute}>' in client.get(page).text


def test_pages_are_kept_out_of_search_engines(client):
    assert '<meta name="robots" content="noindex">' in client.get("/docs/errors/").text


def test_browsers_find_an_icon(client):
    assert client.get("/favicon.ico")["Location"] == "/static/dashboard/favicon.svg"


def fail():
    raise RuntimeError("broken on purpose")


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (lambda client: client.get("/nowhere/"), 404, "There is nothing at this address."),
        (lambda client: client.get("/docs/errors/", headers={"host": "evil.test"}), 400, "cannot be read"),
        (lambda client: client.get("/docs/errors/"), 500, "An unexpected error in this service"),
        (lambda client: client.post("/appearance/", {"theme": "dark"}), 403, "could not be verified"),
    ],
)
def test_an_error_is_shown_in_the_same_look_without_the_database(monkeypatch, ask, status, said):
    # Without the mark `db` each question to the database is an error; the session's cookie would lead to one.
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["sessionid"] = "a" * 32
    monkeypatch.setattr("dashboard.docs.explanations", fail)
    response = ask(client)
    assert response.status_code == status
    assert said in response.text
    assert response.text.count("<h1>") == 1
    assert "data-live" not in response.text


def test_a_refusal_with_a_reason_shows_it(client, anna):
    client.force_login(anna)
    assert (
        "Only staff who may view all jobs and paused hosts see how the whole service is doing."
        in client.get(reverse("dashboard:operations")).text
    )
    assert "There is no job 9 that you may see." in client.get("/jobs/9/").text


def test_the_paths_of_the_api_stay_json(client):
    assert client.get("/api/nowhere").json() == {"error": "There is nothing at this path."}


ABOUT_STORES = {
    "/stores/": "All stores",
    "/problems/": "Problem stores",
    "/stores/categories/": "Categories",
    "/stores/categories/other-words/": "Categories",
    "/stores/categories/rules/": "Category rules",
    "/stores/groups/": "Groups",
    "/stores/duplicates/": "Duplicates",
    "/stores/route/": "Route",
}


@pytest.mark.parametrize(("path", "current"), ABOUT_STORES.items())
def test_the_pages_about_stores_lead_to_one_another(client, anna, path, current):
    client.force_login(anna)
    text = client.get(path).text
    pages = text[text.index('aria-label="Pages about stores"') :].partition("</nav>")[0]
    assert re.findall(r'aria-current="page">([^<]+)', pages) == [current]
    assert re.findall(r">([^<>]+)</a>", pages) == list(dict.fromkeys(ABOUT_STORES.values()))
    assert '<a href="/stores/" aria-current="page">Stores</a>' in text


@pytest.mark.parametrize(
    ("permissions", "label"),
    [([], None), (["view_storeimport"], "Imports"), (["add_store", "change_store"], "Import a file")],
)
def test_imports_are_among_them_for_who_may_see_them(client, anna, permissions, label):
    allow(anna, *permissions)
    client.force_login(anna)
    text = client.get("/stores/").text
    assert re.findall(r'href="/stores/import/">([^<]+)</a></li>', text) == ([label] if label else [])


@pytest.mark.parametrize(
    ("path", "filters"),
    [
        ("/areas/", "weeks category group"),
        ("/problems/", "weeks area category group"),
        ("/visits/", "from to area category group store"),
        ("/visits/list/", "from to area category group store"),
        ("/visits/unvisited/", "from to area category group store"),
        ("/stores/", "area category group"),
    ],
)
def test_filters_are_the_same_in_the_same_order_on_every_page(client, anna, path, filters):
    group = StoreGroup.objects.create(name="Mine")
    Category.objects.create(name="Bakery")
    client.force_login(anna)
    for category in ("Bakery", "none"):
        text = client.get(path, {"category": category, "group": group.pk}).text
        form = text[text.index('<form class="filters"') :].partition("</form>")[0]
        asked = re.findall(r'<label for="(weeks|from|to|area|category|group|store)">', form)
        assert asked == filters.split()
        chosen = re.findall(r'<option value="([^"]*)" selected>', form)
        assert [value for value in chosen if not value.isdecimal() or value == str(group.pk)][:1] == [category]
        assert f'<option value="{group.pk}" selected>Mine' in form


def test_visits_are_by_default_those_of_the_weeks_that_areas_show(client, anna):
    client.force_login(anna)
    scopes = {client.get(path).context["scope"].since for path in ("/areas/", "/problems/", "/visits/")}
    assert len(scopes) == 1


def shown_alerts(client) -> str:
    """What is read aloud after the link's label."""
    (link,) = re.findall(r'<a href="/alerts/"[^>]*>(.*?)</a>', client.get("/stores/").text)
    return re.sub(r"<[^>]*>", "", link)


def test_the_frame_says_how_many_alerts_are_open_of_those_that_one_may_see(client, anna):
    make_alert("MINE", owner_id=anna.pk)
    make_alert("OVER", owner_id=anna.pk, state="over")
    for subject in ("ALL", "TOO"):
        make_alert(subject, of_all=True)
    make_alert("OTHERS", owner_id=User.objects.create_user("other").pk)
    client.force_login(anna)
    assert shown_alerts(client) == "Alerts 1 open"
    client.force_login(make_staff("view_job"))
    assert shown_alerts(client) == "Alerts 2 open"
    client.force_login(User.objects.create_user("bob"))
    assert shown_alerts(client) == "Alerts"


@pytest.mark.parametrize(("number", "said"), [(99, "99"), (100, "99+")])
def test_alerts_are_counted_up_to_a_limit_in_one_statement_on_an_index(client, anna, number, said):
    for at in range(number):
        make_alert(f"area {at}", owner_id=anna.pk)
    client.force_login(anna)
    assert shown_alerts(client) == f"Alerts {said} open"
    with CaptureQueriesContext(connection) as asked:
        client.get("/docs/errors/")
    (statement,) = [each["sql"] for each in asked if "insights_alert" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor)
    assert "LIMIT 100)" in statement
    assert "Index" in plan
    assert "Seq Scan" not in plan
