import pytest
from django.db import connection

from jobs.models import Job
from jobs.reporting import audit
from tests.jobs.reporting.auditing import forge


@pytest.fixture(autouse=True)
def impatient_audits(monkeypatch):
    monkeypatch.setattr(audit, "RESCUE_SECONDS", 0.05)


@pytest.fixture
def forged():
    """`forge`, undone afterwards, because all tests of the process share the constraints."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"
            " AND conrelid IN ('jobs_job'::regclass, 'jobs_imageresult'::regclass)"
        )
        constraints = cursor.fetchall()
    yield forge
    Job.with_deleted.all().delete()
    with connection.cursor() as cursor:
        for name, table, definition in constraints:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
