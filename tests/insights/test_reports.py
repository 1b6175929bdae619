"""Are a report's rows the sums of its visits, and of no others?"""

import csv
import io
import json
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection

from insights import reports
from insights.areas import FAILURES, compare
from insights.failures import By, failures
from insights.figures import Figure
from insights.models import Dimension, Measure, Report
from insights.periods import known
from insights.report_files import ReportFile
from insights.reports import days_of, label, rows, scope_of
from insights.scope import as_of
from jobs.reporting.exports import ExportFormat
from jobs.reporting.long_files import ExportTooLong
from stores.models import Category, StoreGroup
from tests.insights.summaries import store, visits

pytestmark = pytest.mark.django_db

ALL = list(Measure.values)


def report(**changed):
    return Report(**{"name": "R", "columns": ALL, **changed})


def sums(found, measure=Measure.VISITS):
    return {row.key: row.values[measure] for row in found.rows}


@pytest.fixture
def world(db):
    bakery = Category.objects.create(name="Bakery")
    store("S1", "N", category=bakery), store("S2", "N"), store("S3", "S", category=bakery)
    StoreGroup.objects.create(name="North", area="N")
    StoreGroup.objects.create(name="Shops", name_part="shop")
    visits("S1", range(40))
    visits("S2", range(30), host="b.test:443", images=5, completed=5, failed=0)
    visits("S3", range(20), turnaround=None, host="")
    visits("gone", range(10), completed=0, failed=0, unprocessed=3, fetched=0, fetch_ms=0)


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("area", {"N": 70, "S": 20, None: 10}),
        ("category", {"Bakery": 60, "": 30, None: 10}),
        ("store", {"S1": 40, "S2": 30, "S3": 20, "gone": 10}),
        ("host", {"a.test:443": 50, "b.test:443": 30, "": 20}),
        ("group", {"North": 70, "Shops": 90}),
    ],
)
def test_visits_are_summed_by_what_the_rows_are(world, dimension, expected):
    found = rows(report(dimension=dimension), None)
    assert sums(found) == expected
    assert found.number == len(expected)


def test_weeks_begin_on_mondays_of_the_services_zone(settings):
    settings.INSIGHTS_TIME_ZONE = "Pacific/Kiritimati"
    visits("S1", range(15))
    found = sums(rows(report(dimension="week"), None))
    # The last may be of the first minutes of tomorrow there, which is no day of the report.
    assert sum(found.values()) >= 14
    assert {date.fromisoformat(week).weekday() for week in found} == {0}
    # Noon in UTC is two in the morning of the next day there.


@pytest.mark.parametrize("dimension", [each for each in Dimension.values if each != "group"])
def test_the_total_is_of_all_visits_and_the_rows_add_up_to_it(world, dimension):
    found = rows(report(dimension=dimension), None)
    for measure in (Measure.VISITS, Measure.IMAGES, Measure.COMPLETED, Measure.FAILED, Measure.UNPROCESSED):
        assert sum(sums(found, measure).values()) == found.total.values[measure]
    assert found.total.values[Measure.VISITS] == 100
    assert found.total.values[Measure.FAILURE_RATE].n == 330


def test_by_groups_there_is_no_total(world):
    assert rows(report(dimension="group"), None).total is None
    StoreGroup.objects.all().delete()
    assert rows(report(dimension="group"), None).rows == []


def test_rates_and_means_come_with_their_interval_or_with_why_not(world):
    found = {row.key: row.values for row in rows(report(dimension="store"), None).rows}
    rate = found["S1"][Measure.FAILURE_RATE]
    assert (rate.value, rate.n) == (pytest.approx(1 / 3), 120)
    assert rate.low < 1 / 3 < rate.high
    assert found["S1"][Measure.FETCH_MS].value == pytest.approx(10)
    assert found["S1"][Measure.TURNAROUND] == Figure(5, pytest.approx(5), pytest.approx(5), 40)
    assert found["S3"][Measure.TURNAROUND] == Figure.unknown(0)
    assert found["gone"][Measure.FAILURE_RATE] == Figure.unknown(0)


