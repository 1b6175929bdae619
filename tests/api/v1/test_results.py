"""The results feed over the API: pages, cursors, and whose results one reads."""

import base64
import json
import struct

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from jobs import queue
from jobs.errors import HTTPStatus
from jobs.models import FinishedBatch, ImageFilter, ImageResult, Job, ResultsFeed
from jobs.models.finished_batch import MOST_IMAGES, NO_OWNER
from jobs.reporting import feed_positions
from jobs.reporting.exports import ExportFormat, write
from tests.api.payloads import work_off
from tests.api.v1.conftest import V1, assert_problem
from tests.factories import make_staff, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_attempt(settings):
    settings.MAX_ATTEMPTS = 1


def page(v1, **query):
    response = v1.get("results", query)
    assert response.status_code == 200, response.content
    found = response.json()
    assert list(found) == ["results", "next_cursor", "has_more"]
    return found


def everything(v1, after="", **query):
    """All results behind `after`, and the cursor at the end."""
    results, has_more = [], True
    while has_more:
        found = page(v1, after=after, **query)
        after, has_more = found["next_cursor"], found["has_more"]
        results += found["results"]
    return results, after


def test_a_result_is_a_line_of_the_jobs_export_and_says_what_it_is_of(v1, tmp_path):
    job = submit_visits(("T-1", ["http://A.test:80/1", "http://a.test/2"]), ("gone", ["http://a.test/3"]))
    work_off({"http://a.test/2": HTTPStatus(404)})
    results, _ = everything(v1)
    write(job.pk, ImageFilter(), ExportFormat.NDJSON, tmp_path / "job.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "job.ndjson").read_text().splitlines()]
    by_url = {result["image_url"]: result for result in results}
    for image, line in zip(ImageResult.objects.order_by("pk"), lines, strict=True):
        own = {
            "job_id": job.pk, "image_id": image.pk, "generation": 0, "owner": None, "visit_id": image.visit_id,
        }  # fmt: skip
        assert by_url[image.url] == own | line
        assert list(by_url[image.url]) == [*own, *line]
    assert [by_url[f"http://a.test/{number}"]["error_code"] for number in (2, 3)] == ["http_404", "unknown_store"]


def test_a_reader_goes_on_where_it_has_stopped(v1):
    submit_job(5)
    work_off()
    first = page(v1, limit=2)
    assert len(first["results"]) == 2
    assert first["has_more"]
    rest, cursor = everything(v1, first["next_cursor"], limit=2)
    read = [result["image_id"] for result in [*first["results"], *rest]]
    assert sorted(read) == sorted(set(read)) == list(ImageResult.objects.order_by("pk").values_list("pk", flat=True))
    assert page(v1, after=cursor) == {"results": [], "next_cursor": cursor, "has_more": False}
    later = submit_job(1)
    work_off()
    assert [result["job_id"] for result in page(v1, after=cursor)["results"]] == [later.pk]


def test_an_empty_feed_has_a_cursor_too(v1):
    empty = page(v1)
    assert empty["results"] == []
    assert not empty["has_more"]
    submit_job(1)
    work_off()
    assert len(page(v1, after=empty["next_cursor"])["results"]) == 1


def test_latest_begins_at_the_end(v1):
    submit_job(3)
    work_off()
    end = page(v1, after="latest")
    assert end["results"] == []
    assert not end["has_more"]
    assert page(v1, after=end["next_cursor"])["results"] == []
    later = submit_job(2)
    work_off()
    assert [result["job_id"] for result in page(v1, after=end["next_cursor"])["results"]] == [later.pk] * 2
    assert len(everything(v1)[0]) == 5


def test_the_end_of_an_empty_feed_is_its_beginning(v1):
    end = page(v1, after="latest")
    submit_job(1)
    work_off()
    assert len(page(v1, after=end["next_cursor"])["results"]) == 1


def test_the_end_is_come_to_in_steps_where_much_has_not_been_read(v1, monkeypatch):
    monkeypatch.setattr(feed_positions, "MOST_GIVEN", 2)
    submit_job(3)
    worker = make_worker()
    for claim in queue.claim(worker, limit=3):
        queue.record(worker, [success(claim)])
    assert page(v1, after="latest") == {"results": [], "next_cursor": "latest", "has_more": True}
    end = page(v1, after="latest")
    assert not end["has_more"]
    assert page(v1, after=end["next_cursor"])["results"] == []


def test_one_reads_the_results_of_ones_own_jobs(v1, settings):
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    jobs = [submit_job(2, owner=owner) for owner in (anna, bert, None)]
    work_off()
    chief = make_staff("view_job")
    for user, seen in ((anna, jobs[:1]), (bert, jobs[1:2]), (chief, jobs)):
        client = Client()
        client.force_login(user)
        results, _ = everything(V1(client), limit=1)
        assert sorted(result["job_id"] for result in results) == sorted([job.pk for job in seen] * 2)
        assert {result["owner"] for result in results} == {job.owner and job.owner.username for job in seen}
    results, _ = everything(v1)
    assert {result["job_id"] for result in results} == {jobs[2].pk}
    settings.API_OPEN = False
    assert_problem(V1().get("results"), 401, "not-signed-in")


def test_a_cursor_of_one_owner_shows_another_nothing_of_theirs():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    submit_job(3, owner=anna)
    his = submit_job(3, owner=bert)
    work_off()
    clients = []
    for user in (anna, bert):
        clients.append(V1(Client()))
        clients[-1].client.force_login(user)
    half = page(clients[0], limit=1)["next_cursor"]
    results, _ = everything(clients[1], half)
    assert {result["job_id"] for result in results} <= {his.pk}


def cursor_of(*values, layout=">QHI"):
    return base64.urlsafe_b64encode(struct.pack(layout, *values)).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "x", "Latest", "now", "1", "é", "=", "AAAA", cursor_of(1, layout=">Q"), cursor_of(1, 2, layout=">QQ"),
        cursor_of(1, 0, 0) + "=", " " + cursor_of(1, 0, 0), cursor_of(1, MOST_IMAGES + 1, 0), cursor_of(2**63, 0, 0),
        "A" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_said_so(v1, after):
    problem = assert_problem(v1.get("results", {"after": after}), 400, "invalid-request")
    assert problem["errors"] == [
        {"parameter": "after", "detail": "after must be the next_cursor of an earlier answer, latest, or empty."}
    ]


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "1.5"])
def test_a_limit_is_from_one_to_a_thousand(v1, limit):
    assert_problem(v1.get("results", {"limit": limit}), 400, "invalid-request")


