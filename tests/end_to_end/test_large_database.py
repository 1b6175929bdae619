"""What do pages and lists read from a large database whose statistics know none of it?

Each has its bounds: statements, rows and bytes read from the database, and bytes of the answer, whatever a job, a visit
or a store holds. And each statement ends in time, though the planner believes that there are no rows, or others.
"""

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from insights import kept, reading
from insights.models import Dimension, Measure, Report
from insights.scope import FEW_STORES
from jobs.models import ImageResult, Visit
from jobs.models.store_errors import store_errors
from jobs.reporting import backlog
from jobs.reporting.throughput import seconds_for
from jobs.states import ImageState, JobOutcome, JobState
from proofs.world.large import BUSY_STORE, SMALL_AREA, SMALL_STORE, SMALL_STORES, TABLES, Sizes, fill
from stores import categorising
from stores.models import Category, Store, StoreGroup
from tests.factories import make_worker

SIZES = Sizes(failed_stores=8_000, visits=4_000, images=12_000, queued=4_000, history=8_000)
# A statement that compares all with all takes minutes at this size, any other some milliseconds.
MOST_SECONDS = 3
MOST_STATEMENTS, MOST_ROWS, MOST_BYTES = 14, 2_000, 2**20
# Several panels, each of which first asks whether its sums are kept; they name up to FEW_STORES, and judge thousands of
# stores, whatever the list shows, see `insights/store_rates.py`.
PANELS = re.compile(r"/(areas|visits|problems|reports|stores/\d+)/|/api/v1/(rhythm|problems|risk)")
STATEMENTS_OF_PANELS, ROWS_OF_PANELS = 36, 12_000

TRENDS = (("area", "visits_per_store_week"), ("area", "turnaround_median"), ("category", "failure_rate"))

# What the planner believes. The rows that it has counted are those that were there before the large ones.
NAMES = ", ".join(f"'{name}'" for name in TABLES)
STATISTICS = {
    "of other rows": [],
    "of no rows": [f"UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname IN ({NAMES})"],
    "none": [
        f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname IN ({NAMES})",
        f"DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname IN ({NAMES}))",
    ],
}

# Of overdue stores, as long as they can be.
ALERTS = """
    INSERT INTO insights_alert (of_all, rule, kind, subject, direction, since, until, expected, seen, says, first_seen,
        last_seen, state, dismissed_by_name, reason, history)
    SELECT true, 'overdue_store', 'store', 'K-' || n, 0, now(), now(), 21, 40, repeat('x', 400), now(), now(), 'open',
        '', '', to_jsonb(array_fill(repeat('x', 500), ARRAY[20]))
    FROM generate_series(1, %(number)s) AS n
"""


