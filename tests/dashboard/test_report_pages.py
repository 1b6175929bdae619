"""Reports on pages: saved, previewed, read, printed, changed and deleted, by their owner alone."""

import csv
import io

import pytest
from django.contrib.auth.models import User

from insights.models import Measure, Report
from insights.models.report import MOST_REPORTS
from tests.dashboard.conftest import HOSTILE
from tests.insights.summaries import store, visits

pytestmark = pytest.mark.django_db

FORM = {"name": "Failures", "dimension": "store", "columns": ["visits", "failed", "failure_rate"], "period": "weeks"}


@pytest.fixture
def report(anna):
    store("S1", "N"), store("S2", "S")
    visits("S1", range(40), owner_id=anna.pk)
    visits("S2", range(5), owner_id=anna.pk)
    return Report.objects.create(owner=anna, name="Mine", dimension="store", columns=FORM["columns"])


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_before_the_first_the_list_says_what_a_report_is(page):
    assert "No report yet" in page.get("/reports/").text


def test_a_report_is_previewed_and_then_saved(page, report):
    answer = page.post("/reports/new/", {**FORM, "name": "", "act": "preview"})
    assert answer.status_code == 200
    assert "Shop S1" in answer.text
    assert Report.objects.count() == 1
    answer = page.post("/reports/new/", {**FORM, "act": "save", "area": "N"}, follow=True)
    assert said(answer) == ["Saved the report Failures."]
    saved = Report.objects.get(name="Failures")
    assert (saved.owner, saved.area, saved.columns) == (report.owner, "N", FORM["columns"])
    assert [row.key for _, _, row in answer.context["rows"]] == ["S1"]


def test_the_editor_is_filled_by_its_address(page, report):
    answer = page.get("/reports/new/", {"dimension": "area", "columns": "images", "category": "none"})
    asked = answer.context["report"]
    assert (asked.dimension, asked.columns, asked.category) == ("area", ["images"], "")
    assert Report.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": " "}, "Name: This field cannot be blank."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "Mine"}, "You have another report of this name."),
        ({"columns": []}, "Columns: "),
        ({"weeks": "53"}, "Choose 1 to 52 weeks."),
        ({"period": "fixed"}, "Give the first and the last day."),
        ({"period": "fixed", "since": "2026-02-01", "until": "2026-01-01"}, "must not be after the last one"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(page, report, changed, sentence):
    answer = page.post("/reports/new/", {**FORM, **changed})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert Report.objects.count() == 1


def test_a_report_is_changed_and_deleted(page, report):
    path = f"/reports/{report.pk}/"
    assert 'value="Mine"' in page.get(f"{path}change/").text
    page.post(f"{path}change/", {**FORM, "name": "Mine", "dimension": "area", "period": "month"})
    report.refresh_from_db()
    assert (report.dimension, report.period) == ("area", "month")
    assert "Delete Mine?" in page.get(f"{path}delete/").text
    assert said(page.post(f"{path}delete/", follow=True)) == ["Deleted the report Mine."]
    assert page.get(path).status_code == 404


def test_nobody_saves_more_reports_than_one_may_have(page, anna):
    Report.objects.bulk_create(Report(owner=anna, name=str(number)) for number in range(MOST_REPORTS))
    assert said(page.post("/reports/new/", FORM, follow=True)) == ["You have 200 reports: delete one first."]
    Report.objects.first().delete()
    assert page.post("/reports/new/", FORM).status_code == 302


def test_the_page_has_rows_totals_and_links_to_files_of_the_same_sums(page, report):
    answer = page.get(f"/reports/{report.pk}/")
    found = answer.context["found"]
    assert [row.key for row in found.rows] == ["S1", "S2"]
    text = page.get(f"/api/v1/reports/{report.pk}/rows?format=csv").getvalue().decode("utf-8-sig")
    in_csv = list(csv.DictReader(io.StringIO(text)))
    for measure in (Measure.VISITS, Measure.FAILED):
        assert sum(int(row[measure]) for row in in_csv) == found.total.values[measure] == 45
    assert f"/api/v1/reports/{report.pk}/rows?format=csv" in answer.text
    assert "33.3 %" in answer.text
    assert "too few" in answer.text
    assert "All 2 rows" in answer.text


def test_rows_come_page_by_page(page, report, monkeypatch):
    monkeypatch.setattr("dashboard.pages.reports.ROWS", 1)
    first = page.get(f"/reports/{report.pk}/")
    assert 'href="?start=1"' in first.text
    last = page.get(f"/reports/{report.pk}/?start=1")
    assert [row.key for row in last.context["found"].rows] == ["S2"]
    assert last.context["next"] is None
    assert "No more rows" in page.get(f"/reports/{report.pk}/?start=7").text


def test_too_many_rows_are_said_and_not_computed(page, report, monkeypatch):
    monkeypatch.setattr("insights.reports.MOST_ROWS", 1)
    assert "2 rows, and may have 1" in page.get(f"/reports/{report.pk}/").text


@pytest.mark.parametrize("name", ["bea", "boss"])
def test_a_report_is_its_owners_alone(client, report, name):
    client.force_login(User.objects.create_user(name, is_superuser=name == "boss", is_staff=name == "boss"))
    assert "Mine" not in client.get("/reports/").text
    for part in ("", "change/", "delete/"):
        assert client.get(f"/reports/{report.pk}/{part}").status_code == 404
    assert client.post(f"/reports/{report.pk}/delete/").status_code == 404
    assert client.post(f"/reports/{report.pk}/change/", FORM).status_code == 404
    assert Report.objects.get() == report


def test_a_preview_is_of_the_visits_that_one_may_see(client, report):
    client.force_login(User.objects.create_user("bea"))
    assert "No visit in this period" in client.post("/reports/new/", {**FORM, "act": "preview"}).text


def test_a_group_that_is_gone_is_said(page, report):
    Report.objects.update(group=987)
    text = page.get(f"/reports/{report.pk}/").text
    assert "group 987, which there is no longer" in text
    assert "No visit in this period" in text


def test_names_and_filters_are_text(page, report):
    Report.objects.update(name=HOSTILE, area=HOSTILE, category=HOSTILE, store=HOSTILE)
    for path in ("", f"{report.pk}/", f"{report.pk}/change/", f"{report.pk}/delete/"):
        assert HOSTILE not in page.get(f"/reports/{path}").text
