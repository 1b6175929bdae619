"""What do pages and lists read from a large database whose statistics know none of it?

Each has its bounds: statements, rows and bytes read from the database, and bytes of the answer, whatever a job, a visit
or a store holds. And each statement takes little of the database's time, though the planner believes that there are no
rows, or others.
"""

import json
import re
from itertools import chain, islice

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from insights import day_sums, kept, rate_windows
from insights.models import Dimension, Measure, Report
from insights.scope import FEW_STORES
from jobs.models import ImageResult
from jobs.models.store_errors import store_errors
from jobs.reporting import backlog
from jobs.reporting.throughput import seconds_for
from jobs.states import ImageState, JobState
from proofs.world.large import BUSY_STORE, SMALL_AREA, SMALL_STORES, TABLES, Sizes, fill
from stores import categorising
from stores.models import Store, StoreGroup
from tests.copies import copies
from tests.end_to_end.large_costs import cost, slow_statements, undone
from tests.end_to_end.large_pages import pages
from tests.end_to_end.large_people import pages_of, people, rows_read
from tests.factories import make_worker
from webhooks import endpoints

SIZES = Sizes(failed_stores=4_000, visits=2_000, images=12_000, queued=2_000, history=8_000)
# A statement is waited for so many seconds at most, also where the system does not tell what it took.
MOST_WAITED_SECONDS = 8
# So many faults are enough to know.
MOST_FAULTS = 5
MOST_STATEMENTS, MOST_ROWS, MOST_BYTES = 14, 2_000, 2**19
# Several panels, each of which first asks which days are kept; they name up to FEW_STORES, and judge thousands of
# stores, whatever the list shows, see `insights/store_rates.py`.
PANELS = re.compile(r"/(areas|visits|problems|reports|stores/\d+)/|/api/v1/(areas|rhythm|problems|risk)")
# Those that differ where days are kept.
SUMMED = re.compile(r"/(areas|visits|problems|reports)/|/api/v1/(areas|rhythm|problems|risk|trends|reports)")
STATEMENTS_OF_PANELS, ROWS_OF_PANELS = 40, 12_000
# Rows that the database reads for them: a few times all stores, and all visits of a team.
READ_BY_PANELS = 60_000


