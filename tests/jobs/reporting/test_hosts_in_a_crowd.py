"""What a crowd of paused hosts and waiting images costs, and how it is reported."""

import pytest
from django.db import connection, transaction

from jobs.models import ImageResult, PausedHost
from jobs.reporting import hosts
from jobs.reporting.hosts import MOST_COUNTED, MOST_OF_JOB, paused_hosts, waiting_images, waits
from tests.factories import defer, look, submit_job

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def crowded(django_db_setup, django_db_blocker):
    """50,000 deferred images, half of them of one job, and 1,000 paused hosts; yields that job and another.

    Filled once, in a transaction around those of the tests.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield fill()
        transaction.set_rollback(True)


def fill():
    large, other = submit_job(1), submit_job(1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_pausedhost (name, code, message, since, until, number, changed_at)"
            " SELECT 'h' || n || '.test:443', 'http_503', 'no', now(), now() + interval '30 s', 1, now()"
            " FROM generate_series(0, 999) n"
        )
        for job in (large, other):
            image = ImageResult.objects.get(job=job)
            cursor.execute(
                "INSERT INTO jobs_imageresult"
                " (job_id, visit_id, url, rank, state, held, waits_for, claim_no, attempts, crashes, generation,"
                " format, error_code, error_message)"
                " SELECT %s, %s, 'https://h' || n %% 1000 || '.test/' || n, n, 'pending', false,"
                " 'h' || CASE WHEN n %% 2 = 0 THEN 0 ELSE n %% 1000 END || '.test:443', 0, 0, 0, 0, '', '', ''"
                " FROM generate_series(1, 25000) n",
                [job.pk, image.visit_id],
            )
            cursor.execute("UPDATE jobs_job SET total = 25001 WHERE id = %s", [job.pk])
        cursor.execute("ANALYZE jobs_imageresult, jobs_pausedhost")
    return large, other


def plan_of(statement, parameters):
    """The plan, and how many rows its scans have read."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) {statement}", parameters)
        ((plan,),) = cursor.fetchall()
    return str(plan), rows_read(plan[0]["Plan"])


def rows_read(node):
    """By the scans of tables and indexes in a node of a plan, and below it."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    below = sum(rows_read(child) for child in node.get("Plans", []))
    return below + (own if "Relation Name" in node or "Index Name" in node else 0)


def test_fifty_thousand_waiting_images_are_counted_in_their_own_indexes(crowded):
    large, other = crowded
    small = submit_job(2)
    defer(small, "h7.test:443")
    plan, rows = plan_of(hosts._OF_JOBS, [[small.pk], MOST_OF_JOB])
    assert "image_deferred_of_job" in plan
    assert rows < 140
    plan, rows = plan_of(hosts._OF_JOBS, [[large.pk, other.pk], MOST_OF_JOB])
    # Those that wait, once each, and the paused hosts.
    assert rows < 2 * 25_000 + 1_100
    plan, rows = plan_of(hosts._LANES, [MOST_COUNTED, [f"h{n}.test:443" for n in range(1000)]])
    assert "image_deferred" in plan
    assert "Seq Scan" not in plan
    # Of each host, as many as are counted; of h0, more than twice as many wait.
    assert rows < 36_000


def test_a_crowd_is_told_in_bounded_words(crowded):
    large, _ = crowded
    found = waits([look(large)])[large.pk]
    assert (len(found.hosts), found.images, found.is_all) == (MOST_OF_JOB, 25_000, False)
    assert (found.hosts[0].host, found.hosts[0].images) == ("h0.test:443", 12_500)
    shown = paused_hosts(20)
    assert (len(shown.hosts), shown.more) == (20, 980)
    assert waiting_images(["h0.test:443"]) == {"h0.test:443": MOST_COUNTED}


def test_where_no_host_is_paused_the_waiting_images_are_not_looked_at(crowded):
    large, _ = crowded
    PausedHost.objects.all().delete()
    plan, _ = plan_of(hosts._OF_JOBS, [[large.pk], MOST_OF_JOB])
    assert "'Actual Rows': 25000" not in plan
