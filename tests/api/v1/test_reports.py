"""Saved reports over the API: whose, with what in them, and their rows."""

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from insights.models import Report
from insights.models.report import MOST_REPORTS
from tests.api.v1.conftest import assert_problem
from tests.insights.summaries import store, visits

pytestmark = pytest.mark.django_db

BODY = {"name": "Failures", "dimension": "store", "columns": ["visits", "failed"], "area": "N"}


def save(v1, **changed):
    response = v1.post("reports", {**BODY, **changed})
    assert response.status_code == 201, response.content
    return response.json()


@pytest.fixture
def world(db):
    store("S1", "N"), store("S2", "N"), store("S3", "S")
    visits("S1", range(3))
    visits("S2", range(2))
    visits("S3", range(4))


def test_a_report_is_saved_read_changed_and_deleted(v1):
    saved = save(v1)
    assert {**saved, **BODY} == saved
    assert (saved["period"], saved["weeks"], saved["category"]) == ("weeks", 13, None)
    path = f"reports/{saved['id']}"
    assert v1.get(path).json() == saved
    changed = v1.patch(path, {"area": None, "category": "", "name": " By night "}).json()
    assert (changed["area"], changed["category"], changed["name"], changed["columns"]) == (
        None, "", "By night", ["visits", "failed"]
    )  # fmt: skip
    assert v1.get("reports").json()["results"] == [changed]
    assert v1.post(path, method="DELETE").status_code == 204
    assert_problem(v1.get(path), 404, "not-found")


def test_its_rows_come_page_by_page_with_their_total(v1, world):
    path = save(v1)["links"]["rows"].removeprefix("/api/v1/")
    first = v1.get(path, {"limit": 1}).json()
    second = v1.get(path, {"limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["results"] == [{"key": "S1", "name": "Shop S1", "visits": 3, "failed": 3}]
    assert second["results"] == [{"key": "S2", "name": "Shop S2", "visits": 2, "failed": 2}]
    assert (first["rows"], second["next_cursor"], first["total"]) == (
        2, None, {"key": None, "name": None, "visits": 5, "failed": 5}
    )  # fmt: skip


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv; charset=utf-8"), ("ndjson", "application/x-ndjson")])
def test_its_rows_are_a_file(v1, world, form, kind):
    saved = save(v1)
    response = v1.get(f"reports/{saved['id']}/rows", {"format": form})
    assert response["Content-Type"] == kind
    assert response["Content-Disposition"] == f'attachment; filename="report-{saved["id"]}.{form}"'
    assert b"S1" in response.getvalue()


@pytest.mark.parametrize("query", ["format=xml", "format=csv&limit=5", "area=N", "cursor=x"])
def test_misspelt_rows_are_refused(v1, query):
    assert_problem(v1.get(f"reports/{save(v1)['id']}/rows?{query}"), 400, "invalid-request")


def test_more_rows_than_are_computed_are_refused(v1, world, monkeypatch):
    monkeypatch.setattr("insights.reports.MOST_ROWS", 1)
    for form in ("json", "csv", "ndjson"):
        problem = assert_problem(v1.get(f"reports/{save(v1, name=form)['id']}/rows?format={form}"), 409, "conflict")
        assert "2 rows" in problem["detail"]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "a\u200bb"}, "#/name"),
        ({"colour": "red"}, "#/colour"),
        ({"dimension": "owner"}, "#/dimension"),
        ({"columns": []}, "#/columns"),
        ({"columns": "visits"}, "#/columns"),
        ({"columns": ["visits", "visits"]}, "#/columns"),
        ({"columns": [{}]}, "#/columns"),
        ({"weeks": 53}, "#/weeks"),
        ({"weeks": True}, "#/weeks"),
        ({"period": "fixed"}, "#/since"),
        ({"period": "fixed", "since": "2026-01-01", "until": "2027-01-02"}, "#/since"),
        ({"since": "yesterday"}, "#/since"),
        ({"area": 7}, "#/area"),
        ({"group": 0}, "#/group"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_nothing_is_saved(v1, changed, place):
    problem = assert_problem(v1.post("reports", {**BODY, **changed}), 400, "invalid-submission")
    assert [each["pointer"] for each in problem["errors"]] == [place]
    saved = save(v1)
    assert_problem(v1.patch(f"reports/{saved['id']}", changed), 400, "invalid-submission")
    assert v1.get("reports").json()["results"] == [saved]


def test_a_name_is_an_owners_once(v1, as_user, person):
    save(v1), save(as_user(person))
    assert_problem(v1.post("reports", BODY), 409, "conflict")
    other = save(v1, name="Other")
    assert_problem(v1.patch(f"reports/{other['id']}", {"name": "Failures"}), 409, "conflict")
    assert v1.patch(f"reports/{other['id']}", {"name": "Other"}).status_code == 200


def test_an_owner_has_so_many_reports_and_no_more(v1, as_user, person):
    Report.objects.bulk_create(Report(owner=person, name=str(number)) for number in range(MOST_REPORTS - 1))
    mine = as_user(person)
    save(mine)
    assert_problem(mine.post("reports", {**BODY, "name": "One more"}), 409, "conflict")
    save(v1)


@pytest.mark.parametrize("name", ["somebody", "boss"])
def test_a_report_is_its_owners_alone(as_user, person, world, name):
    saved = save(as_user(person))
    other = User.objects.create_user(name, is_staff=name == "boss", is_superuser=name == "boss")
    stranger = as_user(other)
    path = f"reports/{saved['id']}"
    assert stranger.get("reports").json()["results"] == []
    for response in (
        stranger.get(path), stranger.get(f"{path}/rows"), stranger.get(f"{path}/rows?format=csv"),
        stranger.patch(path, {"name": "Mine"}), stranger.post(path, method="DELETE"),
    ):  # fmt: skip
        assert_problem(response, 404, "not-found")
    assert Report.objects.get().name == "Failures"


def test_its_rows_are_of_the_visits_that_its_owner_may_see(as_user, person, world):
    visits("S1", range(7), owner_id=person.pk)
    boss = User.objects.create_superuser("boss")
    for user, number in ((person, 7), (boss, 12)):
        client = as_user(user)
        rows = f"reports/{save(client)['id']}/rows"
        assert client.get(rows).json()["total"]["visits"] == number
        assert client.get(f"{rows}?format=ndjson").getvalue().count(b'"visits":7') == (user is person)


def test_a_key_that_only_reads_saves_nothing(with_key, person):
    reader, manager = with_key(person, Scope.READ), with_key(person, Scope.READ, Scope.MANAGE)
    assert_problem(reader.post("reports", BODY), 403, "not-allowed")
    path = f"reports/{save(manager)['id']}"
    assert reader.get(f"{path}/rows").status_code == 200
    assert_problem(reader.patch(path, {"weeks": 2}), 403, "not-allowed")
    assert_problem(reader.post(path, method="DELETE"), 403, "not-allowed")