def run(sql, parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def rows(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        rows = fill(run, SIZES)
        run(ALERTS, {"number": SIZES.failed_stores})
        yield rows
        for table in TABLES:
            run(f"ALTER TABLE {table} RESET (autovacuum_enabled)", {})
        run(f"TRUNCATE {', '.join(TABLES)}, insights_alert, insights_refreshed CASCADE", {})
        connection.close()


@pytest.fixture(params=STATISTICS)
def large(request, rows, db):
    for statement in STATISTICS[request.param]:
        run(statement, {})
    run(f"SET LOCAL statement_timeout = '{MOST_SECONDS}s'", {})
    return rows


@dataclass
class Cost:
    statements: int = 0
    rows: int = 0
    bytes: int = 0

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        self.statements += 1
        found = context["cursor"].pgresult
        if found is not None:
            self.rows += found.ntuples
            self.bytes += sum(
                len(found.get_value(row, column) or b"")
                for row in range(found.ntuples)
                for column in range(found.nfields)
            )
        return result


@contextmanager
def cost():
    with connection.execute_wrapper(counted := Cost()):
        yield counted


def insights(bakery, many, few):
    """What is made of visits, of all stores and narrowed to one, to few and to many: by index, or by a set."""
    areas = ("area=AREA-1", f"area={SMALL_AREA}")
    groups = (f"group={many}", f"group={few}")
    stores = (f"store={BUSY_STORE}", f"store={SMALL_STORE}")
    in_api = ("", *areas, "category=", "category=Bakery", *groups)
    in_pages = ("", *areas, "category=none", f"category={bakery}", *groups)
    for path in ("problems", "risk", "areas", "trends", "rhythm", "rhythm/unvisited-stores"):
        yield from (f"/api/v1/{path}?{narrowed}" for narrowed in in_api)
    for path in ("problems", "trends", "rhythm", "rhythm/unvisited-stores"):
        yield from (f"/api/v1/{path}?{narrowed}" for narrowed in stores)
    for by in ("area", "host", "category", "group"):
        yield from (f"/api/v1/problems?by={by}&{narrowed}" for narrowed in in_api)
    for by, measure in TRENDS:
        for narrowed in ("", *areas, *groups):
            yield f"/api/v1/trends?weeks=52&by={by}&measure={measure}&{narrowed}"
    yield from (f"/api/v1/areas/matrix?{narrowed}" for narrowed in ("", "category=Bakery", *groups))
    yield from (f"/problems/?{narrowed}" for narrowed in in_pages)
    for path in ("visits", "visits/list", "visits/unvisited"):
        yield from (f"/{path}/?{narrowed}" for narrowed in in_api)
    yield from (f"/visits/{part}?{narrowed}" for part in ("", "list/", "unvisited/") for narrowed in stores)
    yield from (f"/problems/?by=group&{narrowed}" for narrowed in areas)
    for narrowed in in_pages:
        if "area" not in narrowed:
            yield f"/areas/?{narrowed}"
        for area in () if "area" in narrowed else areas:
            yield f"/areas/area/?{area}&{narrowed}"
    yield "/areas/?weeks=4&measure=turnaround_p95&trend=turnaround_median"


def pages(rows):
    """Every page of the dashboard and the admin that reads rows, and every GET of the APIs, with every filter."""
    failed, running, images, busy = rows.failed_job, rows.running_job, rows.images_job, rows.visits_job
    store = Store.objects.get(store_id=BUSY_STORE).pk
    image = ImageResult.objects.filter(job_id=failed).order_by("pk").first().pk
    visit = Visit.objects.filter(job_id=images).first().pk
    group = StoreGroup.objects.create(name="Mine", name_part="shop").pk
    small_group = StoreGroup.objects.create(name="Small", area=SMALL_AREA).pk
    yield from insights(Category.objects.get(name="Bakery").pk, group, small_group)
    for store_id in (SMALL_STORE, BUSY_STORE):
        yield f"/stores/{Store.objects.get(store_id=store_id).pk}/"
    yield from [
        "/jobs/",
        f"/jobs/?before={failed}",
        "/operations/",
        "/stores/",
        "/stores/?q=shop",
        "/stores/?area=AREA-1",
        "/jobs/forecasts/",
        "/stores/categories/rules/",
        f"/stores/?group={group}",
        "/stores/groups/",
        f"/stores/groups/{group}/",
        "/stores/duplicates/",
        "/stores/duplicates/?area=AREA-1",
        "/stores/route/",
        "/stores/route/?area=AREA-1",
        f"/stores/route/?group={group}",
        "/stores/?category=none",
        "/stores/?category=Bakery",
        "/stores/categories/",
        "/stores/categories/other-words/",
        f"/stores/categories/{Category.objects.get(name='Bakery').pk}/",
    ]
    yield from (f"/jobs/?stage={stage}" for stage in (*JobState, *JobOutcome))
    yield from (f"/jobs/?q={q}" for q in (BUSY_STORE, "U-7", "nobody", f"{failed}+{running}", "admin"))
    for job in (failed, running, images, busy):
        yield from (
            f"/jobs/{job}/{part}"
            for part in ("", "?part=status", "?part=failures", "?part=images", "retry/", "delete/")
        )
        yield from (
            f"/admin/jobs/job/{job}/change/",
            f"/api/v1/jobs/{job}",
            f"/api/status?jobid={job}&view=images&limit=9",
        )
        yield from (
            f"/api/v1/jobs/{job}/{part}"
            for part in ("images", "failures", "throughput", "areas", "actions", "retry", "store-errors")
        )
    for narrowed in (
        "store=K-7",
        "host=photos7.example",
        "area=AREA-1",
        "area=",
        f"group={group}",
        "code=http_404",
        "state=pending",
    ):
        yield from (f"/jobs/{running}/?part=images&{narrowed}", f"/api/v1/jobs/{running}/images?{narrowed}")
    yield from (f"/stores/{store}/", f"/jobs/{failed}/images/{image}/", f"/api/v1/jobs/{failed}/images/{image}")
    pending = ImageResult.objects.filter(job_id=running, state=ImageState.PENDING).order_by("-pk").first().pk
    yield from (f"/jobs/{running}/images/{pending}/", f"/api/v1/jobs/{running}/images/{pending}")
    yield from (
        f"/admin/jobs/{model}/"
        for model in ("job", "visit", "imageresult", "pausedhost", "worker", "deletedjob", "daytotal")
    )
    yield from (f"/admin/jobs/job/?status__exact={status}" for status in ("ongoing", "completed", "failed"))
    yield from (f"/admin/jobs/imageresult/?state__exact={state}" for state in ImageState)
    yield from (
        f"/admin/jobs/imageresult/?{part}" for part in (f"job={failed}", f"visit={visit}", "code=http_404", "q=K-0")
    )
    yield from (
        f"/admin/jobs/visit/?{part}" for part in (f"job={failed}", "q=K-0", "area=AREA-1", "job__status=failed")
    )
    yield from (f"/admin/jobs/visit/{visit}/change/", f"/admin/jobs/imageresult/{image}/change/")
    yield from (
        "/admin/stores/store/",
        "/admin/stores/store/?q=shop",
        "/admin/stores/store/?category=none",
        f"/admin/stores/store/{store}/change/",
    )
    yield from ("/admin/stores/storeimport/", "/stores/import/", "/admin/access/apikey/")
    yield from ("/admin/stores/category/", "/admin/stores/keyword/")
    yield from (
        "/api/v1/jobs",
        "/api/v1/hosts",
        "/api/v1/forecasts",
        "/api/v1/category-rules",
        "/api/v1/area-weights",
        "/api/v1/stores",
        "/api/v1/stores?q=shop",
        "/api/v1/stores?area=AREA-1",
        f"/api/v1/stores?group={group}",
        "/api/v1/groups",
        f"/api/v1/groups/{group}",
        f"/api/v1/groups/{group}/members",
        "/api/v1/similar-stores?store=K-0",
        "/api/v1/similar-stores?name=shop",
        "/api/v1/duplicate-stores",
        "/api/v1/duplicate-stores?area=AREA-1",
        f"/api/v1/duplicate-stores?group={group}",
        "/api/v1/stores?category=",
        "/api/v1/stores?category=Bakery",
        "/api/v1/categories",
        "/api/v1/keywords?kind=venue",
        "/api/v1/keywords:suggestions",
    )
    yield from (f"/api/v1/jobs?state={state}" for state in JobState)
    yield from (f"/api/v1/jobs?outcome={outcome}" for outcome in JobOutcome)
    yield from (f"/api/v1/jobs?{part}" for part in ("store=K-0", "store=U-7", "owner=admin", "created_from=2020-01-01"))
    for narrowed in ("", "store=K-0", "area=AREA-1", "area=", f"group={group}", "from=2026-11-27", "to=2026-11-26"):
        yield f"/api/v1/visits?{narrowed}"
    yield from (
        "/api/v1/stores/K-0",
        "/api/v1/stores/K-0/visits",
        "/api/visits?limit=1",
        "/api/visits?area=AREA-1&limit=1",
    )
    yield from (f"/alerts/?{part}" for part in ("", "state=all", "rule=overdue_store", "about=K-7", "state=over"))
    yield from ("/alerts/rules/overdue_store/", "/api/v1/alert-rules")
    yield from (
        f"/api/v1/alerts?{part}" for part in ("limit=1000", "state=open", "store=K-7", "area=A", "rule=area_visits")
    )
    yield from ("/reports/", "/reports/new/", "/api/v1/reports")
    for report in Report.objects.order_by("pk"):
        yield from (f"/reports/{report.pk}/", f"/reports/{report.pk}/change/", f"/api/v1/reports/{report.pk}/rows")
    yield from ("/api/visits?storeid=K-0", "/api/visits?startdate=2026-11-27&limit=5", "/api/visits?enddate=2026-11-26")


def test_every_page_and_list_is_bounded_whatever_the_statistics(large, admin_client, monkeypatch):
    # Nothing is kept here, on a machine however slow: each page reads what it shows.
    monkeypatch.setattr(reading, "LONG_SECONDS", 60)
    admin_client.raise_request_exception = False
    owner = User.objects.get(username="admin")
    for dimension in Dimension.values:
        for narrowed in ({}, {"category": "Bakery"}, {"area": "AREA-1"}):
            name = f"{dimension} {narrowed}"
            Report.objects.create(owner=owner, name=name, dimension=dimension, columns=Measure.values, **narrowed)
    categorising.go_on()
    numbers = [Store.objects.filter(area_code=area).count() for area in (SMALL_AREA, "AREA-1")]
    assert numbers[0] == SMALL_STORES <= FEW_STORES < numbers[1]
    assert Store.objects.in_category("Bakery").count() == SMALL_STORES
    too_much = []
    for page in pages(large):
        before = transaction.savepoint_create()
        kept.forget()
        has_panels = PANELS.match(page)
        most_statements = STATEMENTS_OF_PANELS if has_panels else MOST_STATEMENTS
        most_rows = ROWS_OF_PANELS if has_panels else MOST_ROWS
        with cost() as counted:
            answer = admin_client.get(page)
            size = len(answer.getvalue())
        # Undone is what holds in a page's own transactions alone, such as settings of the planner, and their end by a
        # statement whose time is over: the other pages are still asked.
        transaction.set_rollback(False)
        transaction.savepoint_rollback(before)
        # The frozen answer of a failed job names every failed store in every view; it is streamed.
        names_all = page.startswith(f"/api/status?jobid={large.failed_job}&")
        if (
            answer.status_code != 200
            or counted.statements > most_statements
            or counted.rows > most_rows
            or counted.bytes > MOST_BYTES
            or (size > MOST_BYTES and not names_all)
        ):
            too_much.append((page, answer.status_code, counted, size))
    assert too_much == [], "\n".join(map(str, too_much))


def test_the_preview_of_a_keyword_reads_names_alone_and_no_more_than_it_says(large, admin_client, monkeypatch):
    categorising.go_on()
    monkeypatch.setattr("stores.rule_changes.MOST_PREVIEWED", 1_000)
    with cost() as counted:
        answer = admin_client.get("/stores/categories/preview/?text=known&kind=venue")
    assert answer.status_code == 200
    assert counted.statements <= MOST_STATEMENTS
    assert counted.rows <= MOST_ROWS
    assert counted.bytes < 100_000


def scans(name):
    """How often this table, or this index, was scanned in this transaction."""
    ((number,),) = run("SELECT pg_stat_get_xact_numscans(%s::regclass)", [name])
    return number


@pytest.mark.parametrize("page", ["/jobs/?stage=", "/api/v1/jobs?state="])
@pytest.mark.parametrize("state", JobState)
def test_a_list_of_jobs_counts_the_images_in_flight_of_those_that_it_shows(large, admin_client, page, state):
    before = scans("image_running_of_job")
    assert admin_client.get(f"{page}{state}").status_code == 200
    assert scans("image_running_of_job") - before <= 102


def test_the_pace_and_the_backlog_are_read_from_their_indexes(large):
    make_worker()
    before = scans("jobs_imageresult")
    with cost() as counted:
        assert seconds_for(100) > 0
        run(backlog._BACKLOG, {"most": backlog.MOST_COUNTED})
    assert scans("jobs_imageresult") == before
    assert counted.rows < 600


def all_pages(client, path, key, page_bytes=2**20, **parameters):
    """The rows of all pages, each of which is small."""
    found = []
    while True:
        answer = client.get(path, parameters)
        assert len(answer.content) <= page_bytes
        found.append(answer.json())
        cursor = answer.json().get("next_cursor")
        if cursor is None:
            return [row for page in found for row in page[key]]
        parameters["cursor"] = cursor


def test_every_perimeter_of_a_visit_of_many_images_is_found_page_by_page(rows, admin_client):
    dates = [
        image["perimeter"]
        for store in all_pages(admin_client, "/api/visits", "results", storeid=BUSY_STORE, limit=1000)
        for image in store["data"]
    ]
    images = ImageResult.objects.filter(visit__store_id=BUSY_STORE, state=ImageState.COMPLETED)
    assert len(dates) == images.count() == SIZES.visits + SIZES.images


def test_every_failed_store_is_listed_page_by_page_and_the_job_says_how_many(rows, admin_client):
    path = f"/api/v1/jobs/{rows.failed_job}"
    job = admin_client.get(path).json()
    assert (len(job["store_errors"]), job["store_errors_total"]) == (100, SIZES.failed_stores)
    listed = all_pages(admin_client, job["links"]["store-errors"], "results", limit=1000)
    assert [entry["store_id"] for entry in listed] == [f"U-{n}" for n in range(1, SIZES.failed_stores + 1)]
    assert listed[:100] == job["store_errors"]


def test_of_what_was_tried_again_and_again_the_latest_is_shown_and_how_often_it_was(rows, admin_client):
    image = ImageResult.objects.filter(job_id=rows.failed_job).order_by("pk").first().pk
    answer = admin_client.get(f"/api/v1/jobs/{rows.failed_job}/images/{image}").json()
    shown = range(SIZES.failed_stores - 49, SIZES.failed_stores + 1)
    assert [attempt["claim_no"] for attempt in answer["failed_attempts"]] == list(shown)
    assert answer["failed_attempts_total"] == SIZES.failed_stores
    page = admin_client.get(f"/jobs/{rows.failed_job}/images/{image}/").text
    assert f"{SIZES.failed_stores - 50:,} earlier attempts failed, too" in page
    for address in (f"/admin/jobs/imageresult/{image}/change/", f"/admin/jobs/job/{rows.failed_job}/change/"):
        page = admin_client.get(address).text
        assert "the latest 50" in page.lower()
        assert page.count("has_original") == 50


def test_a_job_that_has_not_changed_is_answered_without_its_body(rows, admin_client):
    path = f"/api/v1/jobs/{rows.failed_job}"
    etag = admin_client.get(path)["ETag"]
    with cost() as counted:
        answer = admin_client.get(path, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert counted.bytes < 1_000


def test_the_frozen_answer_names_every_failed_store_and_is_streamed(rows, admin_client):
    with cost() as counted:
        answer = admin_client.get("/api/status", {"jobid": rows.failed_job})
        body = answer.getvalue()
    assert answer.streaming
    assert answer["Content-Type"] == "application/json"
    assert counted.bytes < 1_000
    found = json.loads(body)
    assert list(found) == ["status", "job_id", "error"]
    assert [list(entry) for entry in found["error"][:1]] == [["store_id", "error"]]
    assert [entry["store_id"] for entry in found["error"]] == [f"U-{n}" for n in range(1, SIZES.failed_stores + 1)]
    with_images = json.loads(admin_client.get("/api/status", {"jobid": rows.failed_job, "view": "images"}).getvalue())
    assert {**with_images, **found} == with_images
    assert (len(with_images["images"]), body[:20]) == (100, b'{"status":"failed","')


def test_the_summary_of_a_running_job_names_every_failed_store_so_far_and_is_streamed(large, admin_client):
    with cost() as counted:
        answer = admin_client.get("/api/status", {"jobid": large.running_job, "view": "summary"})
        body = answer.getvalue()
    assert answer.streaming
    assert counted.bytes < 1_000
    found = json.loads(body)
    assert list(found) == ["status", "job_id", "error", "counts", "progress", "created_at", "finished_at"]
    assert found["error"] == store_errors(large.running_job)
    assert len(found["error"]) == SIZES.failed_stores


def test_the_last_page_of_a_streamed_answer_says_that_there_is_no_other(rows, admin_client):
    parameters = {"jobid": rows.failed_job, "view": "images", "limit": 1000}
    ids = []
    while True:
        page = json.loads(admin_client.get("/api/status", parameters).getvalue())
        ids += [image["store_id"] for image in page["images"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert ids == [entry["store_id"] for entry in page["error"]]
