"""Does an audit look up what belongs to a row by a key, whatever the planner expects?"""

import json
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from jobs import queue
from jobs.errors import NotAnImage
from jobs.models import ImageResult
from jobs.reporting import audit
from jobs.reporting.audit_checks import CHECKS, further_checks
from tests.factories import failure, make_worker, submit_job

pytestmark = pytest.mark.django_db

IMAGES = 300
TABLES = ["jobs_job", "jobs_visit", "jobs_imageresult", "jobs_failedattempt", "insights_visitsummary"]
# Rows that a check reads for each image, its own among them; comparing each with all others would read IMAGES.
MOST_ROWS = 20
OF_JOBS = [check for check in [*CHECKS, *further_checks] if check.is_of_jobs]
COMPARES_ALL = """
    SELECT image.id, 'x' FROM jobs_imageresult image CROSS JOIN LATERAL (
        SELECT count(*) AS total FROM jobs_imageresult other WHERE other.claim_no > image.claim_no OFFSET 0
    ) later
    WHERE later.total > 0
"""


@pytest.fixture
def unknown_to_the_planner(transactional_db):
    """A job of failed images, in tables of which the statistics say that they hold no rows."""
    submit_job(IMAGES)
    worker = make_worker()
    while claims := queue.claim(worker, limit=100):
        queue.record(worker, [failure(claim, NotAnImage()) for claim in claims])
    # In one transaction with what is asked then, lest autovacuum counts the rows in between.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM pg_statistic WHERE starelid = ANY (%s::regclass[])", [TABLES])
            cursor.execute("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE oid = ANY (%s::regclass[])", [TABLES])
        yield audit._SLICE.format(first=1, last=ImageResult.objects.values_list("job", flat=True)[0])
        transaction.set_rollback(True)


def rows_read(node: dict) -> Iterator[float]:
    """By the scans of a plan, those that a filter left out among them."""
    if "Scan" in node["Node Type"]:
        yield (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    for each in node.get("Plans", ()):
        yield from rows_read(each)


def total_read(statement: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        ((found,),) = cursor
    (plan,) = json.loads(found) if isinstance(found, str) else found
    return sum(rows_read(plan["Plan"]))


@pytest.mark.parametrize("check", OF_JOBS, ids=lambda check: check.code)
def test_a_check_reads_each_row_a_few_times(unknown_to_the_planner, check):
    assert total_read(unknown_to_the_planner + check.broken) <= MOST_ROWS * IMAGES


def test_a_check_that_compares_each_image_with_all_others_would_be_seen(unknown_to_the_planner):
    assert total_read(unknown_to_the_planner + COMPARES_ALL) > MOST_ROWS * IMAGES
