"""Are visits, jobs and images found by what clients say of them, by few rows, whatever the planner believes?"""

import json

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.dashboard.conftest import anna  # noqa: F401 - a fixture
from tests.end_to_end.test_large_database import run
from tests.jobs.reporting.test_audit_plans import rows_read

VISITS, JOBS = 100_000, 2_000
# Of a search that finds little, or the thousand visits of one person: at most all jobs, for some of a page's
# statements, and nothing near all visits. Of one that every visit matches, each is looked at, and its job.
FEW, EACH = 5 * JOBS, 4 * VISITS
# Every visit has metadata, one in a hundred a reference, and one in a thousand a person of its own.
FILL = """
    INSERT INTO jobs_job (id, owner_id, status, on_error, priority, total, completed, failed, canceled, store_errors,
        finished_at, client_reference, metadata)
    SELECT n, %(owner)s, 'completed', 'continue', 0, 50, 50, 0, 0, '[]', now(), 'J-' || n,
        jsonb_build_object('batch', n::text, 'app', 'one')
    FROM generate_series(1, %(jobs)s) AS n;
    INSERT INTO jobs_visit (id, job_id, store_id, visit_time, visited_at, visited_by, metadata)
    SELECT n, 1 + n %% %(jobs)s, 'S-' || n %% 977, 'noon', now(), 'rep ' || n / 1000,
        jsonb_build_object('route', (n / 10)::text, 'app', 'one')
    FROM generate_series(1, %(visits)s) AS n;
    INSERT INTO jobs_visitreference (client_reference, owner_id, visit_id)
    SELECT 'V-' || n, %(owner)s, n * 100 FROM generate_series(1, %(visits)s / 100) AS n;
    INSERT INTO jobs_imageresult (id, job_id, visit_id, url, rank, state, held, error_code, error_message, claim_no,
        attempts, crashes, generation, format)
    SELECT n, 1 + n %% %(jobs)s, n, 'http://a.test/1', n, 'pending', false, '', '', 0, 0, 0, 0, ''
    FROM generate_series(1, %(visits)s / 10) AS n;
    INSERT INTO jobs_imagedetails (client_reference, owner_id, image_id)
    SELECT 'I-' || n, %(owner)s, n FROM generate_series(1, %(visits)s / 10) AS n;
"""
RARE = [
    "/api/v1/jobs?client_reference=J-7",
    "/api/v1/jobs?metadata=batch:7",
    "/api/v1/jobs?metadata=batch:none",
    "/api/v1/visits?client_reference=V-7",
    "/api/v1/visits?metadata=route:7",
    "/api/v1/visits?metadata=route:none",
    "/api/v1/visits?visited_by=rep 7",
    "/api/v1/visits?visited_by=nobody",
    "/api/v1/visits?visited_by=rep 7&metadata=route:700",
    "/api/v1/jobs/8/images?client_reference=I-7",
    "/jobs/?q=V-7",
    "/jobs/?q=I-7",
    "/visits/list/?reference=V-7",
    "/visits/list/?by=rep 7",
    "/visits/list/?metadata=route:7",
]
COMMON = ["/api/v1/jobs?metadata=app:one", "/api/v1/visits?metadata=app:one", "/visits/list/?metadata=app:one"]
NAMES = ["jobs_job", "jobs_visit", "jobs_visitreference", "jobs_imagedetails", "jobs_imageresult"]
LISTED = ", ".join(f"'{name}'" for name in NAMES)
BELIEFS = {
    "as they are": [f"ANALYZE {name}" for name in NAMES],
    "of no rows": [f"UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname IN ({LISTED})"],
    "none": [
        f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname IN ({LISTED})",
        f"DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname IN ({LISTED}))",
    ],
}


def asked(client, path):
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return [query["sql"] for query in captured.captured_queries if any(name in query["sql"] for name in NAMES)]


def read(statements):
    """How many rows these statements read, by their plans."""
    total = 0
    for statement in statements:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            ((found,),) = run(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement.replace('%', '%%')}", {})
            (plan,) = json.loads(found) if isinstance(found, str) else found
            total += sum(rows_read(plan["Plan"]))
    return total


@pytest.mark.django_db
def test_no_search_reads_more_than_it_finds(anna):  # noqa: F811 - the fixture
    client = Client()
    client.force_login(anna)
    run(FILL, {"owner": anna.pk, "visits": VISITS, "jobs": JOBS})
    for belief, statements in BELIEFS.items():
        for statement in statements:
            run(statement, {})
        of_many = COMMON if belief == "as they are" else []
        for path, most in [*((path, FEW) for path in RARE), *((path, EACH) for path in of_many)]:
            with transaction.atomic():
                rows = read(asked(client, path))
            assert rows <= most, (belief, path, rows)