def test_an_interval_is_wider_where_whole_days_fail():
    store("A"), store("B")
    visits("A", range(42), images=4, completed=3, failed=1)
    visits("B", [each for each in range(42) if each % 4], images=4, completed=4, failed=0)
    visits("B", [each for each in range(42) if not each % 4], images=4, completed=0, failed=4)
    even, blocks = (row.values[Measure.FAILURE_RATE] for row in rows(report(dimension="store"), None).rows)
    assert blocks.high - blocks.low >= even.high - even.low


@pytest.mark.parametrize("failed", [0, 1, 4])
def test_an_areas_rate_is_the_same_in_a_report_in_the_comparison_and_in_the_list_of_failures(failed):
    store("A1"), store("A2")
    visits("A1", range(42), images=4, completed=4 - failed, failed=failed)
    visits("A2", range(10), images=6, completed=6 if failed == 0 else 0, failed=6 if failed else 0)
    in_report = {row.key: row.values[Measure.FAILURE_RATE] for row in rows(report(), None).rows}
    scope = scope_of(report(), None)
    in_list = {row.key: row.rate for row in failures(scope, By.AREA, 5)}
    period = known(scope)
    compared = {area.area: area.figures[FAILURES] for area in compare(period, as_of(), {"A": 2}, [FAILURES]).areas}
    assert in_report["A"] == in_list["A"] == compared["A"]
    assert in_report["A"].value == pytest.approx((42 * failed + (60 if failed else 0)) / (42 * 4 + 60))
    assert in_report["A"].high - in_report["A"].low > 0.03


def test_where_nothing_failed_an_interval_is_of_visits_and_not_of_their_images():
    store("A")
    visits("A", range(42), images=4, completed=4, failed=0)
    (found,) = rows(report(), None).rows
    rate = found.values[Measure.FAILURE_RATE]
    assert (rate.value, rate.low, rate.n) == (0, pytest.approx(0), 168)
    assert (1 - rate.high) ** 42 < 0.05


def test_filters_narrow_it(world):
    assert sums(rows(report(dimension="store", area="N"), None)) == {"S1": 40, "S2": 30}
    assert sums(rows(report(dimension="store", category=""), None)) == {"S2": 30}
    assert sums(rows(report(dimension="area", store="S3"), None)) == {"S": 20}
    assert sums(rows(report(dimension="area", group=StoreGroup.objects.get(name="North").pk), None)) == {"N": 70}


def test_a_report_of_a_group_that_is_gone_is_empty_and_not_of_all_stores(world):
    found = rows(report(group=987_654), None)
    assert (found.rows, found.number, found.total) == ([], 0, None)


def test_pages_follow_each_other_and_each_has_the_total(world):
    asked = report(dimension="store")
    pages = [rows(asked, None, start, 2) for start in (0, 2, 4)]
    assert [[row.key for row in page.rows] for page in pages] == [["S1", "S2"], ["S3", "gone"], []]
    assert {(page.number, page.total.values[Measure.VISITS]) for page in pages} == {(4, 100)}


def test_a_stores_row_has_its_name_and_no_other_row_has_one(world):
    assert [row.name for row in rows(report(dimension="store"), None).rows] == ["Shop S1", "Shop S2", "Shop S3", None]
    assert {row.name for row in rows(report(), None).rows} == {None}


def test_who_is_not_staff_gets_rows_of_their_own_jobs_alone(world):
    anna, boss = User.objects.create_user("anna"), User.objects.create_superuser("boss")
    visits("S1", range(3), owner_id=anna.pk)
    assert sums(rows(report(), anna)) == {"N": 3}
    assert rows(report(), boss).total.values[Measure.VISITS] == 103
    assert len(read_ndjson(report(), anna)) == 1


def content(asked, user, form):
    return b"".join(ReportFile(asked, user, form)).decode()


def read_csv(asked, user=None):
    return list(csv.DictReader(io.StringIO(content(asked, user, ExportFormat.CSV).removeprefix("\ufeff"))))


def read_ndjson(asked, user=None):
    return [json.loads(line) for line in content(asked, user, ExportFormat.NDJSON).splitlines()]