def test_a_page_may_have_a_thousand_results(v1):
    submit_job(1001)
    work_off()
    assert [len(page(v1, limit=limit)["results"]) for limit in (1, 1000)] == [1, 1000]


def test_parameters_that_it_does_not_know_are_refused(v1):
    assert_problem(v1.get("results", {"cursor": ""}), 400, "invalid-request")


def test_a_cursor_ahead_of_the_feed_is_of_another_history(v1):
    submit_job(1)
    work_off()
    everything(v1)
    assert_problem(v1.get("results", {"after": cursor_of(2, 0, 0)}), 409, "feed-set-back")
    assert page(v1, after=cursor_of(1, 0, 0))["results"]


def test_after_a_restore_of_an_older_backup_cursors_from_before_it_are_refused(v1):
    submit_job(2)
    work_off()
    _, kept = everything(v1)
    submit_job(1)
    work_off()
    _, lost = everything(v1, kept)
    # The last commits are lost, and others come in their place.
    newest = FinishedBatch.objects.order_by("-position").first()
    assert newest is not None
    Job.objects.filter(pk=newest.job_id).delete()
    ResultsFeed.objects.update(last_position=newest.position - 1)
    assert_problem(v1.get("results", {"after": lost}), 409, "feed-set-back")
    other = submit_job(1)
    work_off()
    results, _ = everything(v1, kept)
    assert [result["job_id"] for result in results] == [other.pk]
    assert_problem(v1.get("results", {"after": lost}), 409, "feed-set-back")


def test_a_few_results_among_many_of_others_are_found_by_few_rows(v1):
    """Ten of one's own, the last of them behind a hundred thousand batches of others."""
    bert = User.objects.create_user("bert")
    for _ in range(10):
        submit_job(1, owner=bert)
        work_off()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_finishedbatch (job_id, owner, size, images, generations)"
            " SELECT 0, %s, 1, '{1}', '{0}' FROM generate_series(1, 100000)",
            [NO_OWNER],
        )
    submit_job(1, owner=bert)
    work_off()
    client = V1(Client())
    client.client.force_login(bert)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        before = rows_read(cursor)
        assert len(everything(client)[0]) == 11
        assert rows_read(cursor) - before < 300
        # Those of others have no positions yet, and nobody had to give them any.
        assert FinishedBatch.objects.filter(position=None).count() == 100_000
        before = rows_read(cursor)
        assert page(v1)["has_more"]
        assert rows_read(cursor) - before < 10_000


def rows_read(cursor):
    """Of the table of batches, by this transaction so far."""
    cursor.execute(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
        " WHERE relname = 'jobs_finishedbatch'"
    )
    return cursor.fetchone()[0]


def export(v1, **query):
    response = v1.get("results/export", query)
    assert response.status_code == 200, response.content
    return response, [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def test_the_results_of_a_period_are_those_of_the_jobs_that_one_may_read(v1):
    anna = User.objects.create_user("anna")
    hers, nobodys = submit_job(2, owner=anna), submit_job(1)
    work_off()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    period = {"from": "2026-01-01", "to": now.isoformat()}
    response, lines = export(v1, **period)
    assert [line["job_id"] for line in lines] == [nobodys.pk]
    assert lines == everything(v1)[0]
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"].startswith('attachment; filename="results-20260101T000000Z-')
    client = V1(Client())
    client.client.force_login(anna)
    assert [line["job_id"] for line in export(client, **period)[1]] == [hers.pk] * 2
    assert export(v1, **{"from": "2026-01-01", "to": "2026-01-01"})[1] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["from", "to"]), ({"from": "2026-01-01"}, ["to"]), ({"to": "2026-01-01"}, ["from"]),
        ({"from": "2026-01-02", "to": "2026-01-01"}, ["to"]), ({"from": "2026-01-01", "to": "2999-01-01"}, ["to"]),
        ({"from": "x", "to": "2026-01-01"}, ["from"]),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(v1, query, names):
    problem = assert_problem(v1.get("results/export", query), 400, "invalid-request")
    assert [error["parameter"] for error in problem["errors"]] == names
