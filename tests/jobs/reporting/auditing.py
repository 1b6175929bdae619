"""What an audit finds, and rows that it should find."""

from django.db import connection

from jobs.reporting import audit


def broken():
    return {finding.check.code: finding.count for finding in audit.audit().findings if finding.count}


def forge(statement, *parameters):
    """Change rows despite every constraint and trigger, as a broken disk or a careless operator might."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text FROM pg_constraint WHERE contype = 'c'"
            " AND conrelid IN ('jobs_job'::regclass, 'jobs_imageresult'::regclass)"
        )
        for name, table in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute("ALTER TABLE jobs_imageresult DISABLE TRIGGER jobs_imageresult_stays_final")
        cursor.execute(statement, parameters)
        cursor.execute("ALTER TABLE jobs_imageresult ENABLE TRIGGER jobs_imageresult_stays_final")