@pytest.mark.parametrize("dimension", Dimension.values)
def test_a_file_has_the_rows_and_sums_of_the_page(world, dimension):
    asked = report(dimension=dimension)
    page = rows(asked, None)
    in_csv, in_ndjson = read_csv(asked), read_ndjson(asked)
    assert [row[dimension] for row in in_csv] == [label(Dimension(dimension), row.key) for row in page.rows]
    assert [row["key"] for row in in_ndjson] == [row.key for row in page.rows]
    for measure in (Measure.VISITS, Measure.IMAGES, Measure.FAILED):
        expected = sum(sums(page, measure).values())
        assert sum(int(row[measure]) for row in in_csv) == sum(row[measure] for row in in_ndjson) == expected
        assert page.total is None or page.total.values[measure] == expected


def test_in_csv_a_figure_has_its_value_its_interval_and_its_n(world):
    first, *_, gone = read_csv(report(dimension="store", columns=["failure_rate"]))
    assert list(first) == [
        "store", "store_name", "failure_rate_value", "failure_rate_low", "failure_rate_high", "failure_rate_n"
    ]  # fmt: skip
    assert (first["failure_rate_value"], first["failure_rate_n"]) == ("0.333333", "120")
    assert [gone[f"failure_rate_{part}"] for part in ("value", "low", "high", "n")] == ["", "", "", "0"]


def test_a_spreadsheet_takes_no_cell_for_a_formula():
    store("=1+1", "@SUM(A1)")
    visits("=1+1", range(2))
    assert read_csv(report())[0]["area"] == "'@SUM(A1)"
    assert read_csv(report(dimension="store"))[0]["store"] == "'=1+1"


def test_a_report_without_a_visit_is_a_file_without_rows():
    assert content(report(columns=["visits"]), None, ExportFormat.CSV) == '\ufeff"area","visits"\r\n'
    assert content(report(), None, ExportFormat.NDJSON) == ""


def test_more_rows_than_are_computed_are_refused_before_the_first(world, monkeypatch):
    monkeypatch.setattr(reports, "MOST_ROWS", 4)
    assert len(read_csv(report(dimension="store"))) == 4
    monkeypatch.setattr(reports, "MOST_ROWS", 3)
    with pytest.raises(reports.TooManyRows, match="4 rows, and may have 3"):
        ReportFile(report(dimension="store"), None, ExportFormat.CSV)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_takes_too_long_is_broken_off_and_frees_the_connection(settings, monkeypatch):
    visits("S1", range(3))
    settings.LONG_STATEMENT_SECONDS = {**settings.LONG_STATEMENT_SECONDS, "export": 0.3}
    monkeypatch.setitem(reports._SUMS, Measure.VISITS, "count(pg_sleep(0.2))")
    with pytest.raises(ExportTooLong, match="raise EXPORT_SECONDS"):
        list(ReportFile(report(pk=3), None, ExportFormat.CSV))
    assert connection.connection is None


def test_periods_are_read_by_the_calendar(monkeypatch):
    monkeypatch.setattr(reports, "today", lambda: date(2026, 3, 15))
    assert days_of(report(weeks=2)) == (date(2026, 3, 2), date(2026, 3, 15))
    assert days_of(report(period="month")) == (date(2026, 2, 1), date(2026, 2, 28))
    fixed = report(period="fixed", since=date(2025, 1, 1), until=date(2025, 1, 2))
    assert days_of(fixed) == (date(2025, 1, 1), date(2025, 1, 2))


DAY = date(2025, 1, 1)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({}, None),
        ({"name": " "}, "name"),
        ({"name": "x" * 100}, None),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u200bb"}, "name"),
        ({"columns": []}, "columns"),
        ({"columns": ["visits", "visits"]}, "columns"),
        ({"columns": ["profit"]}, "columns"),
        ({"weeks": 0}, "weeks"),
        ({"weeks": 52}, None),
        ({"weeks": 53}, "weeks"),
        ({"period": "fixed"}, "since"),
        ({"period": "fixed", "since": DAY, "until": DAY}, None),
        ({"period": "fixed", "since": DAY, "until": DAY - timedelta(days=1)}, "since"),
        ({"period": "fixed", "since": DAY, "until": DAY + timedelta(days=365)}, None),
        ({"period": "fixed", "since": DAY, "until": DAY + timedelta(days=366)}, "since"),
        ({"dimension": "owner"}, "dimension"),
    ],
)
def test_a_report_says_what_is_wrong_with_it(changed, wrong):
    try:
        report(**changed).full_clean()
        found = {}
    except ValidationError as error:
        found = error.message_dict
    assert set(found) == ({wrong} if wrong else set())