WEBHOOK_TABLES = ("webhooks_endpoint", "webhooks_event", "webhooks_delivery", "webhooks_attempt")
# What the planner believes. The rows that it has counted are those that were there before the large ones.
NAMES = ", ".join(f"'{name}'" for name in (*TABLES, *WEBHOOK_TABLES))
GIVEN = "of other rows"
STATISTICS = {
    GIVEN: [],
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

# Of one endpoint a long log, of another that of a dead one; and a webhook for each of many jobs.
MOST_SEARCHED = 5_000
WEBHOOKS = """
    INSERT INTO webhooks_event (uid, type, job_id, body)
    SELECT 'evt_' || n, CASE WHEN n %% 1000 = 0 THEN 'webhook.test' ELSE 'job.ended' END, n, repeat('x', 800)
    FROM generate_series(1, %(number)s) AS n;
    INSERT INTO webhooks_delivery (event_id, endpoint_id, state, attempts)
    SELECT event.id, endpoint.id,
        CASE WHEN endpoint.name = 'dead' THEN 'pending'
            WHEN event.job_id %% 500 = 0 THEN 'failed' ELSE 'delivered' END, 1
    FROM webhooks_event event CROSS JOIN webhooks_endpoint endpoint WHERE endpoint.job_id IS NULL;
    INSERT INTO webhooks_attempt (delivery_id, number, url, timestamp, milliseconds, status, error_code, error_message,
        answer)
    SELECT id, 1, 'https://a.example/', 1, 1, 500, '', '', repeat('x', 1000) FROM webhooks_delivery;
    INSERT INTO webhooks_endpoint (owner_id, job_id, url, events, secret)
    SELECT owner_id, n, url, events, secret
    FROM webhooks_endpoint CROSS JOIN generate_series(1, %(number)s) AS n WHERE name = 'dead'
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


def believe(statistics):
    for statement in STATISTICS[statistics]:
        run(statement, {})
    run(f"SET LOCAL statement_timeout = '{MOST_WAITED_SECONDS}s'", {})


@pytest.fixture(params=STATISTICS)
def large(request, rows, db):
    believe(request.param)
    return rows


# Half a minute of the processors' time, on a machine that may have ten other things to do.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("are_days_kept", [False, True])
def test_every_page_and_list_is_bounded_whatever_the_statistics(rows, admin_client, monkeypatch, are_days_kept):
    monkeypatch.setattr("webhooks.delivery_log.MOST_SEARCHED", MOST_SEARCHED)
    if are_days_kept:
        for _ in chain(day_sums.slices(None), rate_windows.slices()):
            """As a refresher does."""
        # What it sets for its own transactions.
        for name in ("enable_nestloop", "work_mem", "jit", "max_parallel_workers_per_gather"):
            run(f"RESET {name}", {})
    admin_client.raise_request_exception = False
    owner = User.objects.get(username="admin")
    for dimension in Dimension.values:
        for narrowed in ({}, {"category": "Bakery"}, {"area": "AREA-1"}):
            name = f"{dimension} {narrowed}"
            Report.objects.create(owner=owner, name=name, dimension=dimension, columns=Measure.values, **narrowed)
    if not are_days_kept:
        for name in ("dead", "well"):
            endpoints.create(owner, "https://a.example/", ["job.ended"], name=name)
        for statement in WEBHOOKS.split(";"):
            run(statement, {"number": 2 * MOST_SEARCHED})
    categorising.go_on()
    numbers = [Store.objects.filter(area_code=area).count() for area in (SMALL_AREA, "AREA-1")]
    assert numbers[0] == SMALL_STORES <= FEW_STORES < numbers[1]
    assert Store.objects.in_category("Bakery").count() == SMALL_STORES
    run(f"SET LOCAL statement_timeout = '{MOST_WAITED_SECONDS}s'", {})
    too_much, asked = [], {}
    for page in pages(rows):
        if are_days_kept and not SUMMED.match(page):
            continue
        kept.forget()
        with undone(), cost() as counted:
            answer = admin_client.get(page)
            size = len(answer.getvalue())
        asked |= {repr(statement): statement for statement in counted.asked}
        has_panels = PANELS.match(page)
        most_bytes = MOST_BYTES * (1 + ("limit=1000" in page))
        # The frozen answer of a failed job names every failed store in every view; it is streamed.
        names_all = page.startswith(f"/api/status?jobid={rows.failed_job}&")
        if (
            answer.status_code != 200
            or counted.statements > (STATEMENTS_OF_PANELS if has_panels else MOST_STATEMENTS)
            or counted.rows > (ROWS_OF_PANELS if has_panels else MOST_ROWS)
            or counted.bytes > most_bytes
            or (size > most_bytes and not names_all)
            or counted.slow
        ):
            too_much.append((page, answer.status_code, counted, size))
        if len(too_much) == MOST_FAULTS:
            break
    assert too_much == [], "\n".join(map(str, too_much))
    # Under other statistics they read the same; most statements are those of several pages.
    for statistics in STATISTICS.keys() - {GIVEN}:
        with undone():
            believe(statistics)
            too_slow = list(islice(slow_statements(asked.values()), MOST_FAULTS))
        assert too_slow == [], "\n".join(map(str, (statistics, *too_slow)))


@pytest.mark.timeout(900)
def test_who_may_not_read_all_jobs_has_few_rows_read_whatever_the_statistics(rows, db):
    readers, group = people(rows), StoreGroup.objects.create(name="Mine", name_part="shop")
    categorising.go_on()
    run(f"SET LOCAL statement_timeout = '{MOST_WAITED_SECONDS}s'", {})
    too_much, asked_by_page = [], []
    for person in readers:
        client = Client(raise_request_exception=False)
        client.force_login(person.user)
        for page in pages_of(person, group):
            kept.forget()
            with undone():
                before = rows_read()
                with cost() as counted, copies() as copied:
                    answer = client.get(page)
                    size = len(answer.getvalue())
                read = -before if answer.status_code == 500 else rows_read() - before
            has_panels = PANELS.match(page)
            most_read = READ_BY_PANELS if has_panels else person.most_read
            asked_by_page.append((person.user, page, most_read, counted.asked, bool(copied)))
            if (
                answer.status_code != 200
                or counted.statements > (STATEMENTS_OF_PANELS if has_panels else MOST_STATEMENTS)
                or counted.rows > (ROWS_OF_PANELS if has_panels else MOST_ROWS)
                or max(counted.bytes, size) > MOST_BYTES * (1 + ("limit=1000" in page))
                or read > most_read
                or counted.slow
            ):
                too_much.append((person.user, page, answer.status_code, read, counted, size))
        if len(too_much) >= MOST_FAULTS:
            break
    assert too_much == [], "\n".join(map(str, too_much))
    # Under other statistics they ask the same.
    for statistics in STATISTICS.keys() - {GIVEN}:
        with undone():
            believe(statistics)
            for user, page, most_read, asked, copied in asked_by_page:
                before = rows_read()
                too_slow = list(slow_statements(asked))
                if copied and not too_slow:
                    client = Client()
                    client.force_login(user)
                    before = rows_read()
                    assert client.get(page).getvalue()
                # After an error, nothing can be asked.
                read = 0 if too_slow else rows_read() - before
                if too_slow or read > most_read:
                    too_much.append((statistics, user, page, read, *too_slow))
                if len(too_much) == MOST_FAULTS or too_slow:
                    break
        assert too_much == [], "\n".join(map(str, too_much))


@pytest.mark.parametrize("page", ["/api/v1/visits?limit=1000", "/api/v1/visits?limit=1000&from=2020-01-01"])
def test_who_may_not_read_all_jobs_has_all_their_visits_listed_in_the_order_of_their_jobs(large, client, page):
    for person in people(large):
        client.force_login(person.user)
        visits = person.visits
        answer = client.get(page).json()
        assert [visit["id"] for visit in answer["results"]] == visits[:1000]
        assert (answer["next_cursor"] is None) is (len(visits) <= 1000)


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
        backlog.backlog()
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
